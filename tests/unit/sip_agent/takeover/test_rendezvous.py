"""Ranks that need no coordinator."""

from collections import Counter

from sip_agent.core.takeover.rendezvous import PATIENCE, is_due, rank

AGENTS = ("agent-1", "agent-2", "agent-3", "agent-4")
SESSIONS = [f"s-{number}" for number in range(2000)]


def ranks(session: str, live: tuple[str, ...] = AGENTS) -> dict[str, int]:
    return {agent: rank(session, agent, live) for agent in live}


def test_every_agent_has_a_rank_of_its_own_for_a_session() -> None:
    for session in SESSIONS:
        assert sorted(ranks(session).values()) == [0, 1, 2, 3]


def test_each_agent_is_first_for_its_share() -> None:
    first = Counter(min(AGENTS, key=lambda agent: rank(session, agent, AGENTS)) for session in SESSIONS)
    assert all(400 < first[agent] < 600 for agent in AGENTS)


def test_one_agent_less_changes_the_first_of_none_but_its_own_sessions() -> None:
    fewer = AGENTS[:-1]
    for session in SESSIONS:
        before, after = ranks(session), ranks(session, fewer)
        if before["agent-4"] != 0:
            assert min(before, key=before.__getitem__) == min(after, key=after.__getitem__)


def test_an_agent_that_does_not_hear_itself_has_a_rank_all_the_same() -> None:
    assert rank("s-1", "agent-5", ()) == 0
    assert rank("s-1", "agent-1", AGENTS) == rank("s-1", "agent-1", AGENTS[1:])


def test_each_rank_waits_longer_than_the_one_before() -> None:
    assert [is_due(0, 0.0), is_due(1, 0.0), is_due(1, PATIENCE), is_due(2, PATIENCE)] == [True, False, True, False]
