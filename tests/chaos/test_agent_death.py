"""Agents that die on the spot, as processes, with a real NATS: what they had goes on at others."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.support.bus_seats import RelaySeat, SessionSeat, account, pretend_signaling, sdp
from tests.support.services import SECRET, Cordboard, Pod, cordboard
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.messages import AccountMoved, AdoptMedia, CallEstablished
from shared.tasks import Tasks


@pytest.fixture
async def cluster() -> AsyncIterator[Cordboard]:
    """Two agents; relays and signaling are played on the bus."""
    tasks = Tasks("seats")
    async with cordboard(signaling=0, agents=2, relays=0) as running:
        pretend_signaling(running.bus, tasks)
        yield running
        await tasks.aclose()


@pytest.fixture
async def relay(cluster: Cordboard) -> RelaySeat:
    seat = RelaySeat()
    await seat.sit(cluster.bus)
    return seat


@pytest.fixture
async def server(cluster: Cordboard) -> AsyncIterator[SipPeer]:
    """The SIP server of the sessions, and whoever they call."""
    peer = await SipPeer.open()
    yield peer
    peer.close()


async def at_server(cluster: Cordboard, server: SipPeer, agent: Pod, is_registering: bool = False) -> SessionSeat:
    """A session of that agent whose account is at the server."""
    sealed = account(SECRET, "s-alice", "alice", "secret", "example.com")
    theirs = msgspec.structs.replace(
        sealed, outbound_proxy=server.address, transport="udp", register_required=is_registering
    )
    seat = SessionSeat(cluster.bus, agent.name, "s-alice", theirs)
    await seat.sit()
    await seat.open()
    return seat


async def talking(server: SipPeer, alice: SessionSeat) -> PeerDialog:
    """Let alice call the far side until both are through."""
    await alice.call("bob", "c-1")
    invite = await server.expect("INVITE")
    server.respond(invite, 200, sdp(30000))
    await server.expect("ACK")
    await alice.expect(CallEstablished)
    return PeerDialog(server, received=invite)


async def moved(alice: SessionSeat) -> AccountMoved:
    """Wait until the session has a new agent, and follow it there."""
    event = await alice.expect(AccountMoved, within=10.0)
    alice.agent = event.agent
    return event


async def test_an_established_call_goes_on_at_another_agent(
    cluster: Cordboard, relay: RelaySeat, server: SipPeer
) -> None:
    first, second = cluster.agents
    alice = await at_server(cluster, server, first)
    dialog = await talking(server, alice)
    await first.kill()
    event = await moved(alice)
    assert (event.agent, event.epoch, event.has_calls) == (second.name, 2, True)
    again = await server.expect("INVITE")
    assert (again.call_id, again.from_.tag, again.to.tag) == (dialog.call_id, dialog.remote_tag, dialog.local_tag)
    assert again.cseq[0] > 1 and again.contacts[0].sip_uri.port == second.port
    server.respond(again, 200, sdp(30000))
    await server.expect("ACK")
    assert [(one.agent, one.epoch) for one in relay.commands if isinstance(one, AdoptMedia)] == [(second.name, 2)]
    await alice.hang_up("c-1")
    server.respond(await server.expect("BYE"), 200)
    assert (await alice.ended("c-1")).was_established
