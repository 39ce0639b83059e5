"""The arithmetic of the caps."""

import pytest

from shared.errors import LocalError
from shared.records import CountedCall, UsageRecord
from sip_agent.core.policy.usage import (
    RINGING_OF_SOURCE,
    RINGING_OF_STRANGERS,
    CapReached,
    Caps,
    begin,
    may_ring,
    without,
)

NONE = UsageRecord(aor="alice@example.com")
OFF = Caps(0, 0, 0)


def call(number: int, agent: str = "agent-1") -> CountedCall:
    return CountedCall(call_id=f"c-{number}", agent=agent, incarnation="i-1")


def calls(caps: Caps, times: list[float], record: UsageRecord = NONE) -> list[str]:
    """Make a call at each of these times, none of which ends; say what comes of it."""
    found = []
    for number, now in enumerate(times):
        try:
            record = begin(record, call(number), caps, now)
        except CapReached as reached:
            found.append(reached.cap)
        else:
            found.append("ok")
    return found


def test_so_many_at_once() -> None:
    assert calls(Caps(2, 0, 0), [0.0, 0.0, 0.0]) == ["ok", "ok", "concurrent"]


def test_a_call_that_is_over_makes_room() -> None:
    caps = Caps(1, 0, 0)
    record = begin(NONE, call(1), caps, 0.0)
    with pytest.raises(CapReached) as caught:
        begin(record, call(2), caps, 0.0)
    assert (caught.value.status, caught.value.reason) == (403, "Call Limit Reached (1 At Once)")
    assert caught.value.live == (call(1),)
    assert begin(without(record, call(1).__eq__), call(2), caps, 0.0).live == (call(2),)


def test_so_many_in_a_minute() -> None:
    assert calls(Caps(0, 2, 0), [0.0, 30.0, 59.9, 60.0, 61.0, 62.0]) == ["ok", "ok", "minute", "ok", "ok", "minute"]


def test_so_many_in_a_day() -> None:
    assert calls(Caps(0, 0, 2), [0.0, 1.0, 86399.0, 86400.0]) == ["ok", "ok", "day", "ok"]


def test_what_is_refused_is_not_counted() -> None:
    assert calls(Caps(0, 1, 2), [0.0, 1.0, 2.0, 60.0]) == ["ok", "minute", "minute", "ok"]


def test_the_same_call_is_counted_once() -> None:
    caps = Caps(2, 2, 2)
    record = begin(NONE, call(1), caps, 0.0)
    assert begin(record, call(1), caps, 5.0) == record


def test_a_window_that_starts_ahead_of_our_clock_has_started() -> None:
    record = begin(NONE, call(1), Caps(0, 1, 0), 100.0)
    with pytest.raises(CapReached):
        begin(record, call(2), Caps(0, 1, 0), 99.0)


def test_without_a_cap_of_live_calls_none_are_kept() -> None:
    assert begin(NONE, call(1), Caps(0, 5, 0), 0.0).live == ()


def test_off_is_all_zero() -> None:
    assert OFF.is_off and not Caps(0, 0, 1).is_off
    with pytest.raises(LocalError):
        Caps(-1, 0, 0)


def test_one_stranger_rings_little_and_all_of_them_not_much() -> None:
    assert may_ring("a", ["a"] * (RINGING_OF_SOURCE - 1))
    assert not may_ring("a", ["a"] * RINGING_OF_SOURCE)
    assert may_ring("b", ["a"] * RINGING_OF_SOURCE)
    assert not may_ring("z", [str(number) for number in range(RINGING_OF_STRANGERS)])
