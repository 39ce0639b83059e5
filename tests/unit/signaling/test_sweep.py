"""When a session's record is over."""

from signaling.core.sweep import Seen, Silence, is_over

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
