"""The Reason header field (RFC 3326): why a request was sent, or a response given."""

import re

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import find_param, parse_params, quote, readable, split_list, unquote
from sip_agent.core.syntax.message import Message

_PROTOCOL = re.compile(r"\s*(SIP|Q\.850)\s*(;.*)", re.IGNORECASE | re.DOTALL)
# RFC 4497 §8.4.1 and common sense: the ends of a phone call that people ask about.
_Q850 = {16: (200, "Normal Call Clearing"), 17: (486, "Busy Here"), 19: (480, "No Answer"), 21: (603, "Call Rejected")}


def end_of(message: Message, status: int, reason: str) -> tuple[int, str]:
    """Return the status and text of a message's Reason, else those given.

    `SIP` counts before `Q.850`, whose causes are not SIP statuses and only name the common ends.
    """
    for text in message.headers.lines("Reason"):
        try:
            found = _read(text)
        except SipError:  # a reason that cannot be read gives none; the request counts all the same
            continue
        if found is not None:
            return found[0], found[1] or reason
    return status, reason


def _read(text: str) -> tuple[int, str] | None:
    for value in split_list(text, "Reason"):
        found = _PROTOCOL.fullmatch(value)
        if found is None:
            continue
        params = parse_params(found[2], "Reason")
        cause, words = find_param(params, "cause") or "", readable(unquote(find_param(params, "text") or ""))
        if not (cause.isascii() and cause.isdigit() and len(cause) <= 3):
            continue
        if found[1].upper() == "SIP" and 200 <= int(cause) < 700:
            return int(cause), words
        known = _Q850.get(int(cause)) if found[1].upper() == "Q.850" else None
        if known is not None:
            return known[0], words or known[1]
    return None


def reason_header(status: int, text: str) -> tuple[str, str]:
    """Return the header that tells a SIP status."""
    return "Reason", f"SIP;cause={status};text={quote(text)}"
