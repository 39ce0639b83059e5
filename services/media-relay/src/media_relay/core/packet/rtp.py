"""The fixed header of RTP (RFC 3550 §5.1), read and, for the payload type only, written."""

from struct import Struct
from typing import NamedTuple

_HEADER = Struct("!BBHII")
_HEADER_LENGTH = 12
_EXTENSION_LENGTH = Struct("!H")


class RtpHeader(NamedTuple):
    """The fields that forwarding needs."""

    payload_type: int
    sequence_number: int
    ssrc: int
    timestamp: int
    length: int  # with CSRC list and header extension


def parse(packet: bytes) -> RtpHeader | None:
    """Return the header, or None if this is no RTP packet (the checks of RFC 3550 A.1, padding left out)."""
    if len(packet) < _HEADER_LENGTH:
        return None
    first, second, sequence_number, timestamp, ssrc = _HEADER.unpack_from(packet)
    length = _HEADER_LENGTH if first & 0xDF == 0x80 else _length(packet, first)
    if length is None:
        return None
    return RtpHeader(second & 0x7F, sequence_number, ssrc, timestamp, length)


def _length(packet: bytes, first: int) -> int | None:
    """Check the version, and that CSRC list and header extension lie inside the packet; return where they end."""
    if first >> 6 != 2:
        return None
    end = _HEADER_LENGTH + 4 * (first & 0x0F)
    if first & 0x10:
        if len(packet) < end + 4:
            return None
        end += 4 + 4 * _EXTENSION_LENGTH.unpack_from(packet, end + 2)[0]
    return end if len(packet) >= end else None


def has_valid_padding(packet: bytes) -> bool:
    """Check the padding count of a packet in the clear; in SRTP it is encrypted."""
    return not packet[0] & 0x20 or 0 < packet[-1] <= len(packet) - _HEADER_LENGTH


def payload_length(packet: bytes, header: RtpHeader) -> int:
    """Return the octets of payload, without padding, of a packet in the clear whose padding is valid."""
    padding = packet[-1] if packet[0] & 0x20 else 0
    return max(0, len(packet) - header.length - padding)


def payload_of(packet: bytes, header: RtpHeader) -> bytes:
    """Return that payload."""
    return packet[header.length : header.length + payload_length(packet, header)]


def has_marker(packet: bytes) -> bool:
    """Tell whether the marker bit is set, which begins an event or a spurt of talk."""
    return bool(packet[1] & 0x80)


def with_payload_type(packet: bytes, payload_type: int) -> bytes:
    """Return the packet with another payload type; marker, numbers, times and SSRC stay."""
    return b"%c%c%b" % (packet[0], packet[1] & 0x80 | payload_type, packet[2:])


def with_sequence_number(packet: bytes, sequence_number: int) -> bytes:
    """Return the packet under another number."""
    return b"%b%b%b" % (packet[:2], sequence_number.to_bytes(2, "big"), packet[4:])


def build(
    payload_type: int, sequence_number: int, timestamp: int, ssrc: int, payload: bytes, marker: bool = False
) -> bytes:
    """Return a packet without CSRCs and header extension."""
    return _HEADER.pack(0x80, payload_type | (0x80 if marker else 0), sequence_number, timestamp, ssrc) + payload
