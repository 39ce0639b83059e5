"""Refer-To and Referred-By: who is to be called, and who wants it (RFC 3515 §2.1, RFC 3892, RFC 5589 §6, §7)."""

from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from sip_agent.core.dialog.dialog import Dialog
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request
from sip_agent.core.syntax.uri import NameAddr, SipUri
from sip_agent.core.transfer.replaces import Replaces, far_end_of

# What the value of a header in a URI holds unescaped (RFC 3261 §25.1, hvalue); "?" is allowed, and misread by some.
_UNESCAPED = "-_.!~*'()[]/:+$"


@dataclass(frozen=True)
class Referral:
    """`target` has no headers: of those in Refer-To only Replaces counts, or a far side could write our requests."""

    target: SipUri
    replaces: Replaces | None = None
    referred_by: str = ""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What the INVITE to the target has of it."""
        made = [("Replaces", str(self.replaces))] if self.replaces is not None else []
        return [*made, ("Referred-By", self.referred_by)] if self.referred_by else made

    @property
    def refer_to(self) -> str:
        """The value of Refer-To."""
        if self.replaces is None:
            return f"<{self.target}>"
        return f"<{replace(self.target, headers=(('Replaces', quote(str(self.replaces), _UNESCAPED)),))}>"


def read_referral(request: Request) -> Referral:
    """Read a REFER; `SipError` for one that asks for something else than a call (RFC 3515 §2.4.2)."""
    values = request.headers.lines("Refer-To")
    if len(values) != 1:
        raise SipError(400, "Exactly One Refer-To Is Needed")
    uri = NameAddr.parse(values[0], "Refer-To").sip_uri
    if (uri.param("method") or "INVITE").upper() != "INVITE":
        raise SipError(501, "Only Calls Are Made")
    found = [value or "" for name, value in uri.headers if name.lower() == "replaces"]
    if len(found) > 1:
        raise SipError(400, "Bad Replaces")
    target = replace(uri, headers=()).without_params("method")
    return Referral(target, Replaces.parse(unquote(found[0])) if found else None, _referred_by(request))


def _referred_by(request: Request) -> str:
    values = request.headers.lines("Referred-By")
    if not values:
        return ""
    # Without its parameters: they point into a body that is not copied (RFC 3892 §3).
    address = NameAddr.parse(values[0], "Referred-By")
    return str(NameAddr(address.display_name, address.uri))


def to_replace(other: Dialog) -> Referral:
    """The referral that makes somebody take over the far side of `other` (RFC 5589 §7.3).

    A GRUU reaches exactly the phone of that dialog. Any other Contact is for those alone who are in the dialog: it may
    be an address behind a NAT. So the far side is called by its address of record; of the phones that this reaches
    only the right one has the dialog that is named.
    """
    contact = SipUri.parse(other.remote_target)
    if contact.param("gr") is not None:
        return Referral(contact, far_end_of(other))
    address = NameAddr.parse(other.remote, "address").uri
    if not isinstance(address, SipUri) or not address.user or address.host.lower().endswith(".invalid"):
        address = contact
    return Referral(replace(address, headers=()), far_end_of(other))
