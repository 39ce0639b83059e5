"""In what pace pages are asked to move."""

import pytest

from signaling.core.pace import STEP, Pace


def asked(count: int, seconds: float, least: float, late: float = 0.0) -> list[tuple[float, int]]:
    """Return who was asked when, from 100.0 on, by a caller who is so late each time."""
    pace = Pace(count, seconds, 100.0, least)
    done = [(0.0, pace.take(100.0))]
    while (due := pace.next_timer()) is not None:
        assert due + late > 100.0 + done[-1][0], "the time does not pass"
        done.append((due + late - 100.0, pace.take(due + late)))
    return done


@pytest.mark.parametrize(("count", "seconds"), [(20_000, 30.0), (2000, 4.0), (7, 3.0), (1, 30.0), (601, 3.0)])
def test_all_are_asked_within_the_time_evenly(count: int, seconds: float) -> None:
    done = asked(count, seconds, least=1.0)
    assert sum(number for _, number in done) == count
    assert done[-1][0] < seconds
    most = count / seconds * STEP
    assert all(number <= most + 1 for _, number in done)


def test_where_a_moderate_pace_needs_less_time_no_more_is_taken() -> None:
    done = asked(100, 30.0, least=200.0)
    assert [number for _, number in done] == [10] * 10
    assert done[-1][0] == pytest.approx(9 * STEP)


def test_some_are_asked_at_once() -> None:
    assert asked(3, 30.0, least=200.0) == [(0.0, 3)]
    assert asked(5, 30.0, least=1.0)[0] == (0.0, 1)


@pytest.mark.parametrize("seconds", [0.0, STEP])
def test_without_time_all_are_asked_at_once(seconds: float) -> None:
    assert asked(5000, seconds, least=200.0) == [(0.0, 5000)]


def test_nobody_is_asked_where_nobody_is() -> None:
    pace = Pace(0, 30.0, 100.0, least=200.0)
    assert pace.take(100.0) == 0
    assert pace.next_timer() is None


def test_a_late_caller_catches_up() -> None:
    pace = Pace(1000, 10.0, 0.0, least=1.0)
    assert pace.take(0.0) == 5
    assert pace.take(5.0) == 500
    assert pace.take(60.0) == 495
    assert pace.next_timer() is None


def test_a_caller_that_is_a_little_late_each_time_is_in_time_all_the_same() -> None:
    done = asked(1000, 10.0, least=1.0, late=0.01)
    assert sum(number for _, number in done) == 1000
    assert done[-1][0] < 10.0


def test_asked_again_at_the_same_moment_nobody_is_asked_twice() -> None:
    pace = Pace(1000, 10.0, 0.0, least=1.0)
    pace.take(0.0)
    assert pace.take(0.0) == 0
