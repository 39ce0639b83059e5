"""Whom an RTCP compound packet is from, and which sources it speaks of (RFC 3550 §6, RFC 4585 §6.1).

One is written here too: the request for a whole picture.
"""

from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

_PACKET_HEADER = Struct("!BBH")
_SSRC = Struct("!I")

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, GOODBYE = 200, 201, 202, 203
TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK = 205, 206

_REPORT_BLOCKS_AT = {SENDER_REPORT: 28, RECEIVER_REPORT: 8}
_REPORT_BLOCK_LENGTH = 24


_SENDER_INFO = Struct("!I2xHH2x")  # SSRC, and the middle of the NTP time
_REPORT_BLOCK = Struct("!IB3xIIII")
_COUNTS, _COUNTS_AT = Struct("!II"), 20  # of packets and octets in a sender report


class ReportBlock(NamedTuple):
    """What somebody received of a source (RFC 3550 §6.4.1)."""

    ssrc: int
    fraction_lost: int  # of 256
    highest_sequence: int
    jitter: int
    last_report: int  # the middle 32 bits of its last sender report's NTP time, 0: none came
    delay: int  # since then, in 1/65536 s


class Reports(NamedTuple):
    """Of a compound packet."""

    sent: tuple[tuple[int, int], ...]  # sender reports: SSRC, middle 32 bits of the NTP time
    blocks: tuple[ReportBlock, ...]


class RtcpSources(NamedTuple):
    """SSRCs of a compound packet."""

    sender: int | None  # of the first packet
    about: tuple[int, ...]  # of report blocks and feedback


def parse(packet: bytes) -> RtcpSources | None:
    """Walk a compound or reduced-size packet (RFC 5506); None if it is malformed (RFC 3550 A.2)."""
    sender: int | None = None
    about: list[int] = []
    position = 0
    while position < len(packet):
        if len(packet) - position < _PACKET_HEADER.size:
            return None
        first, packet_type, words = _PACKET_HEADER.unpack_from(packet, position)
        end = position + 4 * (words + 1)
        if first >> 6 != 2 or not 192 <= packet_type <= 223 or end > len(packet):
            return None
        # Only the last packet of a compound one may be padded, so that an attacker cannot hide what follows.
        if first & 0x20 and end != len(packet):
            return None
        # Only here: SRTCP takes the second word of the whole for its SSRC (RFC 3711 §3.4), whatever it is.
        if position == 0 and words >= 1:
            sender = _SSRC.unpack_from(packet, position + 4)[0]
        about.extend(_sources_spoken_of(packet[position:end], packet_type, first & 0x1F))
        position = end
    return RtcpSources(sender, tuple(about)) if packet else None


def read_reports(packet: bytes) -> Reports:
    """Return the reports in a packet that `parse` has found valid."""
    sent: list[tuple[int, int]] = []
    blocks: list[ReportBlock] = []
    position = 0
    while position < len(packet):
        first, packet_type, words = _PACKET_HEADER.unpack_from(packet, position)
        end = position + 4 * (words + 1)
        if packet_type == SENDER_REPORT and end - position >= _REPORT_BLOCKS_AT[SENDER_REPORT]:
            ssrc, high, low = _SENDER_INFO.unpack_from(packet, position + 4)
            sent.append((ssrc, high << 16 | low))
        if packet_type in _REPORT_BLOCKS_AT:
            start = position + _REPORT_BLOCKS_AT[packet_type]
            for at in range(start, start + (first & 0x1F) * _REPORT_BLOCK_LENGTH, _REPORT_BLOCK_LENGTH):
                if at + _REPORT_BLOCK_LENGTH <= end:
                    blocks.append(ReportBlock(*_REPORT_BLOCK.unpack_from(packet, at)))
        position = end
    return Reports(tuple(sent), tuple(blocks))


def with_sender_counts(compound: bytes, counts: Callable[[int], tuple[int, int] | None]) -> bytes:
    """Return a valid packet whose sender reports tell the packets and octets that `counts` has for their SSRCs."""
    changed, position = bytearray(compound), 0
    while position < len(compound):
        _, packet_type, words = _PACKET_HEADER.unpack_from(compound, position)
        end = position + 4 * (words + 1)
        if packet_type == SENDER_REPORT and end - position >= _REPORT_BLOCKS_AT[SENDER_REPORT]:
            told = counts(_SSRC.unpack_from(compound, position + 4)[0])
            if told is not None:
                _COUNTS.pack_into(changed, position + _COUNTS_AT, *(count & 0xFFFFFFFF for count in told))
        position = end
    return bytes(changed)


def picture_loss_indication(sender: int, about: int) -> bytes:
    """Return a PLI (RFC 4585 §6.3.1) behind the report that a compound packet begins with (RFC 3550 §6.1)."""
    report = _PACKET_HEADER.pack(0x80, RECEIVER_REPORT, 1) + _SSRC.pack(sender)
    return report + _PACKET_HEADER.pack(0x81, PAYLOAD_FEEDBACK, 2) + _SSRC.pack(sender) + _SSRC.pack(about)


def _sources_spoken_of(packet: bytes, packet_type: int, count: int) -> list[int]:
    if packet_type in (TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK):
        return [_SSRC.unpack_from(packet, 8)[0]] if len(packet) >= 12 else []
    start = _REPORT_BLOCKS_AT.get(packet_type)
    if start is None:
        return []
    block_starts = range(start, start + count * _REPORT_BLOCK_LENGTH, _REPORT_BLOCK_LENGTH)
    return [_SSRC.unpack_from(packet, at)[0] for at in block_starts if at + _REPORT_BLOCK_LENGTH <= len(packet)]
