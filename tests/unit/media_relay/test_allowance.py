"""The bound on a rate."""

from media_relay.core.allowance import Allowance


def test_a_burst_goes_through_and_then_no_more_than_the_rate() -> None:
    allowance = Allowance()
    assert [allowance.take(2.0, 3.0, 100.0) for _ in range(4)] == [True, True, True, False]
    assert [allowance.take(2.0, 3.0, 100.0 + at) for at in (0.4, 0.5, 0.9, 1.0)] == [False, True, False, True]


def test_a_pause_gives_back_no_more_than_the_burst() -> None:
    allowance = Allowance()
    assert [allowance.take(2.0, 3.0, 1e6 * at) for at in (1, 2)] == [True, True]
    assert [allowance.take(2.0, 3.0, 2e6) for _ in range(3)] == [True, True, False]
