"""Trial R5: what an agent does with calls that begin while it leaves. No call begins where nobody will see its end."""

from collections.abc import AsyncIterator

import pytest
from tests.integration.test_sip_agent import (
    DOMAIN,
    Login,
    agent,
    bus,
    login,
    registered,
    relay,
    ringing,
    settings,
    signaling_tasks,
    talking,
)
from tests.integration.test_sip_agent_hand_over import invite, other, owner
from tests.integration.test_sip_agent_transfers import called, phones
from tests.support.bus_seats import RELAY, RelaySeat, SessionSeat, command_id, sdp
from tests.support.sip_peer import SipPeer

from shared.bus import expiry
from shared.errors import RemoteError
from shared.messages import CallEstablished, CallHold, Done, IncomingCall, MediaRef, StartCall
from sip_agent.app import Agent
from sip_agent.core.syntax.message import Request, Response

__all__ = ["agent", "bus", "login", "other", "phones", "relay", "settings", "signaling_tasks"]  # fixtures


@pytest.fixture
async def caller() -> AsyncIterator[SipPeer]:
    """Somebody who calls an account at its Contact."""
    peer = await SipPeer.open()
    yield peer
    peer.close()


def contact(agent: Agent, seat: SessionSeat) -> str:
    return f"sip:{seat.session_id}@{agent.address}"


async def refused(caller: SipPeer) -> Response:
    response = await caller.response("INVITE")
    assert (response.status, response.reason) == (503, "Agent Draining")
    assert 5 <= response.retry_after <= 10
    return response


def calls_told(seat: SessionSeat) -> int:
    return sum(isinstance(event, IncomingCall) for event in seat.events)


# -- where it is alone


@pytest.mark.parametrize("is_headless", [False, True])
async def test_an_agent_that_leaves_alone_starts_no_call(
    agent: Agent, relay: RelaySeat, login: Login, is_headless: bool
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    agent.accounts.is_draining = True
    command = StartCall(
        id=command_id(),
        expires_at=expiry(),
        session_id="s-alice",
        call_id="c-1",
        callee="bob",
        media=MediaRef(relay=RELAY, media_id="m-1"),
        sip_sdp=sdp(10000),
        is_headless=is_headless,
    )
    with pytest.raises(RemoteError, match="503 Agent Draining"):
        await alice.ask(command, Done)
    assert len(agent.accounts.calls) == 0 and await agent.services.store.calls.names() == []
    assert await owner(agent, "s-alice") == ("agent-1", 1)
    assert calls_told(bob) == 0


async def test_an_agent_that_leaves_alone_takes_no_call(
    agent: Agent, relay: RelaySeat, login: Login, caller: SipPeer
) -> None:
    (alice,) = await registered(login, "alice")
    agent.accounts.is_draining = True
    invite(caller, contact(agent, alice))
    await refused(caller)
    invite_the_domain(agent, caller, "call-2")
    await refused(caller)
    assert calls_told(alice) == 0


def invite_the_domain(agent: Agent, caller: SipPeer, call_id: str) -> None:
    fields = [
        ("From", f"<sip:bob@example.com>;tag={caller.tag}"),
        ("To", f"<sip:alice@{DOMAIN}>"),
        ("Call-ID", call_id),
        ("CSeq", "1 INVITE"),
        ("Content-Type", "application/sdp"),
    ]
    caller.request("INVITE", f"sip:alice@{DOMAIN}", fields, sdp(4000).encode(), at=agent.address)


async def test_a_call_that_stands_goes_on_at_an_agent_that_leaves_alone(
    agent: Agent, relay: RelaySeat, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    call_id = await talking(alice, bob)
    agent.accounts.is_draining = True
    await alice.hold("c-1")
    assert (await alice.expect(CallHold)).local
    await alice.call("bob", "c-1")  # said again, as by one that has not heard the reply
    await bob.hang_up(call_id)
    assert (await alice.ended("c-1")).was_established and (await bob.ended(call_id)).was_established


async def test_a_call_that_rings_is_answered_at_an_agent_that_leaves_alone(
    agent: Agent, relay: RelaySeat, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    call_id = await ringing(alice, bob)
    agent.accounts.is_draining = True
    await bob.answer(call_id)
    await alice.expect(CallEstablished)
    await alice.hang_up("c-1")
    assert (await bob.ended(call_id)).was_established


async def test_a_call_that_stands_is_transferred_by_an_agent_that_leaves_alone(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    agent.accounts.is_draining = True
    carol.send("REFER", headers=[("Refer-To", f"<sip:dave@{DOMAIN}>")])
    assert (await carol.peer.response("REFER")).status == 202
    dave = phones["dave"]
    dave.respond(await dave.expect("INVITE"), 200, sdp(30002))
    await dave.expect("ACK")


# -- where another one is there


async def test_an_account_that_calls_or_is_called_moves_first(
    agent: Agent, other: Agent, relay: RelaySeat, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    agent.accounts.is_draining = True  # and nobody is moved in its turn
    with pytest.raises(RemoteError, match="481 Account Has Moved"):  # upon which signaling asks the new owner
        await alice.call("bob", "c-1")
    assert [await owner(agent, seat.session_id) for seat in (alice, bob)] == [("agent-2", 2), ("agent-1", 1)]
    alice.agent = "agent-2"
    await alice.call("bob", "c-1")
    incoming = await bob.expect(IncomingCall)
    assert incoming.agent == "agent-2" and await owner(agent, "s-bob") == ("agent-2", 2)
    bob.agent = "agent-2"
    await bob.answer(incoming.call_id)
    await alice.expect(CallEstablished)
    await bob.hang_up(incoming.call_id)
    assert (await alice.ended("c-1")).was_established


async def test_an_account_takes_its_calls_along_when_it_moves_first(
    agent: Agent, other: Agent, relay: RelaySeat, login: Login, caller: SipPeer
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    agent.accounts.is_draining = True
    invite(caller, contact(agent, alice))
    incoming = await alice.expect(IncomingCall)
    assert incoming.agent == "agent-2" and await owner(agent, "s-alice") == ("agent-2", 2)
    alice.agent = "agent-2"
    await alice.answer(incoming.call_id)
    assert (await caller.response("INVITE")).status == 200
    await alice.hang_up("c-1")
    assert (await alice.ended("c-1")).was_established


async def test_an_account_that_its_calls_keep_begins_no_other(
    agent: Agent, other: Agent, relay: RelaySeat, login: Login, caller: SipPeer
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    call_id = await ringing(alice, bob)
    agent.accounts.is_draining = True
    with pytest.raises(RemoteError, match="503 Agent Draining"):
        await alice.call("carol", "c-2")
    invite(caller, contact(agent, bob))
    await refused(caller)
    await bob.answer(call_id)
    await alice.expect(CallEstablished)
    with pytest.raises(RemoteError, match="481 Account Has Moved"):
        await alice.call("carol", "c-2")
    assert await owner(agent, "s-alice") == ("agent-2", 2)


async def test_an_account_that_no_agent_takes_begins_no_call(
    agent: Agent, other: Agent, relay: RelaySeat, login: Login, caller: SipPeer
) -> None:
    (alice,) = await registered(login, "alice")
    agent.accounts.is_draining = other.accounts.is_draining = True
    with pytest.raises(RemoteError, match="503 Agent Draining"):
        await alice.call("bob", "c-1")
    invite(caller, contact(agent, alice))
    await refused(caller)
    assert await owner(agent, "s-alice") == ("agent-1", 1)


async def test_a_caller_may_give_up_while_the_account_moves_first(
    agent: Agent, other: Agent, relay: RelaySeat, login: Login, caller: SipPeer
) -> None:
    (alice,) = await registered(login, "alice")
    agent.accounts.is_draining = True
    sent = invite(caller, contact(agent, alice))
    kept = ("Via", "From", "To", "Call-ID", "Max-Forwards")
    cancel = Request("CANCEL", sent.uri, [(name, value) for name, value in sent.headers if name in kept])
    cancel.headers.set("CSeq", "1 CANCEL")
    host, _, port = agent.address.rpartition(":")
    caller._send(cancel, host, int(port))
    assert (await caller.response("INVITE")).status == 487
    assert calls_told(alice) == 0
