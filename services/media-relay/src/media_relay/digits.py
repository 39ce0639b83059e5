"""The digits of a session: sent as telephone-events, and taken from those that come.

What the browser sends as events is not forwarded but made again (see `StreamPlan.browser_events`). It reaches the SIP
side after its end, by so much later as it is long.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.errors import RemoteError
from shared.messages.media import Side

from .core.dtmf import BeginEvent, Digit, DigitReceiver, DigitSender, EndEvent, SendEvent
from .core.packet import rtp, telephone_event
from .core.plan import StreamPlan, audio_of
from .media_place import MediaPlace

_GAP_MS = 70  # between digits of the browser that come faster


@dataclass(frozen=True)
class DigitReceived:
    """A side has sent a digit as a telephone-event; one of the browser has not been sent on."""

    media_id: str
    side: Side
    digit: str
    duration_ms: int


class SessionDigits:
    """Knows the session's audio stream by its plan."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        place: MediaPlace,
        media_id: str,
        tell: Callable[[DigitReceived], None],
    ) -> None:
        self._loop = loop
        self._place = place
        self._media_id = media_id
        self._tell = tell
        self._sender = DigitSender()
        self._receivers: dict[Side, DigitReceiver] = {"browser": DigitReceiver(), "sip": DigitReceiver()}
        self._stream, self._plan = audio_of(())
        self._timer: asyncio.TimerHandle | None = None

    def set_streams(self, plans: Sequence[StreamPlan]) -> None:
        """Go by these plans; what waits to be sent is forgotten where it cannot be any more."""
        self._stream, self._plan = audio_of(plans, self._stream)
        if self._plan.events_to_sip is None or not self._plan.browser_sends:
            self._sender.stop()
        else:
            self._sender.clock_rate = self._plan.events_to_sip.clock_rate
        self._drain()

    def send(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Send digits; raise `RemoteError`: 501 if the SIP side takes no events, or no media now."""
        if not self._can_send:
            raise RemoteError(501, "The Far Side Takes No Telephone Events")
        self._sender.send(digits, duration_ms, gap_ms, self._loop.time())
        self._drain()

    def receive(self, stream: int, side: Side, packet: bytes) -> None:
        """Take a telephone-event from the forwarder."""
        header = rtp.parse(packet)
        formats = self._plan.browser_events if side == "browser" else self._plan.sip_events
        if header is None or stream != self._stream or header.payload_type not in formats:
            return  # of a plan that has been replaced since
        event = telephone_event.parse(rtp.payload_of(packet, header))
        if event is None:
            return
        rate = formats[header.payload_type]
        self._receivers[side].receive(header, rtp.has_marker(packet), event, rate, self._loop.time())
        self._drain()

    def close(self) -> None:
        """Forget what waits."""
        if self._timer is not None:
            self._timer.cancel()

    @property
    def _can_send(self) -> bool:
        return self._plan.events_to_sip is not None and self._plan.browser_sends

    def _drain(self) -> None:
        """Do what is to be done, then arm the timer."""
        for side, receiver in self._receivers.items():
            for digit in receiver.take_output():
                self._heard(side, digit)
        for output in self._sender.take_output():
            match output:
                case BeginEvent():
                    self._place.begin_digit(self._stream)
                case SendEvent(payload, marker, later):
                    self._place.send_digit(self._stream, payload, marker, later)
                case EndEvent():
                    self._place.end_digit(self._stream)
        if self._timer is not None:
            self._timer.cancel()
        timers = [self._sender.next_timer(), *[each.next_timer() for each in self._receivers.values()]]
        due = min((timer for timer in timers if timer is not None), default=None)
        self._timer = None if due is None else self._loop.call_at(due, self._handle_timers)

    def _heard(self, side: Side, digit: Digit) -> None:
        if side == "sip" or not self._can_send:
            self._tell(DigitReceived(self._media_id, side, digit.digit, digit.duration_ms))
            return
        try:
            self._sender.send(digit.digit, digit.duration_ms, _GAP_MS, self._loop.time())
        except RemoteError:  # more than it keeps: the browser sends faster than digits can be told apart
            return

    def _handle_timers(self) -> None:
        now = self._loop.time()
        self._sender.handle_timer(now)
        for receiver in self._receivers.values():
            receiver.handle_timer(now)
        self._drain()
