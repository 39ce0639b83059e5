"""Header fields that a page adds to its INVITE, checked: a page writes text, never the protocol."""

from collections.abc import Mapping

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import is_token
from sip_agent.core.syntax.headers import key_of

_OURS = frozenset(
    "accept accept-encoding allow authentication-info authorization call-id contact content-disposition"
    " content-encoding content-length content-type cseq expires from max-forwards min-se p-asserted-identity"
    " p-preferred-identity path privacy proxy-authenticate proxy-authorization proxy-require rack record-route refer-to"
    " referred-by remote-party-id replaces require route rseq server session-expires supported timestamp to unsupported"
    " user-agent via www-authenticate".split()
)


def checked(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the fields; 400 for a name that the stack writes itself, or for text that is no header field."""
    for name, value in headers.items():
        if not is_token(name) or key_of(name) in _OURS or printable(value) != value:
            raise SipError(400, f"Header Not Allowed: {printable(name)}")
    return list(headers.items())


def printable(text: str) -> str:
    """Return a text without what would end a line or a message: every control character becomes a space."""
    return "".join(" " if ord(character) < 32 or ord(character) == 127 else character for character in text)
