"""Reports in the name of a side that sends none: SR, RR and SDES (RFC 3550 §6.4, §6.5), from what is known here.

A phone without RTCP leaves the browser without a word of what it sends and without a clock of what it hears, and the
other way round. So the relay speaks for it, and is silent for as long as the side itself is heard to report.
"""

from collections.abc import Container, Sequence
from struct import Struct
from typing import NamedTuple

from shared.messages.media import Side

from .packet.rtcp import RECEIVER_REPORT, SENDER_REPORT, SOURCE_DESCRIPTION
from .plan import StreamPlan
from .quality import SIDES, lost_since
from .statistics import SourceStatistics, opposite

OWN_SSRC = 1  # of who only receives, as browsers have it too
REPORT_LIFETIME = 15.0  # a side that has reported so lately speaks for itself
_PATIENCE = 8.0  # before it is spoken for: longer than RFC 3550 §6.2 lets it wait with its first report
_IN_USE = 10.0  # seconds since a source was heard
_NTP_EPOCH = 2_208_988_800  # from 1900 to 1970 (RFC 3550 §4)
_MOST_BLOCKS = 31

_HEADER = Struct("!BBHI")
_SENDER_INFO = Struct("!QIII")
_REPORT_BLOCK = Struct("!IIIIII")


class OwnReport(NamedTuple):
    """A compound packet to be sent to a side."""

    stream: int
    side: Side
    packet: bytes


class Reporter:
    """Speaks for the sides of one session, to those that it has."""

    def __init__(self, cnames: dict[Side, bytes], to: Sequence[Side] = SIDES) -> None:
        self._cnames = cnames  # RFC 7022: they tell nothing, and tie the streams of a side together
        self._to = frozenset(to)
        self._unheard_since: dict[tuple[int, Side], float] = {}
        self._made: dict[tuple[Side, int], int] = {}  # the NTP middle of our last sender report about a source
        self._before: dict[tuple[Side, int], SourceStatistics] = {}

    def make(
        self,
        now: float,
        wall: float,
        sources: Sequence[SourceStatistics],
        streams: Sequence[StreamPlan],
        bridged: Container[int] = (),
    ) -> list[OwnReport]:
        """Return what is due at `now`, monotonic; `wall` is the time of day. Call it each 5 s (RFC 3550 §6.2).

        Of the streams that are `bridged` the other session speaks to its browser for ours, which is its SIP side.
        """
        reports = []
        for index, stream in enumerate(streams):
            of_stream = [each for each in sources if each.stream == index]
            for side in SIDES:
                if opposite(side) not in self._to:
                    continue
                if opposite(side) == "sip" and (stream.sip_rtp is None or index in bridged):
                    continue
                packet = self._speak_for(side, index, now, wall, of_stream, stream.clock_rate)
                if packet is not None:
                    reports.append(OwnReport(index, opposite(side), packet))
        self._before = {(each.side, each.ssrc): each for each in sources}
        return reports

    def _speak_for(
        self, side: Side, index: int, now: float, wall: float, sources: Sequence[SourceStatistics], clock_rate: int
    ) -> bytes | None:
        own = [each for each in sources if each.side == side]
        others = [each for each in sources if each.side != side]
        if any(self._has_reported(each, now) for each in own) or any(_was_reported(each, now) for each in others):
            self._unheard_since.pop((index, side), None)
            return None
        in_use = [each for each in own if now - each.last_heard < _IN_USE]
        heard = [each for each in others if self._was_heard(each)]
        if not in_use and not heard:
            return None
        if now - self._unheard_since.setdefault((index, side), now) < _PATIENCE:
            return None
        blocks = [self._block(each, now) for each in heard[:_MOST_BLOCKS]]
        if not in_use:
            return _compound(OWN_SSRC, None, blocks, self._cnames[side])
        speaker = max(in_use, key=lambda each: each.last_heard)
        return _compound(speaker.ssrc, self._sender_info(speaker, now, wall, clock_rate), blocks, self._cnames[side])

    def _has_reported(self, source: SourceStatistics, now: float) -> bool:
        """Whether the source's own side sent its last sender report, and lately."""
        report = source.sender_report
        is_theirs = report is not None and self._made.get((source.side, source.ssrc)) != report[0]
        return is_theirs and report is not None and now - report[1] < REPORT_LIFETIME

    def _was_heard(self, source: SourceStatistics) -> bool:
        """Whether it was heard since the last report: of others nothing is said (RFC 3550 §6.4.2)."""
        before = self._before.get((source.side, source.ssrc))
        return before is None or source.last_heard > before.last_heard

    def _sender_info(self, source: SourceStatistics, now: float, wall: float, clock_rate: int) -> bytes:
        ntp = int((wall + _NTP_EPOCH) * (1 << 32))
        self._made[source.side, source.ssrc] = ntp >> 16 & 0xFFFFFFFF
        timestamp = source.last_timestamp + int((now - source.last_heard) * clock_rate)
        counts = source.sent_packets & 0xFFFFFFFF, source.sent_octets & 0xFFFFFFFF
        return _SENDER_INFO.pack(ntp & ((1 << 64) - 1), timestamp & 0xFFFFFFFF, *counts)

    def _block(self, source: SourceStatistics, now: float) -> bytes:
        """RFC 3550 §6.4.1, A.3."""
        lost_now = lost_since(source, self._before.get((source.side, source.ssrc)))
        fraction = max(0, lost_now.expected - lost_now.received) * 256 // max(1, lost_now.expected)
        lost = source.highest_sequence - source.first_sequence + 1 - source.packets
        lost = max(-0x800000, min(0x7FFFFF, lost))
        last_report = delay = 0
        if self._has_reported(source, now) and source.sender_report is not None:
            last_report = source.sender_report[0]
            delay = int((now - source.sender_report[1]) * 65536)
        return _REPORT_BLOCK.pack(
            source.ssrc,
            min(fraction, 255) << 24 | lost & 0xFFFFFF,
            source.highest_sequence & 0xFFFFFFFF,
            min(int(source.jitter), 0xFFFFFFFF),
            last_report,
            delay,
        )


def _was_reported(source: SourceStatistics, now: float) -> bool:
    return source.reported_at is not None and now - source.reported_at < REPORT_LIFETIME


def _compound(ssrc: int, sender_info: bytes | None, blocks: Sequence[bytes], cname: bytes) -> bytes:
    """Return a report with its source description, which every compound packet has (RFC 3550 §6.1)."""
    packet_type = RECEIVER_REPORT if sender_info is None else SENDER_REPORT
    body = (sender_info or b"") + b"".join(blocks)
    return (
        _HEADER.pack(0x80 | len(blocks), packet_type, 1 + len(body) // 4, ssrc)
        + body
        + _source_description(ssrc, cname)
    )


def _source_description(ssrc: int, cname: bytes) -> bytes:
    """RFC 3550 §6.5: one chunk, its items ended and filled with zeros to a whole word."""
    item = b"\x01" + bytes([len(cname)]) + cname
    item += bytes(4 - len(item) % 4)
    return _HEADER.pack(0x81, SOURCE_DESCRIPTION, 1 + len(item) // 4, ssrc) + item
