"""REGISTER as the registrar reads it, and the Contact fields of its 200 (RFC 3261 §10.3)."""

import math
from collections.abc import Iterable

from shared.errors import RemoteError
from shared.records import Binding
from sip_agent.core.domain.registrar import ContactChange, Registration
from sip_agent.core.syntax.grammar import quote, qvalue, unquote
from sip_agent.core.syntax.message import Request
from sip_agent.core.syntax.uri import NameAddr

MOST_EXPIRES = 7200
# §10.3 step 7 lets us shorten. The binding is worth what its connection is, which is closed after 300 idle seconds.
MOST_EXPIRES_OVER_TCP = 240


def read_register(request: Request, default_expires: int, received: str, agent: str) -> Registration:
    """Return what a REGISTER asks for."""
    most = MOST_EXPIRES_OVER_TCP if received.startswith(("tcp:", "tls:")) else MOST_EXPIRES
    general = default_expires if request.expires is None else request.expires
    if request.contact_is_star and request.expires != 0:
        raise RemoteError(400, "Contact * Needs Expires 0")  # step 6
    return Registration(
        call_id=request.call_id,
        cseq=request.cseq[0],
        contacts=tuple(_change(contact, general, most) for contact in request.contacts),
        remove_all=request.contact_is_star,
        received=received,
        agent=agent,
    )


def _change(contact: NameAddr, general: int, most: int) -> ContactChange:
    own = contact.param("expires")
    # §20.10: a malformed value counts as 3600; ours must not be beyond what we keep.
    expires = general if own is None else int(own) if own.isascii() and own.isdigit() and len(own) <= 10 else 3600
    return ContactChange(
        uri=str(contact.sip_uri),
        expires=min(expires, most),
        q=qvalue(contact.param("q"), malformed=1.0),  # as if it were not there, as with `expires`: the phone is to ring
        instance=unquote(contact.param("+sip.instance") or ""),
    )


def granted_contacts(bindings: Iterable[Binding], now: float) -> list[tuple[str, str]]:
    """Return a Contact field for each binding, with the seconds that it has left."""
    fields = []
    for binding in bindings:
        text = f"<{binding.contact}>;expires={max(0, math.ceil(binding.expires_at - now))}"
        if binding.q != 1.0:
            text += f";q={binding.q:.3g}"
        if binding.instance:
            text += f";+sip.instance={quote(binding.instance)}"
        fields.append(("Contact", text))
    return fields
