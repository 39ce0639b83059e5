"""Incoming calls of an account without a browser, which another service answers; the relay is played by hand."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.integration.test_sip_agent import agent, bus, relay, settings, signaling_tasks
from tests.integration.test_sip_agent_hand_over import leave, other
from tests.integration.test_sip_agent_headless import Headless, store
from tests.integration.test_sip_agent_set_up import invite_fields, server
from tests.support.bus_seats import RELAY, RelaySeat, command_id, eventually, eventually_empty, sdp
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.bus import Bus, expiry
from shared.errors import RemoteError
from shared.messages import (
    AccountOpened,
    AllocateMedia,
    AnswerCall,
    CallEnded,
    CallEstablished,
    HangupCall,
    Heartbeat,
    IncomingCall,
    OfferMedia,
    OpenAccount,
    SipAccount,
)
from shared.presence import beat
from shared.records import CallRecord
from shared.store import Store
from shared.tasks import Tasks
from sip_agent.app import Agent

__all__ = ["agent", "bus", "other", "relay", "server", "settings", "signaling_tasks", "store"]  # fixtures


@pytest.fixture
async def alice(
    bus: Bus, agent: Agent, relay: RelaySeat, server: SipPeer, signaling_tasks: Tasks
) -> AsyncIterator[Headless]:
    """A session that takes calls."""
    account = SipAccount(login="alice", domain="example.test", outbound_proxy=server.address, register_required=False)
    seat = Headless(bus, "agent-1", "s-alice", account)
    await seat.sit()
    opened = OpenAccount(
        id=command_id(), expires_at=expiry(), session_id="s-alice", pod="", account=account, takes_calls=True
    )
    await seat.ask(opened, AccountOpened)
    there = Heartbeat(kind="relay", pod=RELAY, load=0, capacity=100)
    signaling_tasks.spawn(beat(bus, lambda: there), "heartbeat of the relay")
    await eventually(lambda: agent.services.relays.last(RELAY) is not None)
    yield seat


async def ringing(agent: Agent, server: SipPeer, store: Store) -> CallRecord:
    """Let the peer call, and hear it ring; return what there is of the call."""
    fields = invite_fields(server, ("Content-Type", "application/sdp"))
    server.request("INVITE", f"sip:s-alice@{agent.address}", fields, sdp(30000).encode())
    assert (await server.response("INVITE", 180)).status == 180
    (name,) = await store.calls.names()
    entry = await store.calls.get(name)
    assert entry is not None
    return entry.record


async def test_a_call_rings_and_is_answered_by_the_relay_alone(
    alice: Headless, agent: Agent, relay: RelaySeat, server: SipPeer, store: Store
) -> None:
    record = await ringing(agent, server, store)
    assert (record.direction, record.state, record.is_headless) == ("incoming", "incoming", True)
    await alice.do(AnswerCall, record.call_id, browser_sdp="")
    answered = await server.response("INVITE")
    assert (answered.status, answered.body) == (200, sdp(20002).encode())
    offers = [one.sdp for one in relay.commands if isinstance(one, OfferMedia)]
    allocated = [one for one in relay.commands if isinstance(one, AllocateMedia)]
    assert offers == [sdp(30000)] and [(one.is_headless, one.sip_sdp) for one in allocated] == [(True, None)]
    dialog = PeerDialog(server, answered=answered)
    dialog.send("ACK", cseq=1)
    await alice.expect(CallEstablished)
    assert not any(isinstance(event, IncomingCall) for event in alice.events)
    dialog.send("BYE")
    assert (await alice.ended()).status == 200
    await eventually_empty(store.calls.names)
    await eventually(lambda: relay.released == [allocated[0].media_id])
    entry = await store.endings.get(record.call_id)
    assert entry is not None and entry.record.by == "remote"


async def test_a_call_that_was_answered_goes_with_its_account_to_another_agent(
    alice: Headless, agent: Agent, other: Agent, server: SipPeer, store: Store
) -> None:
    record = await ringing(agent, server, store)
    await alice.do(AnswerCall, record.call_id, browser_sdp="")
    PeerDialog(server, answered=await server.response("INVITE")).send("ACK", cseq=1)
    await alice.expect(CallEstablished)
    leaving = asyncio.ensure_future(leave(agent))
    server.respond(await server.expect("INVITE"), 200, sdp(30000))  # by the other one: it does not wait long
    await server.expect("ACK")
    await leaving
    entry = await store.calls.get(record.call_id)
    assert entry is not None and (entry.record.owner, entry.record.is_headless) == ("agent-2", True)
    alice.agent = "agent-2"
    await alice.do(HangupCall, record.call_id)
    server.respond(await server.expect("BYE"), 200)
    assert (await alice.ended()).by == "local"


async def test_a_call_that_rings_is_refused_by_another_service(
    alice: Headless, agent: Agent, server: SipPeer, store: Store
) -> None:
    record = await ringing(agent, server, store)
    await alice.do(HangupCall, record.call_id, status=486, reason="Busy Here")
    assert (await server.response("INVITE")).status == 486
    assert (await alice.expect(CallEnded)).status == 486


async def test_a_call_that_no_relay_takes_or_that_offers_nothing_is_refused(
    alice: Headless, agent: Agent, relay: RelaySeat, server: SipPeer, store: Store
) -> None:
    server.request("INVITE", f"sip:s-alice@{agent.address}", invite_fields(server))
    assert (await server.response("INVITE")).status == 488
    relay.refuse_allocation = RemoteError(503, "Service Unavailable")
    fields = [(name, "other-call" if name == "Call-ID" else text) for name, text in invite_fields(server)]
    with_sdp = [*fields, ("Content-Type", "application/sdp")]
    server.request("INVITE", f"sip:s-alice@{agent.address}", with_sdp, sdp(30000).encode())
    assert (await server.response("INVITE")).status == 503
    await eventually_empty(store.calls.names)
