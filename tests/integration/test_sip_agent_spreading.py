"""An agent that is alone when it is told to leave, and one that joins: who has the accounts, and what calls notice."""

import asyncio

import pytest
from tests.integration.test_sip_agent import (
    Login,
    agent,
    bus,
    login,
    registered,
    relay,
    settings,
    signaling_tasks,
    talking,
)
from tests.integration.test_sip_agent_hand_over import leave, owner, second
from tests.support.bus_seats import RelaySeat, eventually

from shared.messages import AccountMoved, CallEstablished, CallHold, IncomingCall
from sip_agent.app import Agent
from sip_agent.core.takeover import spreading
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]  # fixtures


async def test_calls_of_an_agent_that_is_alone_go_on_until_they_end(
    agent: Agent, relay: RelaySeat, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    call_id = await talking(alice, bob)
    leaving = asyncio.ensure_future(leave(agent))
    await alice.hold("c-1")
    assert (await alice.expect(CallHold)).local and not leaving.done()
    await bob.hang_up(call_id)
    assert (await alice.ended()).was_established
    await leaving
    assert len(agent.accounts) == 2  # without calls they do not wait for another agent


async def test_calls_of_an_agent_that_is_alone_move_to_one_that_starts(
    agent: Agent, settings: Settings, relay: RelaySeat, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    call_id = await talking(alice, bob)
    leaving = asyncio.ensure_future(leave(agent))
    async with second(agent, settings, monkeypatch):
        await leaving
        assert [await owner(agent, seat.session_id) for seat in (alice, bob)] == [("agent-2", 2)] * 2
        bob.agent = "agent-2"
        await bob.hang_up(call_id)
        assert (await alice.ended()).was_established


async def test_an_agent_that_joins_gets_its_share_and_calls_stay(
    agent: Agent, settings: Settings, relay: RelaySeat, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "FEW", 0)
    alice, bob, carol = await registered(login, "alice", "bob", "carol")
    call_id = await talking(alice, bob)
    async with second(agent, settings, monkeypatch) as joined:
        moved = await carol.expect(AccountMoved)
        assert (moved.agent, moved.epoch, moved.has_calls) == ("agent-2", 2, False)
        carol.agent = "agent-2"
        await eventually(lambda: (len(agent.accounts), len(joined.accounts)) == (2, 1))
        await bob.hang_up(call_id)
        assert (await alice.ended()).was_established
        await alice.call("carol", "c-2")
        called = (await carol.expect(IncomingCall)).call_id
        await carol.answer(called)
        await alice.expect(CallEstablished, lambda event: event.call_id == "c-2")
        await carol.hang_up(called)
        assert (await alice.ended("c-2")).was_established
        assert (len(agent.accounts), len(joined.accounts)) == (2, 1)  # two and one are as even as three can be
