"""The table of live pods."""

import random

from shared.messages import Heartbeat
from shared.presence import Presence


def beat(pod: str, load: int = 0, capacity: int = 100, draining: bool = False) -> Heartbeat:
    return Heartbeat(kind="relay", pod=pod, load=load, capacity=capacity, draining=draining)


def table(*beats: Heartbeat, now: float = 0.0) -> Presence:
    presence = Presence(random.Random(1))
    for each in beats:
        presence.hear(each, now)
    return presence


def test_a_pod_that_falls_silent_is_gone_after_a_second() -> None:
    presence = table(beat("a"))
    assert presence.is_live("a", 0.99)
    assert not presence.is_live("a", 1.0)
    assert presence.live(1.0) == []


def test_the_emptier_of_two_is_chosen() -> None:
    assert table(beat("full", 90), beat("empty", 10)).choose(0) == "empty"


def test_a_choice_counts_as_load_at_once() -> None:
    presence = table(beat("a"), beat("b"))
    chosen = [presence.choose(0) for _ in range(10)]
    assert chosen.count("a") == chosen.count("b") == 5


def test_draining_full_excluded_and_silent_pods_take_no_work() -> None:
    presence = table(beat("draining", draining=True), beat("full", 100), beat("refused"))
    assert presence.choose(0, but=["refused"]) is None
    assert presence.choose(0) == "refused"
    assert presence.choose(2) is None


def test_where_nobody_is_heard_one_that_was_heard_lately_may_be_asked() -> None:
    presence = table(beat("a"), beat("b"), beat("draining", draining=True))
    assert {presence.choose(5, may_be_silent=True) for _ in range(10)} == {"a", "b"}
    assert presence.choose(5, but=["a", "b"], may_be_silent=True) is None
    assert presence.choose(5) is None
    assert presence.choose(10, may_be_silent=True) is None
    presence.hear(beat("full", 100), 5.0)  # so it is the others that are silent
    assert presence.choose(5, may_be_silent=True) is None


def test_a_pod_without_capacity_is_never_chosen() -> None:
    table = Presence(random.Random(1))
    table.hear(beat("none", capacity=0), 0.0)
    assert table.choose(0.5) is None
    assert table.choose(0.5, goes_on=True) is None


def test_what_goes_on_finds_a_pod_beyond_its_capacity_where_none_has_room() -> None:
    full = table(beat("fuller", 120), beat("full", 100), beat("draining", draining=True))
    assert full.choose(0) is None
    assert full.choose(0, but=["draining"], goes_on=True) == "full"
    with_room = table(beat("full", 100), beat("room", 99))
    assert [with_room.choose(0, goes_on=True) for _ in range(2)] == ["room", "full"]
