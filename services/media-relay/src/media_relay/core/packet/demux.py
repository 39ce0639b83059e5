"""What a datagram on the browser port is, by its first byte (RFC 7983 §7) and RTCP by its second (RFC 5761 §4)."""

from enum import Enum, auto


class DatagramKind(Enum):
    """The protocols that share the port."""

    STUN = auto()
    DTLS = auto()
    RTP = auto()
    RTCP = auto()
    OTHER = auto()


_KIND_BY_FIRST_BYTE = tuple(
    DatagramKind.STUN
    if byte <= 3
    else DatagramKind.DTLS
    if 20 <= byte <= 63
    else DatagramKind.RTP
    if 128 <= byte <= 191
    else DatagramKind.OTHER
    for byte in range(256)
)


def kind_of(datagram: bytes) -> DatagramKind:
    """Return the kind; too short for its kind is the reader's business."""
    if not datagram:
        return DatagramKind.OTHER
    kind = _KIND_BY_FIRST_BYTE[datagram[0]]
    if kind is DatagramKind.RTP and is_rtcp(datagram):
        return DatagramKind.RTCP
    return kind


def is_rtcp(datagram: bytes) -> bool:
    """Tell RTCP from RTP on one port: payload types 64-95 are not used for RTP, so 192-223 is an RTCP packet type."""
    return len(datagram) > 1 and 192 <= datagram[1] <= 223
