"""Binding requests in, responses out (RFC 8489, RFC 8445 §7): the only module that knows aioice's STUN codec."""

from dataclasses import dataclass
from struct import error as StructError

from aioice import stun

from ..plan import Address, BrowserPath, IceCredentials


@dataclass(frozen=True)
class BindingRequest:
    """A connectivity check, not yet authenticated."""

    local_ufrag: str  # whom it is for: the part before the colon
    use_candidate: bool
    from_controlled: bool  # the sender believes that it is the controlled agent, as we always are
    message: stun.Message
    sender: Address | None = None  # as its network shows it; None: it is the datagram's source

    def is_authentic(self, local: IceCredentials) -> bool:
        """Check MESSAGE-INTEGRITY with our password (RFC 8445 §7.3)."""
        return self.message.check_message_integrity(local.pwd.encode())


def parse_binding_request(datagram: bytes, sender: Address | None = None) -> BindingRequest | None:
    """Return a check with the attributes that RFC 8445 §7.1 demands, None for anything else."""
    try:
        message = stun.parse_message(datagram)
    except (ValueError, StructError):  # the codec lets struct's errors through for attributes of a wrong length
        return None
    attributes = message.attributes
    if message.message_method != stun.Method.BINDING or message.message_class != stun.Class.REQUEST:
        return None
    if "MESSAGE-INTEGRITY" not in attributes or "FINGERPRINT" not in attributes:
        return None
    local_ufrag, colon, _ = attributes.get("USERNAME", "").partition(":")
    if not colon:
        return None
    return BindingRequest(local_ufrag, "USE-CANDIDATE" in attributes, "ICE-CONTROLLED" in attributes, message, sender)


def success_response(request: BindingRequest, source: BrowserPath, local: IceCredentials) -> bytes:
    """Return the response that tells the sender its address."""
    return _response(request, stun.Class.RESPONSE, {"XOR-MAPPED-ADDRESS": request.sender or source.address}, local)


def role_conflict_response(request: BindingRequest, local: IceCredentials) -> bytes:
    """RFC 8445 §7.3.1.1: 487 makes the sender take the controlling role."""
    return _response(request, stun.Class.ERROR, {"ERROR-CODE": (487, "Role Conflict")}, local)


def _response(
    request: BindingRequest, message_class: stun.Class, attributes: dict[str, object], local: IceCredentials
) -> bytes:
    response = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=message_class,
        transaction_id=request.message.transaction_id,
        attributes=attributes,
    )
    response.add_message_integrity(local.pwd.encode())
    return bytes(response)
