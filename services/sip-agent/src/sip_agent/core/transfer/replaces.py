"""The Replaces header field (RFC 3891 §6.1), which names a dialog that a new one takes the place of.

In it `to_tag` is the tag of whoever receives it, `from_tag` that of the far side of the dialog.
"""

import re
from dataclasses import dataclass

from sip_agent.core.dialog.dialog import Dialog
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import LWS, find_param, parse_params
from sip_agent.core.syntax.message import Request

_WORD = re.compile(r"[!#-+\-.-:<-~]+")  # ASCII that is seen, but for what divides or quotes


@dataclass(frozen=True)
class Replaces:
    """`early_only`: only a call that still rings may be replaced."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> "Replaces":
        """Read a value; 400 when it is none (§6.1: exactly one of each tag)."""
        call_id, semicolon, rest = text.partition(";")
        params = parse_params(semicolon + rest, "Replaces")
        names = [name.lower() for name, _ in params]
        to_tag, from_tag = find_param(params, "to-tag"), find_param(params, "from-tag")
        call_id = call_id.strip(LWS)
        # It may have been escaped in a URI, where anything can stand: nothing here may end a header field.
        is_plain = all(_WORD.fullmatch(part or "") for part in (call_id, to_tag, from_tag))
        if not (is_plain and to_tag and from_tag) or names.count("to-tag") != 1 or names.count("from-tag") != 1:
            raise SipError(400, "Bad Replaces")
        return cls(call_id, to_tag, from_tag, "early-only" in names)

    def __str__(self) -> str:
        early_only = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early_only}"


def replaces_of(request: Request) -> Replaces | None:
    """Return what a request replaces, None if nothing; 400 as §3 has it."""
    values = request.headers.lines("Replaces")
    if not values:
        return None
    if len(values) > 1 or request.method != "INVITE" or "Join" in request.headers:
        raise SipError(400, "Bad Replaces")
    return Replaces.parse(values[0])


def far_end_of(dialog: Dialog) -> Replaces:
    """What the far side of a dialog of ours is told to replace."""
    return Replaces(dialog.call_id, dialog.remote_tag, dialog.local_tag)
