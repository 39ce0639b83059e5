"""Whose a connectivity check is: as much of STUN as tells that, and no more. native/stun.c is the twin."""

from struct import Struct

UFRAG_LENGTH = 8  # of ours, of the 4 to 256 characters that RFC 8839 §5.4 allows

_HEADER = Struct("!HHI12x")  # type, length of what follows, magic cookie, transaction id (RFC 8489 §5)
_ATTRIBUTE = Struct("!HH")
_BINDING_REQUEST = 0x0001
_MAGIC_COOKIE = 0x2112A442
_USERNAME = 0x0006


def ufrag_of(datagram: bytes) -> str | None:
    """Return the fragment of ours that a Binding request is named by (RFC 8445 §7.2.2); None for anything else, and for
    one of another length."""
    if len(datagram) < _HEADER.size:
        return None
    kind, length, cookie = _HEADER.unpack_from(datagram)
    if kind != _BINDING_REQUEST or cookie != _MAGIC_COOKIE or len(datagram) != _HEADER.size + length:
        return None
    at = _HEADER.size
    while at + _ATTRIBUTE.size <= len(datagram):
        attribute, size = _ATTRIBUTE.unpack_from(datagram, at)
        value = datagram[at + _ATTRIBUTE.size : at + _ATTRIBUTE.size + size]
        if len(value) < size:
            return None
        if attribute == _USERNAME:
            ours, colon, _ = value.partition(b":")
            return ours.decode("latin-1") if colon and len(ours) == UFRAG_LENGTH else None
        at += _ATTRIBUTE.size + (size + 3 & ~3)
    return None
