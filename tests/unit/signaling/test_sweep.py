"""When a session's record is over."""

import msgspec

from shared.records import SessionRecord
from signaling.core.sweep import Silence, is_over

RECORD = SessionRecord(session_id="s", aor="a@b", pod="p", agent="a", epoch=1, resume_hash="", created_at=0.0)


def test_a_session_outlives_its_socket_by_the_grace_time() -> None:
    detached = msgspec.structs.replace(RECORD, detached_at=100.0)
    assert not is_over(detached, 129.9, 0.0, 30.0)
    assert is_over(detached, 130.0, 0.0, 30.0)
    assert not is_over(RECORD, 1e9, 0.0, 30.0)


def test_a_session_outlives_its_pod_by_the_grace_time() -> None:
    assert not is_over(RECORD, 1e9, 29.9, 30.0)
    assert is_over(RECORD, 1e9, 30.0, 30.0)


def test_silence_is_counted_from_when_it_is_seen_and_ends_with_a_word() -> None:
    silence = Silence()
    silence.observe({"p", "q"}, {"q"}, 10.0)
    silence.observe({"p", "q"}, {"q"}, 15.0)
    assert (silence.seconds("p", 17.0), silence.seconds("q", 17.0)) == (7.0, 0.0)
    silence.observe({"p"}, {"p"}, 20.0)
    silence.observe({"p"}, set(), 25.0)
    assert silence.seconds("p", 26.0) == 1.0
