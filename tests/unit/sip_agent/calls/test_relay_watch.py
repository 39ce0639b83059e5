"""Which relays are taken for gone, which are asked, and in what pace calls leave one that drains."""

import random
from typing import Any, cast

from shared.messages import Heartbeat, MediaRef
from shared.presence import GONE_AFTER, Presence
from sip_agent.calls.relay_watch import AT_ONCE, RelayWatch
from sip_agent.core.media.anchor import State
from sip_agent.ownership.hearing import UNHEARD_FOR


class Side:
    """As much of a call's media as the watch sees."""

    def __init__(self, relay: str, incarnation: str) -> None:
        self.in_use = [MediaRef(relay=relay, media_id="m")]
        self.state = State.ANCHORED
        self.may_leave = True
        self.lost: list[MediaRef] = []
        self._incarnation = incarnation

    @property
    def anchor(self) -> "Side":
        return self

    def incarnation_of(self, media: MediaRef) -> str:
        return self._incarnation

    def gone(self, media: MediaRef) -> None:
        self.lost.append(media)

    def drains(self) -> None:
        self.state = State.PREPARING
        self.may_leave = False


class Call:
    def __init__(self, relay: str = "relay-1", incarnation: str = "i-1", state: str = "established") -> None:
        self.media_side = Side(relay, incarnation)
        self.told_state = state

    @property
    def is_lost(self) -> bool:
        return bool(self.media_side.lost)


def watch(*calls: Call) -> tuple[RelayWatch, Presence]:
    relays = Presence(random.Random(1))
    return RelayWatch(cast(Any, None), cast(Any, calls), relays), relays


def beat(incarnation: str = "i-1", draining: bool = False) -> Heartbeat:
    return Heartbeat(kind="relay", pod="relay-1", load=0, capacity=10, incarnation=incarnation, draining=draining)


def test_a_relay_that_is_silent_is_asked_and_taken_for_gone_after_some_time_whatever_it_says() -> None:
    call = Call()
    relay_watch, relays = watch(call)
    relays.hear(beat(), 1.0)
    assert relay_watch.sweep(1.0 + GONE_AFTER - 0.1) == {}
    assert relay_watch.sweep(1.0 + GONE_AFTER) == {"relay-1": 1.0}
    assert not call.is_lost
    assert relay_watch.sweep(1.0 + UNHEARD_FOR) == {}
    assert call.is_lost


def test_one_that_nobody_answers_for_is_gone_at_once_until_it_is_heard() -> None:
    call = Call()
    relay_watch, relays = watch(call)
    relays.hear(beat(), 1.0)
    relay_watch.unreachable("relay-1", 1.0)
    relay_watch.sweep(1.0 + GONE_AFTER)
    assert call.is_lost
    relays.hear(beat(), 5.0)
    call.media_side.lost.clear()
    relay_watch.sweep(5.0 + GONE_AFTER)
    assert not call.is_lost


def test_one_that_has_started_anew_has_lost_what_it_had_before() -> None:
    before, after = Call(), Call(incarnation="i-2")
    relay_watch, relays = watch(before, after)
    relays.hear(beat(), 1.0)
    relays.hear(beat("i-2"), 1.1)
    relay_watch.sweep(1.1)
    assert (before.is_lost, after.is_lost) == (True, False)


def test_calls_that_are_over_are_left_alone() -> None:
    call = Call(state="ended")
    relay_watch, relays = watch(call)
    relays.hear(beat(), 1.0)
    relay_watch.sweep(100.0)
    assert not call.is_lost


def test_a_relay_that_was_never_heard_is_asked_and_taken_for_gone_like_one_that_has_fallen_silent() -> None:
    call = Call()
    relay_watch, relays = watch(call, Call("relay-2"))
    relays.expect("relay-1", 1.0)
    assert relay_watch.sweep(1.0 + GONE_AFTER - 0.1) == {}
    assert relay_watch.sweep(1.0 + GONE_AFTER) == {"relay-1": 1.0}
    relays.expect("relay-1", 2.0)  # it has answered
    assert relay_watch.sweep(2.0 + GONE_AFTER) == {"relay-1": 2.0}
    assert not call.is_lost
    relay_watch.unreachable("relay-1", 2.0)
    relay_watch.sweep(2.0 + GONE_AFTER)
    assert call.is_lost


def test_one_that_was_missed_and_is_heard_is_there() -> None:
    call = Call()
    relay_watch, relays = watch(call)
    relays.expect("relay-1", 1.0)
    relays.hear(beat(), 9.9)
    assert relay_watch.sweep(10.0) == {}
    assert not call.is_lost


def test_one_that_was_missed_before_nothing_was_heard_has_its_time_once_more() -> None:
    call = Call()
    relay_watch, relays = watch(call)
    relays.expect("relay-1", 1.0)
    relays.miss_anew(100.0)
    assert relay_watch.sweep(100.0 + GONE_AFTER) == {"relay-1": 100.0}
    assert not call.is_lost


def test_one_that_no_call_names_any_more_is_not_missed() -> None:
    relay_watch, relays = watch(Call("relay-2"))
    relays.expect("relay-1", 1.0)
    assert relay_watch.sweep(100.0) == {}
    assert relays.missed == {}


def test_calls_leave_a_relay_that_drains_some_at_a_time() -> None:
    calls = [Call() for _ in range(AT_ONCE + 3)]
    relay_watch, relays = watch(*calls)
    relays.hear(beat(draining=True), 1.0)

    def leaving() -> list[Call]:
        return [call for call in calls if call.media_side.state is not State.ANCHORED]

    for _ in range(2):
        relay_watch.sweep(1.0)
        assert len(leaving()) == AT_ONCE
    for call in leaving():
        call.media_side.state = State.ANCHORED
    relay_watch.sweep(1.2)
    assert len(leaving()) == 3
