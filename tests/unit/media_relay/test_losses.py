"""Which packets are missing, and when they are asked for."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.native_repair import NativeLosses

from media_relay.core.losses import MAX_MISSING, MAX_TIMES, RETRY_SECONDS, Losses

ONE, OTHER = 1, 2


@pytest.fixture(params=[Losses, NativeLosses])
def losses(request: pytest.FixtureRequest) -> Losses | NativeLosses:
    made: Losses | NativeLosses = request.param()
    return made


def after(losses: Losses, numbers: Sequence[int], now: float = 0.0) -> list[list[int]]:
    return [losses.receive(ONE, number & 0xFFFF, now) for number in numbers]


def test_nothing_is_asked_for_while_nothing_is_missing(losses: Losses) -> None:
    assert after(losses, range(65500, 65600)) == [[]] * 100


def test_a_gap_is_asked_for_at_once_and_once(losses: Losses) -> None:
    assert after(losses, [65534, 2, 3]) == [[], [65535, 0, 1], []]


def test_what_does_not_come_is_asked_for_again_until_it_is_given_up(losses: Losses) -> None:
    after(losses, [1, 3])
    asked = [losses.receive(ONE, 3 + time, time * 1.1 * RETRY_SECONDS) for time in range(1, MAX_TIMES + 3)]
    assert asked == [[2]] * (MAX_TIMES - 1) + [[]] * 3


def test_what_comes_late_is_not_asked_for_again(losses: Losses) -> None:
    after(losses, [1, 4])
    assert losses.receive(ONE, 2, 0.01) == []
    assert losses.receive(ONE, 5, 1.0) == [3]


def test_a_long_gap_is_no_loss_to_repair(losses: Losses) -> None:
    assert after(losses, [1, MAX_MISSING + 2]) == [[], []]
    assert after(losses, [MAX_MISSING + 4]) == [[MAX_MISSING + 3]]


def test_no_more_are_remembered_than_can_be_missing_in_one_gap(losses: Losses) -> None:
    asked = after(losses, range(0, 10 * MAX_MISSING, 2))
    assert asked[-1] == [10 * MAX_MISSING - 3]
    again = losses.receive(ONE, 10 * MAX_MISSING - 1, 1.0)
    assert again == list(range(8 * MAX_MISSING - 1, 10 * MAX_MISSING - 2, 2))


def test_another_source_starts_all_over(losses: Losses) -> None:
    after(losses, [1, 3])
    assert losses.receive(OTHER, 40000, 1.0) == []
    assert losses.receive(OTHER, 40002, 1.0) == [40001]


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 65535) | st.integers(0, 90), st.floats(0, 0.1))))
def test_both_forwarders_ask_for_the_same(received: list[tuple[int, int, float]]) -> None:
    python, native = Losses(), NativeLosses()
    now = 0.0
    for ssrc, number, later in received:
        now += later
        assert python.receive(ssrc, number, now) == native.receive(ssrc, number, now)
