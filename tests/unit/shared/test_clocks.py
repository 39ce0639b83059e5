"""What the times in heartbeats tell of the clocks of others."""

from shared.clocks import Clocks


def hear(clocks: Clocks, *lateness: float, ahead: float = 0.0, pod: str = "a") -> list[float | None]:
    """Hear a pod whose clock is ahead by so much, each time so late."""
    times = (100.0 + 5.0 * number for number in range(len(lateness)))
    return [clocks.hear(pod, now + ahead, now + late, now + late) for now, late in zip(times, lateness, strict=True)]


def test_equal_clocks_make_no_difference_whatever_is_late() -> None:
    clocks = Clocks()
    assert hear(clocks, 0.001, 3.0, 0.002, 2.0, 3.0, 0.001) == [None] * 6
    assert clocks.largest(125.0) <= 0.001 + 1e-9


def test_a_clock_that_is_ahead_is_told_at_once_and_once() -> None:
    clocks = Clocks()
    first, *others = hear(clocks, 0.0, 0.0, 0.0, 0.0, ahead=2.0)
    assert first == 2.0 and others == [None] * 3
    assert clocks.largest(120.0) == 2.0


def test_a_clock_that_is_behind_is_told_once_it_cannot_be_that_the_word_was_slow() -> None:
    clocks = Clocks()
    assert hear(clocks, 0.0, 0.0, 0.0, 0.0, ahead=-2.0) == [None, None, -2.0, None]


def test_half_a_second_is_tolerated_and_shown() -> None:
    clocks = Clocks()
    assert hear(clocks, 0.0, 0.0, 0.0, ahead=0.4) == [None] * 3
    assert abs(clocks.largest(110.0) - 0.4) < 1e-9


def test_the_same_heartbeat_counts_once_however_often_it_is_heard() -> None:
    clocks = Clocks()
    assert [clocks.hear("a", 98.0, 100.0, 100.0) for _ in range(5)] == [None] * 5
    assert clocks.largest(100.0) == 0.0


def test_a_clock_that_was_set_right_is_told_again_when_it_is_off_again() -> None:
    clocks = Clocks()
    told = [clocks.hear("a", at + off, at, at) for at, off in ((100, 2), (105, 0), (110, 0), (115, 0), (120, 2))]
    assert told == [2, None, None, None, 2]


def test_a_pod_that_is_gone_makes_no_difference_any_more() -> None:
    clocks = Clocks()
    hear(clocks, 0.0, ahead=2.0)
    hear(clocks, 0.0, ahead=1.0, pod="b")
    assert clocks.largest(101.0) == 2.0
    assert clocks.largest(131.0) == 0.0
