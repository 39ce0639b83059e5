"""Who guesses waits, longer each time."""

from shared.login_throttle import FORGET_AFTER, LoginThrottle, Proven


def waits(guessing: LoginThrottle, failures: int) -> list[float]:
    """Let one source fail as soon as it may, and return how long it had to wait each time."""
    now, found = 0.0, []
    for _ in range(failures):
        guessing.failed("x", now)
        start = now
        while guessing.must_wait("x", now):
            now += 0.5
        found.append(now - start)
    return found


def test_some_failures_are_free_and_each_later_one_costs_twice_as_much() -> None:
    assert waits(LoginThrottle(free=2, longest=10.0), 8) == [0.0, 0.0, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_the_right_password_ends_it() -> None:
    guessing = LoginThrottle(free=0)
    guessing.failed("x", 0.0)
    assert guessing.must_wait("x", 0.5)
    guessing.succeeded("x")
    assert not guessing.must_wait("x", 0.5)


def test_others_do_not_wait() -> None:
    guessing = LoginThrottle(free=0)
    guessing.failed(("192.0.2.1", "alice"), 0.0)
    assert not guessing.must_wait(("192.0.2.2", "alice"), 0.0)
    assert not guessing.must_wait(("192.0.2.1", "bob"), 0.0)


def test_failures_of_long_ago_are_forgotten() -> None:
    guessing = LoginThrottle(free=1)
    guessing.failed("x", 0.0)
    guessing.failed("x", FORGET_AFTER + 1)
    assert not guessing.must_wait("x", FORGET_AFTER + 1)


def test_the_table_is_bounded_and_who_still_fails_stays_in_it() -> None:
    guessing = LoginThrottle(free=0, most=10)
    for number in range(1000):
        guessing.failed("x", float(number))
        guessing.failed(f"other {number}", float(number))
    assert len(guessing) == 10 and guessing.must_wait("x", 999.5)


def test_who_has_proven_himself_is_remembered_until_there_are_too_many_others() -> None:
    proven = Proven(most=2)
    for who in ("a", "b", "a", "c"):
        proven.add(who)
    assert "a" in proven and "c" in proven and "b" not in proven
    assert len(proven) == 2
