"""Digits as telephone-events (RFC 4733): which packets a digit is, and which digits packets are.

Both are driven alike: after any call take the output and arm one timer for `next_timer()`.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from shared.errors import RemoteError

from .allowance import Allowance
from .packet.rtp import RtpHeader
from .packet.telephone_event import DIGITS, MOST_DURATION, TelephoneEvent, build

PAUSE = ","
SHORTEST_MS, LONGEST_MS = 40, 6000  # of a digit, as RTCDTMFSender has it (W3C WebRTC §7.2)
SHORTEST_GAP_MS = 60  # what comes again of the end fits into it
_MOST_WAITING = 64
_INTERVAL_MS = 20  # a packet for each packet of media that it takes the place of (RFC 4733 §2.5.1.2)
_PAUSE_SECONDS = 2.0  # W3C WebRTC §7.2
_REPEATS = 2  # of the last packet, which so comes three times (RFC 4733 §2.5.1.4)

_SILENCE_SECONDS = 0.2  # without a packet, after which an event is over whose end was lost
_REORDERING_SECONDS = 1.0  # in which a packet may be late; a lower timestamp after that is a new beginning
_DIGITS_PER_SECOND = 20.0  # no thumb is faster


@dataclass(frozen=True)
class BeginEvent:
    """Events take the place of the media from now on."""


@dataclass(frozen=True)
class SendEvent:
    """A packet of the event; its segment is `later` than the event by so many units of the timestamp."""

    payload: bytes
    marker: bool
    later: int


@dataclass(frozen=True)
class EndEvent:
    """Go on with the media."""


SenderOutput = BeginEvent | SendEvent | EndEvent


@dataclass(frozen=True)
class _Waiting:
    digit: str
    duration_ms: int
    gap_ms: int


class DigitSender:
    """Sends digits one after the other, each when the gap after the one before is over.

    `clock_rate` is the events', and may change while digits wait.
    """

    def __init__(self) -> None:
        self.clock_rate = 8000
        self._waiting: deque[_Waiting] = deque()
        self._schedule: deque[tuple[float, SenderOutput]] = deque()  # of the digit that is being sent
        self._is_in_event = False
        self._free_at = 0.0  # when the next one may begin
        self._out: list[SenderOutput] = []

    def send(self, digits: str, duration_ms: int, gap_ms: int, now: float) -> None:
        """Send digits, and pauses, after those that wait; raise `RemoteError` where they are none or too many."""
        if not digits or any(digit not in DIGITS + PAUSE for digit in digits.upper()):
            raise RemoteError(400, "Bad Digits")
        if len(self._waiting) + len(digits) > _MOST_WAITING:
            raise RemoteError(486, "Too Many Digits")
        duration_ms = min(max(duration_ms, SHORTEST_MS), LONGEST_MS)
        gap_ms = min(max(gap_ms, SHORTEST_GAP_MS), LONGEST_MS)
        self._waiting.extend(_Waiting(digit, duration_ms, gap_ms) for digit in digits.upper())
        self.handle_timer(now)

    def stop(self) -> None:
        """Nobody takes events any more."""
        self._waiting.clear()
        self._schedule.clear()
        if self._is_in_event:
            self._put(EndEvent())

    def next_timer(self) -> float | None:
        """Return when to call `handle_timer`."""
        if self._schedule:
            return self._schedule[0][0]
        return self._free_at if self._waiting else None

    def handle_timer(self, now: float) -> None:
        """Put out what is due."""
        while (due := self.next_timer()) is not None and due <= now:
            if self._schedule:
                self._put(self._schedule.popleft()[1])
            else:
                self._begin(self._waiting.popleft(), now)

    def take_output(self) -> list[SenderOutput]:
        """Return what is to be done now."""
        taken, self._out = self._out, []
        return taken

    def _put(self, output: SenderOutput) -> None:
        if not isinstance(output, SendEvent):
            self._is_in_event = isinstance(output, BeginEvent)
        self._out.append(output)

    def _begin(self, waiting: _Waiting, now: float) -> None:
        if waiting.digit == PAUSE:
            self._free_at = now + _PAUSE_SECONDS
            return
        self._free_at = now + (waiting.duration_ms + waiting.gap_ms) / 1000
        packets = list(_packets(DIGITS.index(waiting.digit), waiting.duration_ms, self.clock_rate))
        interval = _INTERVAL_MS / 1000
        self._schedule.append((now, BeginEvent()))
        self._schedule.extend((now + place * interval, packet) for place, packet in enumerate(packets))
        self._schedule.append((now + (len(packets) - 1) * interval, EndEvent()))


def _packets(code: int, duration_ms: int, clock_rate: int) -> Iterator[SendEvent]:
    """Each says how long the event will have lasted when the next one is due.

    An event that is longer than a duration can say goes on in a new segment, as a packet without marker and with a
    later timestamp (RFC 4733 §2.5.1.3). The last packet of a segment that is not the last does not come again: many a
    receiver would take the way back to the old timestamp for a new digit.
    """
    total = duration_ms * clock_rate // 1000
    interval = _INTERVAL_MS * clock_rate // 1000
    segment = MOST_DURATION - MOST_DURATION % interval
    for elapsed in (*range(interval, total, interval), *[total] * (1 + _REPEATS)):
        later = (elapsed - 1) // segment * segment
        event = TelephoneEvent(code, elapsed == total, elapsed - later)
        yield SendEvent(build(event), marker=elapsed == min(interval, total), later=later)


@dataclass(frozen=True)
class Digit:
    """A digit that the other end has sent, told when it is over."""

    digit: str
    duration_ms: int


@dataclass
class _Heard:
    """The event that was heard last; kept when it is over, to know what is left of it."""

    ssrc: int
    timestamp: int  # of its newest segment
    code: int
    clock_rate: int
    heard_at: float
    before: int = 0  # duration of the segments before
    duration: int = 0
    is_over: bool = False


def _goes_on(heard: _Heard, ahead: int) -> bool:
    """Whether what is so far ahead may be another segment: one ends only where its duration does (see `_packets`)."""
    return not heard.is_over and MOST_DURATION - heard.clock_rate // 10 <= ahead <= MOST_DURATION


class DigitReceiver:
    """Tells each digit once, whatever packets of it are lost, repeated or out of order.

    An event is known by its timestamp (RFC 4733 §2.2.1). One packet is enough, with the end bit or without, so it
    does not matter that browsers beside Opus send nothing but ends.
    """

    def __init__(self) -> None:
        self._heard: _Heard | None = None
        self._allowance = Allowance()
        self._out: list[Digit] = []

    def receive(self, header: RtpHeader, marker: bool, event: TelephoneEvent, clock_rate: int, now: float) -> None:
        """Take a packet."""
        if event.code >= len(DIGITS) or event.duration == 0:
            return  # hook flash, tones of modems; what has not lasted yet
        heard = self._heard
        if heard is None or header.ssrc != heard.ssrc:
            heard = self._begin(header, event, clock_rate, now)
        elif header.timestamp != heard.timestamp:
            ahead = (header.timestamp - heard.timestamp) & 0xFFFFFFFF
            if ahead >= 0x80000000 and now - heard.heard_at < _REORDERING_SECONDS:
                return
            if _goes_on(heard, ahead) and event.code == heard.code and not marker:
                heard.timestamp, heard.before, heard.duration = header.timestamp, heard.before + ahead, 0
            else:
                heard = self._begin(header, event, clock_rate, now)
        heard.heard_at = now
        heard.duration = max(heard.duration, event.duration)
        if event.is_end:
            self._end(now)

    def next_timer(self) -> float | None:
        """Return when to call `handle_timer`."""
        if self._heard is None or self._heard.is_over:
            return None
        return self._heard.heard_at + _SILENCE_SECONDS

    def handle_timer(self, now: float) -> None:
        """End an event of which nothing comes any more (RFC 4733 §2.5.2.2)."""
        due = self.next_timer()
        if due is not None and due <= now:
            self._end(now)

    def take_output(self) -> list[Digit]:
        """Return what was heard."""
        taken, self._out = self._out, []
        return taken

    def _begin(self, header: RtpHeader, event: TelephoneEvent, clock_rate: int, now: float) -> _Heard:
        self._end(now)
        self._heard = _Heard(header.ssrc, header.timestamp, event.code, clock_rate, now)
        return self._heard

    def _end(self, now: float) -> None:
        heard = self._heard
        if heard is None or heard.is_over:
            return
        heard.is_over = True
        if self._allowance.take(_DIGITS_PER_SECOND, _DIGITS_PER_SECOND, now):
            duration = (heard.before + heard.duration) * 1000 // heard.clock_rate
            self._out.append(Digit(DIGITS[heard.code], duration))
