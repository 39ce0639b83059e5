"""Header fields that a page adds to its INVITE, checked: a page writes text, never the protocol."""

from collections.abc import Mapping

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.grammar import is_token
from sip_agent.core.syntax.headers import key_of

# What the stack writes, what proxies and servers on the way act on, and what only they may say of a caller or a bill.
_RESERVED = frozenset(
    "accept accept-contact accept-encoding accept-resource-priority allow allow-events answer-mode"
    " authentication-info authorization call-id contact content-disposition content-encoding content-id"
    " content-language content-length content-transfer-encoding content-type cseq date diversion event expires"
    " feature-caps flow-timer from geolocation geolocation-routing history-info identity identity-info info-package"
    " join max-breadth max-forwards mime-version min-expires min-se path permission-missing policy-contact"
    " priv-answer-mode privacy proxy-authenticate proxy-authorization proxy-require rack reason record-route recv-info"
    " refer-sub refer-to referred-by reject-contact remote-party-id replaces request-disposition require"
    " resource-priority retry-after route rseq security-client security-server security-verify server service-route"
    " session-expires session-id sip-etag sip-if-match subscription-state supported suppress-if-match target-dialog"
    " timestamp to trigger-consent unsupported user-agent via warning www-authenticate".split()
)
_RESERVED_PREFIXES = ("p-", "content-")  # RFC 7315 and its like: charging, asserted identities
MAX_FIELDS = 32
MAX_OCTETS = 2048  # of one field


def checked(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the fields; 400 for a name that is not the page's to write, or for text that is no header field."""
    if len(headers) > MAX_FIELDS:
        raise SipError(400, "Too Many Headers")
    for name, value in headers.items():
        if not is_token(name) or _is_reserved(key_of(name)) or not _is_line(value):
            raise SipError(400, f"Header Not Allowed: {printable(name)[:64]}")
    return list(headers.items())


def _is_reserved(key: str) -> bool:
    return key in _RESERVED or key.startswith(_RESERVED_PREFIXES)


def _is_line(value: str) -> bool:
    try:
        octets = value.encode()  # half of a surrogate pair has no UTF-8, or would become any octet
    except UnicodeEncodeError:
        return False
    return len(octets) <= MAX_OCTETS and printable(value) == value


def printable(text: str) -> str:
    """Return a text without what would end a line or a message: every control character becomes a space."""
    return "".join(" " if ord(character) < 32 or ord(character) == 127 else character for character in text)
