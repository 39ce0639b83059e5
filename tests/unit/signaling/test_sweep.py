"""When a session's record is over."""

from signaling.core.sweep import CALM_ROUNDS, Rounds, Seen, Silence, is_over

SEEN = Seen(revision=1, pod="p", detached_at=None)


def test_a_session_outlives_its_socket_by_the_grace_time() -> None:
    detached = SEEN._replace(detached_at=100.0)
    assert not is_over(detached, 129.9, 0.0, 30.0)
    assert is_over(detached, 130.0, 0.0, 30.0)
    assert not is_over(SEEN, 1e9, 0.0, 30.0)


def test_a_session_outlives_its_pod_by_the_grace_time() -> None:
    assert not is_over(SEEN, 1e9, 29.9, 30.0)
    assert is_over(SEEN, 1e9, 30.0, 30.0)


def test_silence_is_counted_from_when_it_is_seen_and_ends_with_a_word() -> None:
    silence = Silence()
    silence.observe({"p", "q"}, {"q"}, 10.0)
    silence.observe({"p", "q"}, {"q"}, 15.0)
    assert (silence.seconds("p", 17.0), silence.seconds("q", 17.0)) == (7.0, 0.0)
    silence.observe({"p"}, {"p"}, 20.0)
    silence.observe({"p"}, set(), 25.0)
    assert silence.seconds("p", 26.0) == 1.0


def test_where_nothing_happens_most_rounds_are_left_out() -> None:
    rounds, pods = Rounds(), frozenset({"p"})
    due = [rounds.is_due(pods, is_unfinished=False) for _ in range(2 * CALM_ROUNDS + 1)]
    assert [number for number, is_due in enumerate(due) if is_due] == [0, CALM_ROUNDS, 2 * CALM_ROUNDS]


def test_a_pod_that_comes_or_goes_and_what_may_be_over_soon_are_reasons_to_look_at_once() -> None:
    rounds, one, two = Rounds(), frozenset({"p"}), frozenset({"p", "q"})
    assert rounds.is_due(one, is_unfinished=False) and not rounds.is_due(one, is_unfinished=False)
    assert rounds.is_due(two, is_unfinished=False) and not rounds.is_due(two, is_unfinished=False)
    assert rounds.is_due(one, is_unfinished=False) and rounds.is_due(one, is_unfinished=True)
    assert not rounds.is_due(one, is_unfinished=False)
