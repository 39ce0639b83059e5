"""What is concluded from silence, and when nothing is."""

import random
from collections.abc import Iterator

from shared.messages import Heartbeat, MediaRef
from shared.presence import Presence
from sip_agent.accounts.hearing import UNHEARD_FOR, Hearing, RelayWatch


def test_one_who_does_not_hear_itself_concludes_nothing() -> None:
    hearing = Hearing()
    hearing.hear(10.0)
    assert hearing.is_good(10.5)
    assert not hearing.is_good(11.5)


def test_after_deafness_the_others_get_time_to_be_heard() -> None:
    hearing = Hearing()
    hearing.hear(10.0)
    assert not hearing.is_good(20.0)
    hearing.hear(20.1)
    assert not hearing.is_good(20.2)
    hearing.hear(20.0 + UNHEARD_FOR)
    assert hearing.is_good(20.0 + UNHEARD_FOR)


class LiveCall:
    """As much of one as the watch sees."""

    def __init__(self, relay: str | None, state: str = "established") -> None:
        self.call_id = "c-1"
        self.media = None if relay is None else MediaRef(relay=relay, media_id="m")
        self.told_state = state
        self.failed: list[tuple[int, str]] = []

    def fail(self, status: int, reason: str) -> None:
        self.failed.append((status, reason))


class Calls:
    def __init__(self, *calls: LiveCall) -> None:
        self.calls = calls

    def __iter__(self) -> Iterator[LiveCall]:
        return iter(self.calls)


GONE = (503, "Media Relay Is Gone")


def watch(call: LiveCall) -> tuple[RelayWatch, Presence]:
    relays = Presence(random.Random(1))
    return RelayWatch(Calls(call), relays), relays  # type: ignore[arg-type]


def beat(incarnation: str = "i-1") -> Heartbeat:
    return Heartbeat(kind="relay", pod="relay-1", load=0, capacity=10, incarnation=incarnation)


def test_a_call_ends_when_its_relay_has_long_been_silent() -> None:
    call = LiveCall("relay-1")
    relay_watch, relays = watch(call)
    relays.hear(beat(), 1.0)
    relay_watch.sweep(1.0 + UNHEARD_FOR - 0.1)
    assert call.failed == []
    relay_watch.sweep(1.0 + UNHEARD_FOR)
    assert call.failed == [GONE]


def test_a_call_ends_when_its_relay_has_started_anew() -> None:
    call = LiveCall("relay-1")
    relay_watch, relays = watch(call)
    relays.hear(beat(), 1.0)
    relay_watch.sweep(1.0)
    relays.hear(beat("i-2"), 1.5)
    relay_watch.sweep(1.5)
    assert call.failed == [GONE]


def test_calls_that_are_over_or_without_media_or_of_a_relay_never_heard_are_left_alone() -> None:
    for call in (LiveCall("relay-1", "ended"), LiveCall(None), LiveCall("relay-2")):
        relay_watch, relays = watch(call)
        relays.hear(beat(), 1.0)
        relay_watch.sweep(100.0)
        assert call.failed == []
