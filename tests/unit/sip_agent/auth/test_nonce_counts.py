"""How often nonces were used."""

from sip_agent.core.auth.nonce_counts import NonceCounts


def test_a_count_must_rise() -> None:
    counts = NonceCounts(kept=60)
    assert [counts.use("n", "alice", count, 0.0) for count in (1, 1, 5, 3, 6)] == [True, False, True, False, True]


def test_a_nonce_is_for_one_user() -> None:
    counts = NonceCounts(kept=60)
    assert counts.use("n", "alice", 1, 0.0)
    assert counts.user("n") == "alice" and counts.user("other") is None
    assert not counts.use("n", "bob", 2, 0.0)


def test_a_nonce_is_forgotten_after_its_time() -> None:
    counts = NonceCounts(kept=60)
    counts.use("old", "alice", 1, 0.0)
    counts.use("new", "alice", 1, 60.0)
    assert counts.user("old") is None and counts.user("new") == "alice"


def test_the_oldest_are_forgotten_where_there_are_too_many() -> None:
    counts = NonceCounts(kept=60, most=10)
    for number in range(100):
        assert counts.use(f"n{number}", "alice", 1, 0.0)
    assert len(counts) == 10 and counts.user("n90") == "alice" and counts.user("n89") is None
