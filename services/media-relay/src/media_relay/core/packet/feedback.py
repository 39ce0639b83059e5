"""Feedback that repairs video: read, written, and taken out of the compound packets that it comes in.

Generic NACKs (RFC 4585 §6.2.1), wishes for a whole picture: PLI (§6.3.1), FIR (RFC 5104 §4.3.1), and REMB, how much may
be sent.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from struct import Struct

from .rtcp import PAYLOAD_FEEDBACK, RECEIVER_REPORT, TRANSPORT_FEEDBACK

_PACKET_HEADER = Struct("!BBH")
_SSRCS = Struct("!II")
_LOST = Struct("!HH")  # a number, and bits for the sixteen that follow it
_REQUEST = Struct("!IB3x")  # an entry of an FIR
_ENTRIES_AT = 12
_GENERIC_NACK, _PICTURE_LOSS, _FULL_INTRA, _APPLICATION = 1, 1, 4, 15
_MANTISSA_BITS = 18


def rewrite(compound: bytes, treat: Callable[[bytes], bytes]) -> bytes:
    """Return a valid compound packet with what `treat` makes of each of its packets: the same, a shorter one, none."""
    return b"".join(treat(packet) for packet in _packets(compound))


def _packets(compound: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(compound):
        end = position + 4 * (_PACKET_HEADER.unpack_from(compound, position)[2] + 1)
        yield compound[position:end]
        position = end


def is_nack(packet: bytes) -> bool:
    """Tell whether it is a NACK. One with padding, which nobody sends, is left as it is."""
    return _is_feedback(packet, TRANSPORT_FEEDBACK, _GENERIC_NACK)


def wants_picture(packet: bytes) -> bool:
    """Tell whether it is a PLI or an FIR."""
    is_loss = _is_feedback(packet, PAYLOAD_FEEDBACK, _PICTURE_LOSS)
    return is_loss or _is_feedback(packet, PAYLOAD_FEEDBACK, _FULL_INTRA)


def _is_feedback(packet: bytes, packet_type: int, message: int) -> bool:
    return packet[:2] == bytes((0x80 | message, packet_type)) and len(packet) >= _ENTRIES_AT


def picture_sources(wish: bytes) -> list[int]:
    """Return the SSRCs of the media of which whole pictures are wanted."""
    if wish[0] & 0x1F == _PICTURE_LOSS:
        return [source_of(wish)]
    ends = range(_ENTRIES_AT, len(wish) - 3, _REQUEST.size)
    return [int.from_bytes(wish[at : at + 4], "big") for at in ends]


def full_intra_request(sender: int, about: int, number: int) -> bytes:
    """Return an FIR with its number, behind the report that a compound packet begins with."""
    header = _PACKET_HEADER.pack(0x80 | _FULL_INTRA, PAYLOAD_FEEDBACK, 4)
    return _report(sender) + header + _SSRCS.pack(sender, 0) + _REQUEST.pack(about, number & 0xFF)


def source_of(feedback: bytes) -> int:
    """Return the SSRC of the media that feedback is about."""
    return int(_SSRCS.unpack_from(feedback, 4)[1])


def without(nack: bytes, is_done: Callable[[int], bool]) -> bytes:
    """Return the NACK without the numbers that are done, or nothing if all are."""
    groups = [_numbers(*_LOST.unpack_from(nack, at)) for at in range(_ENTRIES_AT, len(nack), _LOST.size)]
    left = [[number for number in group if not is_done(number)] for group in groups]
    return _nack(nack[4:_ENTRIES_AT], [group for group in left if group])


def generic_nack(sender: int, about: int, numbers: Iterable[int]) -> bytes:
    """Return a NACK of these numbers, in their order, behind the report that a compound packet begins with."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and 0 < (number - groups[-1][0]) & 0xFFFF <= 16:
            groups[-1].append(number)
        else:
            groups.append([number])
    return _report(sender) + _nack(_SSRCS.pack(sender, about), groups)


def _report(sender: int) -> bytes:
    return _PACKET_HEADER.pack(0x80, RECEIVER_REPORT, 1) + sender.to_bytes(4, "big")


def receiver_estimate(sender: int, about: int, bit_rate: int) -> bytes:
    """Return an REMB (draft-alvestrand-rmcat-remb §2.2), behind the report that a compound packet begins with."""
    exponent = max(0, bit_rate.bit_length() - _MANTISSA_BITS)
    value = 1 << 24 | exponent << _MANTISSA_BITS | bit_rate >> exponent  # of one source
    header = _PACKET_HEADER.pack(0x80 | _APPLICATION, PAYLOAD_FEEDBACK, 5)
    return _report(sender) + header + _SSRCS.pack(sender, 0) + b"REMB" + _SSRCS.pack(value, about)


def _numbers(first: int, following: int) -> list[int]:
    return [first] + [(first + bit + 1) & 0xFFFF for bit in range(16) if following >> bit & 1]


def _nack(ssrcs: bytes, groups: Sequence[Sequence[int]]) -> bytes:
    if not groups:
        return b""
    header = _PACKET_HEADER.pack(0x80 | _GENERIC_NACK, TRANSPORT_FEEDBACK, 2 + len(groups))
    return header + ssrcs + b"".join(_group(numbers) for numbers in groups)


def _group(numbers: Sequence[int]) -> bytes:
    first, *following = numbers
    return _LOST.pack(first, sum({1 << (number - first - 1 & 0xFFFF) for number in following}))
