"""The digits of a session, with a forwarder that takes notes and a clock that stands until the test moves it."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest
from tests.support.standing_clock import Clock

from media_relay.core.packet import rtp, telephone_event
from media_relay.core.packet.telephone_event import DIGITS, TelephoneEvent
from media_relay.core.plan import EventFormat, StreamPlan
from media_relay.digits import DigitReceived, SessionDigits
from media_relay.forwarding.forwarder import Forwarder
from media_relay.media_place import MediaPlace
from shared.errors import RemoteError

VIDEO = StreamPlan("video", to_sip={100: 97})
AUDIO = StreamPlan(
    "audio",
    to_sip={111: 96},
    browser_events={126: 8000, 110: 48000},
    sip_events={101: 8000},
    events_to_sip=EventFormat(101, 8000),
)


class Notes:
    """What the forwarder was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []
        self.events: list[TelephoneEvent] = []

    def begin_event(self, session: int, stream: int) -> None:
        self.told.append(("begin", session, stream))

    def end_event(self, session: int, stream: int) -> None:
        self.told.append(("end", session, stream))

    def send_event(self, session: int, stream: int, payload: bytes, marker: bool, later: int) -> None:
        event = telephone_event.parse(payload)
        assert event is not None
        self.events.append(event)


class World:
    def __init__(self) -> None:
        self.forwarder, self.clock = Notes(), Clock()
        self.heard: list[DigitReceived] = []
        loop = cast(asyncio.AbstractEventLoop, self.clock)
        self.digits = SessionDigits(loop, MediaPlace(cast(Forwarder, self.forwarder), 7), "m", self.heard.append)
        self.digits.set_streams([VIDEO, AUDIO])


def packet(digit: str, payload_type: int, timestamp: int = 8000, duration: int = 800, is_end: bool = True) -> bytes:
    payload = telephone_event.build(TelephoneEvent(DIGITS.index(digit), is_end, duration))
    return rtp.build(payload_type, 1, timestamp, 0xB1, payload)


@pytest.fixture
def world() -> World:
    return World()


def test_digits_go_into_the_audio_stream_and_no_timer_is_left(world: World) -> None:
    world.digits.send("12", 100, 70)
    world.clock.run()
    assert world.forwarder.told == [("begin", 7, 1), ("end", 7, 1)] * 2
    assert [event.code for event in world.forwarder.events] == [1] * 7 + [2] * 7


@pytest.mark.parametrize("plan", [replace(AUDIO, events_to_sip=None), replace(AUDIO, browser_sends=False)])
def test_nothing_is_sent_where_nothing_is_taken(world: World, plan: StreamPlan) -> None:
    world.digits.set_streams([VIDEO, plan])
    with pytest.raises(RemoteError, match="501"):
        world.digits.send("1", 100, 70)
    world.clock.run()
    assert world.forwarder.told == []


@pytest.mark.parametrize("plans", [[VIDEO, replace(AUDIO, events_to_sip=None)], [VIDEO], []])
def test_a_far_side_that_is_changed_for_one_without_events_gets_no_rest_of_a_number(
    world: World, plans: list[StreamPlan]
) -> None:
    world.digits.send("12", 100, 70)
    world.digits.set_streams(plans)
    world.clock.run()
    assert world.forwarder.told == [("begin", 7, 1), ("end", 7, 1)]
    assert [event.code for event in world.forwarder.events] == [1]


def test_digits_that_wait_are_sent_in_the_clock_of_whoever_gets_them(world: World) -> None:
    world.digits.send("12", 40, 70)
    world.digits.set_streams([VIDEO, replace(AUDIO, events_to_sip=EventFormat(110, 48000))])
    world.clock.run()
    assert [event.duration for event in world.forwarder.events] == [160, 320, 320, 320, 960, 1920, 1920, 1920]


def test_a_digit_of_the_browser_is_made_again_as_long_as_it_was(world: World) -> None:
    world.digits.receive(1, "browser", packet("#", 110, duration=9600))
    world.digits.receive(1, "browser", packet("#", 110, duration=9600))
    world.clock.run()
    assert world.forwarder.events[-1] == TelephoneEvent(11, True, 1600)  # 200 ms, in the far side's clock
    assert world.forwarder.told == [("begin", 7, 1), ("end", 7, 1)]
    assert world.heard == []


def test_digits_of_the_sip_side_are_told_also_without_an_end(world: World) -> None:
    world.digits.receive(1, "sip", packet("4", 101))
    world.digits.receive(1, "sip", packet("5", 101, timestamp=16000, is_end=False))
    assert world.heard == [DigitReceived("m", "sip", "4", 100)]
    world.clock.run()
    assert world.heard == [DigitReceived("m", "sip", digit, 100) for digit in "45"]


@pytest.mark.parametrize(
    ("stream", "event"),
    [
        (0, packet("1", 101)),  # of another stream
        (1, packet("1", 96)),  # not an event by the plan that holds now
        (1, rtp.build(101, 1, 8000, 0xB1, b"\1\x80")),
        (1, b"\x80"),
    ],
)
def test_what_is_no_event_of_the_plan_is_passed_over(world: World, stream: int, event: bytes) -> None:
    world.digits.receive(stream, "sip", event)
    world.clock.run()
    assert world.heard == []


def test_a_browser_that_sends_faster_than_digits_can_be_told_apart_loses_some(world: World) -> None:
    for place in range(100):
        world.clock.now += 0.06
        world.digits.receive(1, "browser", packet("1", 126, timestamp=8000 + 800 * place, duration=8000))
    world.clock.run()
    assert 60 <= len(world.forwarder.told) // 2 < 100


def test_a_session_that_ends_leaves_no_timer(world: World) -> None:
    world.digits.send("1", 100, 70)
    world.digits.close()
    assert all(timer.is_cancelled for timer in world.clock.timers)
