"""Turns that need no coordinator."""

from collections import Counter

from sip_agent.core.takeover.rendezvous import PATIENCE, is_turn_of

AGENTS = ("agent-1", "agent-2", "agent-3", "agent-4")
SESSIONS = [f"s-{number}" for number in range(2000)]


def takers(session: str, ownerless_for: float = 0.0, live: tuple[str, ...] = AGENTS) -> list[str]:
    return [agent for agent in live if is_turn_of(agent, session, live, ownerless_for)]


def test_one_agent_takes_a_session_at_once_and_one_more_each_time_that_patience_ends() -> None:
    for session in SESSIONS:
        assert [len(takers(session, rank * PATIENCE)) for rank in range(4)] == [1, 2, 3, 4]
        assert takers(session, PATIENCE - 0.1) == takers(session)


def test_whoever_may_take_a_session_may_do_so_later_as_well() -> None:
    for session in SESSIONS:
        assert set(takers(session)) < set(takers(session, PATIENCE)) < set(takers(session, 2 * PATIENCE))


def test_each_agent_is_first_for_its_share() -> None:
    first = Counter(takers(session)[0] for session in SESSIONS)
    assert all(400 < first[agent] < 600 for agent in AGENTS)


def test_one_agent_less_changes_the_first_of_none_but_its_own_sessions() -> None:
    for session in SESSIONS:
        if (before := takers(session)) != ["agent-4"]:
            assert takers(session, live=AGENTS[:-1]) == before


def test_an_agent_that_does_not_hear_itself_has_its_turn_all_the_same() -> None:
    assert is_turn_of("agent-5", "s-1", (), 0.0)
    for session in SESSIONS:
        assert is_turn_of("agent-1", session, AGENTS, 0.0) == is_turn_of("agent-1", session, AGENTS[1:], 0.0)


def test_in_the_end_everybody_may_take_what_is_left() -> None:
    assert takers("s-1", float("inf")) == list(AGENTS)
