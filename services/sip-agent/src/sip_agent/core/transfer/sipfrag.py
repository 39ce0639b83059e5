"""How far a referred call is, told by NOTIFY: message/sipfrag (RFC 3420), Subscription-State (RFC 6665 §8.2.3)."""

import re
from dataclasses import dataclass

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import readable
from sip_agent.core.syntax.message import Message, Request

SIPFRAG = "message/sipfrag"
EVENT = "refer"

_STATUS_LINE = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9])(?: ([^\r\n]{0,200}))?(?:\r?\n|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Report:
    """What a NOTIFY says. `status` is 0 where it says nothing that can be read."""

    status: int
    reason: str
    is_last: bool


def is_without_subscription(message: Message) -> bool:
    """Whether a REFER wants no NOTIFY, or its 2xx says that there will be none (RFC 4488 §4)."""
    return (message.headers.get("Refer-Sub") or "").partition(";")[0].strip().lower() == "false"


def write(status: int, reason: str) -> bytes:
    """Return the body that tells a status."""
    return f"SIP/2.0 {status} {reason}\r\n".encode()


def read(notify: Request) -> Report:
    """Read a NOTIFY of a REFER's subscription; 489 for another event."""
    event = (notify.headers.get("Event") or "").partition(";")[0].strip().lower()
    if event != EVENT:
        raise SipError(489, "Bad Event")
    state = (notify.headers.get("Subscription-State") or "active").partition(";")[0].strip().lower()
    found = _STATUS_LINE.match(notify.body.lstrip()) if notify.content_type == SIPFRAG else None
    if found is None:
        return Report(0, "", state == "terminated")
    reason = (found[2] or b"").decode(errors="replace").strip()
    return Report(int(found[1]), readable(reason), state == "terminated")
