"""When a web server that fails is left alone, and when it is tried again."""

import itertools

import pytest

from signaling.core.hooks.breaker import TABLE, Breaker, BreakerState, Input


def broken() -> Breaker:
    breaker = Breaker(most_failures=3, rest_seconds=5.0)
    for _ in range(3):
        assert breaker.permits(0.0)
        breaker.failed(0.0)
    assert breaker.state is BreakerState.OPEN
    return breaker


def test_failures_in_a_row_open_it_but_not_with_a_reply_between_them() -> None:
    breaker = Breaker(most_failures=3, rest_seconds=5.0)
    for _ in range(5):
        breaker.failed(0.0)
        breaker.failed(0.0)
        breaker.succeeded()
    assert breaker.permits(0.0)
    broken()


def test_while_it_is_open_nothing_is_posted() -> None:
    assert not broken().permits(4.9)


def test_after_the_rest_one_post_is_on_trial_and_the_others_wait_for_its_end() -> None:
    breaker = broken()
    assert breaker.permits(5.0) and not breaker.permits(5.0)
    breaker.succeeded()
    assert breaker.permits(5.1) and breaker.permits(5.1)


def test_a_trial_that_fails_begins_another_rest() -> None:
    breaker = broken()
    assert breaker.permits(5.0)
    breaker.failed(6.0)
    assert not breaker.permits(10.9)
    assert breaker.permits(11.0)


def test_after_a_success_it_takes_as_many_failures_as_before() -> None:
    breaker = broken()
    assert breaker.permits(5.0)
    breaker.succeeded()
    breaker.failed(5.1)
    breaker.failed(5.1)
    assert breaker.permits(5.2)


def test_posts_that_were_on_their_way_when_it_opened_do_not_lengthen_the_rest() -> None:
    breaker = broken()
    breaker.failed(4.0)
    assert breaker.permits(5.0)


@pytest.mark.parametrize(("state", "what"), [*itertools.product(BreakerState, Input)])
def test_only_an_open_breaker_has_rested(state: BreakerState, what: Input) -> None:
    assert ((state, what) in TABLE) == (what is not Input.RESTED or state is BreakerState.OPEN)
