"""What a page may see of an INVITE beside its addresses: a few header fields, and who a trusted server says it is from.

Strangers write these fields: they are bounded, and come as plain text.
"""

from collections.abc import Iterable

from sip_agent.core.dialog.extra_headers import printable
from sip_agent.core.errors import SipError
from sip_agent.core.events import Flow
from sip_agent.core.host import Network
from sip_agent.core.origin import is_known
from sip_agent.core.syntax.grammar import readable
from sip_agent.core.syntax.headers import key_of
from sip_agent.core.syntax.message import NameAddr, Request

_SHOWN = {
    name.lower(): name
    for name in ("Alert-Info", "Call-Info", "Organization", "Priority", "Subject", "User-to-User")  # RFC 3261, 7433
}
MAX_FIELDS = 32
MAX_VALUE = 1024  # characters; a longer one is left out, for half a value may mean something else


def shown(request: Request) -> dict[str, str]:
    """Return the fields that a page is given: those that start with X-, and a few that are meant for people."""
    found: dict[str, str] = {}
    for name, value in request.headers:
        key = _SHOWN.get(key_of(name)) or (name if name[:2] in ("X-", "x-") else None)
        if key is None or (key not in found and len(found) == MAX_FIELDS):
            continue
        text = printable(readable(value))
        joined = f"{found[key]}, {text}" if key in found else text
        if len(joined) <= MAX_VALUE:
            found[key] = joined
    return found


def asserted_identity(request: Request, source: Flow, trusted: Iterable[Network]) -> str:
    """Return the P-Asserted-Identity (RFC 3325 §9.1) of a server that is trusted, else nothing.

    A caller that asked for privacy is not named either (§7): a server that passed it on anyway made a mistake.
    """
    if not is_known(source, (), trusted) or request.has_option("Privacy", "id"):
        return ""
    try:
        values = request.headers.get_all("P-Asserted-Identity")
        return readable(str(NameAddr.parse(values[0], "P-Asserted-Identity"))) if values else ""
    except SipError:
        return ""
