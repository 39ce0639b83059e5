"""Password guessing is slow where the guesses come from, and nowhere else."""

import pytest

from shared.login_throttle import FREE
from signaling.core.attempts import AT_ONCE, FREE_OF_HOST, Attempt, Attempts
from signaling.core.errors import PageError

GUESS = Attempt("192.0.2.1", "alice@example.org")
ELSEWHERE = Attempt("192.0.2.2", "alice@example.org")
OTHER = Attempt("192.0.2.1", "bob@example.org")


def fail(attempts: Attempts, attempt: Attempt, now: float) -> None:
    attempts.begin(attempt, now)
    attempts.end(attempt)
    attempts.wrong(attempt, now)


def test_after_some_wrong_passwords_a_user_must_wait_where_they_came_from() -> None:
    attempts = Attempts()
    for _ in range(FREE + 1):
        fail(attempts, GUESS, 0.0)
    with pytest.raises(PageError) as refused:
        attempts.begin(GUESS, 0.5)
    assert refused.value.status == 429
    attempts.begin(ELSEWHERE, 0.5)
    attempts.begin(OTHER, 0.5)
    attempts.begin(GUESS, 1.0)


def test_a_right_password_ends_it() -> None:
    attempts = Attempts()
    for _ in range(FREE):
        fail(attempts, GUESS, 0.0)
    attempts.begin(GUESS, 0.0)
    attempts.end(GUESS)
    attempts.right(GUESS)
    for _ in range(FREE):
        fail(attempts, GUESS, 0.0)
    attempts.begin(GUESS, 0.0)


def test_guesses_side_by_side_are_bounded_before_anybody_has_decided_on_them() -> None:
    attempts = Attempts()
    for _ in range(AT_ONCE):
        attempts.begin(GUESS, 0.0)
    with pytest.raises(PageError):
        attempts.begin(GUESS, 0.0)
    attempts.end(GUESS)
    attempts.begin(GUESS, 0.0)


def test_a_host_that_tries_many_users_must_wait_too() -> None:
    attempts = Attempts()
    for number in range(FREE_OF_HOST + 1):
        fail(attempts, Attempt("192.0.2.1", f"user{number}@example.org"), 0.0)
    with pytest.raises(PageError):
        attempts.begin(OTHER, 0.5)
    attempts.begin(ELSEWHERE, 0.5)
