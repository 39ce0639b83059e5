"""A relay and the agent of its calls die, in either order: whoever takes the calls over moves them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.chaos.stage import Stage, called, moved, talking
from tests.integration.test_sip_agent_reanchor import OTHER, Pulse, come
from tests.support.bus_seats import RELAY, RelaySeat, command_id, eventually, sdp
from tests.support.sip_peer import PeerDialog, SipPeer
from tests.support.until import until

from shared.bus import expiry
from shared.messages import AttachSession, CallEstablished, ReanchorMedia, SessionSnapshot
from shared.records import CallRecord


@pytest.fixture
async def other(stage: Stage) -> AsyncIterator[RelaySeat]:
    """The relay that is left."""
    seat, pulse = RelaySeat(OTHER), Pulse(stage.cluster.bus, OTHER)
    await seat.sit(stage.cluster.bus)
    yield seat
    await pulse.stop()


async def record(stage: Stage) -> CallRecord:
    calls = stage.cluster.store.calls
    (name,) = await calls.names()
    entry = await calls.get(name)
    assert entry is not None
    return entry.record


async def has_moved(stage: Stage) -> bool:
    return not (await record(stage)).is_moving


async def answer_reinvites(server: SipPeer) -> None:
    """Take whatever the call's side says of itself."""
    while True:
        server.respond(await server.expect("INVITE", within=60.0), 200, sdp(30000))  # until it is told to end


async def test_a_call_whose_media_was_on_its_way_is_moved_by_the_next_agent(
    stage: Stage, server: SipPeer, other: RelaySeat
) -> None:
    first, second = stage.agents
    bus = stage.cluster.bus
    pulse = Pulse(bus, RELAY)
    alice = await stage.at_server(server, first)
    await talking(server, alice)
    await pulse.stop()
    await stage.relay.leave(bus)
    await alice.expect(ReanchorMedia, within=10.0)  # and she does not come
    server.respond(await server.expect("INVITE"), 200, sdp(30000))
    await server.expect("ACK")
    assert (await record(stage)).is_moving
    await first.kill()
    async with asyncio.TaskGroup() as group:
        far_side = group.create_task(answer_reinvites(server))
        await moved(alice)
        await come(bus, alice, other)
        await until(lambda: has_moved(stage))
        far_side.cancel()
    now = await record(stage)
    assert (now.owner, now.media and now.media.relay) == (second.name, OTHER)
    await eventually(lambda: len(other.released) == 1)  # the session that nobody had come to
    await alice.hang_up("c-1")
    server.respond(await server.expect("BYE"), 200)
    assert (await alice.ended("c-1")).was_established


async def test_a_page_whose_ringing_call_has_another_agent_and_relay_comes_back_to_the_new_offer(
    stage: Stage, server: SipPeer, other: RelaySeat
) -> None:
    first, _ = stage.agents
    bus = stage.cluster.bus
    pulse = Pulse(bus, RELAY)
    alice = await stage.at_server(server, first)
    call_id, _ = await called(server, alice, first)
    await first.kill()
    await moved(alice)
    await pulse.stop()
    await stage.relay.leave(bus)
    assert (await alice.expect(ReanchorMedia, within=10.0)).browser_sdp == f"offer of {OTHER}"
    attach = AttachSession(id=command_id(), expires_at=expiry(), session_id=alice.session_id, pod="signaling-1")
    (call,) = (await alice.ask(attach, SessionSnapshot)).calls
    assert (call.call_id, call.state, call.browser_sdp) == (call_id, "incoming", f"offer of {OTHER}")
    await alice.answer(call_id)
    dialog = PeerDialog(server, answered=await server.response("INVITE"))
    dialog.send("ACK", cseq=1)
    await alice.expect(CallEstablished)
    dialog.send("BYE")
    assert (await server.response("BYE")).status == 200
    assert (await alice.ended(call_id)).was_established
