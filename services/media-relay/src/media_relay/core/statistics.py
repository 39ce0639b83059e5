"""What is known of each synchronisation source from its packets and from the reports about it (RFC 3550).

`SourceStatistics` is the forwarder's answer, `SourceRecord` how the Python forwarder comes to it; the native twin of
that is native/statistics.c.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from shared.messages.media import Side

from .packet import rtcp, rtp
from .packet.rtp import RtpHeader
from .plan import StreamPlan

Stream = TypeVar("Stream")

_SEQUENCE_NUMBERS = 1 << 16
_MASK = 0xFFFFFFFF
# RFC 3550 A.1: how far a number may be ahead, or behind, before it is taken for a restart of the sender.
_MAX_DROPOUT, _MAX_MISORDER = 3000, 100


@dataclass(frozen=True, slots=True)
class SourceStatistics:
    """One source. What the other side reports about it speaks of the whole way from the source to that side."""

    stream: int
    side: Side
    ssrc: int
    packets: int  # since the first number; like RFC 3550's they count duplicates
    octets: int  # of payload, without headers and padding (RFC 3550 §6.4.1)
    first_sequence: int
    highest_sequence: int  # extended by the cycles of the 16-bit number
    jitter: float  # in RTP units (RFC 3550 A.8)
    last_heard: float  # monotonic seconds
    last_timestamp: int
    sent_packets: int  # to the other side
    sent_octets: int
    # The middle 32 bits of the NTP time of the last sender report, and when it passed, or was made, here.
    sender_report: tuple[int, float] | None = None
    reported_at: float | None = None  # when the other side last reported about it, None: never
    reported_loss: float | None = None  # 0 to 1, since its report before
    reported_jitter: int | None = None  # in RTP units
    round_trip: float | None = None  # seconds, from here to the other side and back


@dataclass(slots=True)
class SourceRecord:
    """What becomes `SourceStatistics`, filled packet by packet."""

    packets: int = 0
    octets: int = 0
    sent_packets: int = 0
    sent_octets: int = 0
    jitter: float = 0.0
    last_heard: float = 0.0
    last_timestamp: int = 0
    sender_report: tuple[int, float] | None = None
    reported_at: float | None = None
    reported_loss: float | None = None
    reported_jitter: int | None = None
    round_trip: float | None = None
    has_events: bool = False  # of our making, in its name
    shift: int = 0  # from its numbers to those in which it goes on where it stood, if it began anew further back
    _first: int = 0
    _highest: int = 0
    _cycles: int = 0
    _restarts_at: int | None = None
    _transit: int | None = None
    _octets: int = 0  # of the packet that was heard last

    def hear(self, sequence_number: int, timestamp: int, octets: int, now: float, clock_rate: int) -> None:
        """Take a packet into account. There is no probation (RFC 3550 A.1): it is known to be the peer's.

        `clock_rate` 0: its timestamp tells nothing, as that of an event, which may be in another clock.
        """
        self.last_heard = now
        self._octets = octets
        if self.packets and not self._advance(sequence_number):
            return  # far from all others: it counts if the next one follows it
        if not self.packets:
            self._begin(sequence_number)
        if clock_rate:
            self._measure_jitter(timestamp, now, clock_rate)
        self.packets += 1
        self.octets += octets

    def _begin(self, sequence_number: int) -> None:
        self._first = self._highest = sequence_number
        self._cycles = 0
        self._restarts_at = self._transit = None

    def _advance(self, sequence_number: int) -> bool:
        """Extend the highest number, or begin anew, without packets, at the second one of another run; tell whether it
        is either (RFC 3550 A.1)."""
        ahead = (sequence_number - self._highest) % _SEQUENCE_NUMBERS
        if ahead < _MAX_DROPOUT:
            if sequence_number < self._highest:
                self._cycles += _SEQUENCE_NUMBERS
            self._highest = sequence_number
        elif ahead <= _SEQUENCE_NUMBERS - _MAX_MISORDER:
            if sequence_number != self._restarts_at:
                self._restarts_at = (sequence_number + 1) % _SEQUENCE_NUMBERS
                return False
            if ahead >= _SEQUENCE_NUMBERS // 2:
                self.shift = (self.shift + self._highest + 1 - sequence_number) % _SEQUENCE_NUMBERS
            self.packets = 0
        return True

    def _measure_jitter(self, timestamp: int, now: float, clock_rate: int) -> None:
        """RFC 3550 A.8. A picture has one timestamp for packets that are sent one after the other, so only the first of
        them tells."""
        if self._transit is not None and timestamp == self.last_timestamp:
            return
        transit = (int(now * clock_rate) - timestamp) & _MASK
        if self._transit is not None:
            apart = (transit - self._transit) & _MASK
            self.jitter += (min(apart, (1 << 32) - apart) - self.jitter) / 16
        self._transit = transit
        self.last_timestamp = timestamp

    def sent(self) -> None:
        """Count the packet that was heard last: it goes on to the other side."""
        self.sent_packets += 1
        self.sent_octets += self._octets

    def sent_event(self, octets: int) -> None:
        """Count a packet of ours that went to the other side in the name of the source."""
        self.sent_packets += 1
        self.sent_octets += octets
        self.has_events = True

    def note_sender_report(self, middle: int, now: float) -> None:
        """Take a sender report that passed, or was made, here: the middle 32 bits of its NTP time."""
        self.sender_report = (middle, now)

    def reported(self, loss: float, jitter: int, last_report: int, delay: int, now: float) -> None:
        """Take a report block of the other side: `delay` (1/65536 s) after the sender report that it names."""
        self.reported_at = now
        self.reported_loss = loss
        self.reported_jitter = jitter
        if self.sender_report is not None and last_report == self.sender_report[0]:
            self.round_trip = max(0.0, now - self.sender_report[1] - delay / 65536)

    def statistics(self, stream: int, side: Side, ssrc: int) -> SourceStatistics:
        """Return it as it stands."""
        return SourceStatistics(
            stream=stream,
            side=side,
            ssrc=ssrc,
            packets=self.packets,
            octets=self.octets,
            first_sequence=self._first,
            highest_sequence=self._cycles + self._highest,
            jitter=self.jitter,
            last_heard=self.last_heard,
            last_timestamp=self.last_timestamp,
            sent_packets=self.sent_packets,
            sent_octets=self.sent_octets,
            sender_report=self.sender_report,
            reported_at=self.reported_at,
            reported_loss=self.reported_loss,
            reported_jitter=self.reported_jitter,
            round_trip=self.round_trip,
        )


def opposite(side: Side) -> Side:
    """Return the other side."""
    return "sip" if side == "browser" else "browser"


class SourceRecords:
    """The records of a session; one SSRC on both sides is two sources."""

    def __init__(self) -> None:
        self._records: dict[tuple[Side, int], SourceRecord] = {}

    def clear(self) -> None:
        """Forget all."""
        self._records.clear()

    def statistics(
        self, owners: Mapping[Side, Mapping[int, Stream | None]], streams: Sequence[Stream]
    ) -> tuple[SourceStatistics, ...]:
        """Return all as they stand; `owners` tells whose stream an SSRC of a side is."""
        return tuple(
            record.statistics(streams.index(stream), side, ssrc)
            for (side, ssrc), record in self._records.items()
            if (stream := owners[side].get(ssrc)) is not None
        )

    def hear(self, side: Side, header: RtpHeader, packet: bytes, now: float, plan: StreamPlan) -> SourceRecord:
        """Take a packet of that side, in the clear, into account; return the record of its source."""
        is_event = header.payload_type in (plan.browser_events if side == "browser" else plan.sip_events)
        record = self._records.get((side, header.ssrc))
        if record is None:
            record = self._records[side, header.ssrc] = SourceRecord()
        octets = rtp.payload_length(packet, header)
        clock_rate = 0 if is_event else plan.clock_rate
        record.hear(header.sequence_number, header.timestamp, octets, now, clock_rate)
        return record

    def sent_event(self, side: Side, ssrc: int, octets: int) -> None:
        """Count a packet of ours in the name of a source of that side."""
        record = self._records.get((side, ssrc))
        if record is not None:
            record.sent_event(octets)

    def as_sent(self, side: Side, compound: bytes) -> bytes:
        """Return RTCP of that side whose sender reports tell what went on, where events of ours stand in the place of
        packets of its (RFC 3550 §7.2)."""
        return rtcp.with_sender_counts(compound, partial(self._changed_counts, side))

    def _changed_counts(self, side: Side, ssrc: int) -> tuple[int, int] | None:
        record = self._records.get((side, ssrc))
        return (record.sent_packets, record.sent_octets) if record is not None and record.has_events else None

    def read_reports(self, side: Side, packet: bytes, now: float) -> None:
        """Note what RTCP of that side says of its own sources, and of the other side's."""
        reports = rtcp.read_reports(packet)
        self._note_sender_reports(side, reports, now)
        for block in reports.blocks:
            record = self._records.get((opposite(side), block.ssrc))
            if record is not None:
                record.reported(block.fraction_lost / 256, block.jitter, block.last_report, block.delay, now)

    def read_own_reports(self, towards: Side, packet: bytes, now: float) -> None:
        """Note the sender reports of RTCP that is made here, so that answers to it tell the round trip."""
        self._note_sender_reports(opposite(towards), rtcp.read_reports(packet), now)

    def _note_sender_reports(self, side: Side, reports: rtcp.Reports, now: float) -> None:
        for ssrc, middle in reports.sent:
            record = self._records.get((side, ssrc))
            if record is not None:
                record.note_sender_report(middle, now)
