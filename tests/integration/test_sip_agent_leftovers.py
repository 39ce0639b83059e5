"""Far sides that answer late, wrongly or never: whatever they do in a call, nothing of it is left when it is over."""

import gc
from collections.abc import AsyncIterator

import pytest
from tests.integration.test_sip_agent import agent, bus, relay, settings, signaling_tasks
from tests.integration.test_sip_agent_set_up import alice, invite_fields, server
from tests.support.bus_seats import SessionSeat, sdp
from tests.support.leftovers import all_given_back, count_live
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.messages import CallEstablished, IncomingCall
from sip_agent.app import Agent

__all__ = ["agent", "alice", "bus", "relay", "server", "settings", "signaling_tasks"]  # fixtures

SDP = [("Content-Type", "application/sdp")]


@pytest.fixture(autouse=True)
async def nothing_left_behind(agent: Agent, alice: SessionSeat) -> AsyncIterator[None]:
    gc.collect()
    gc.disable()
    before = await count_live(agent)
    yield
    try:
        await all_given_back(agent, before)
    finally:
        gc.enable()


async def talking(server: SipPeer, alice: SessionSeat) -> PeerDialog:
    """Let alice call the far side until both are through."""
    await alice.call("bob", "c-1")
    invite = await server.expect("INVITE")
    server.respond(invite, 200, sdp(30000))
    await server.expect("ACK")
    await alice.expect(CallEstablished)
    return PeerDialog(server, received=invite)


async def ends(server: SipPeer, alice: SessionSeat) -> None:
    """Let alice hang up, and the far side agree."""
    await alice.hang_up("c-1")
    server.respond(await server.expect("BYE"), 200)


async def test_a_call_that_ends_as_it_should(server: SipPeer, alice: SessionSeat) -> None:
    await talking(server, alice)
    await ends(server, alice)
    assert (await alice.ended()).status == 200


async def test_requests_that_come_with_the_bye_are_answered(server: SipPeer, alice: SessionSeat) -> None:
    dialog = await talking(server, alice)
    dialog.send("UPDATE", SDP, sdp(30002).encode())
    dialog.send("BYE")
    for method in ("OPTIONS", "UPDATE", "NOTIFY", "REFER", "INVITE"):
        dialog.send(method)
        assert (await server.response(method)).status in (200, 481, 487, 491, 500)
    await alice.ended()


async def test_a_change_of_ours_that_never_gets_its_final_response(server: SipPeer, alice: SessionSeat) -> None:
    await talking(server, alice)
    await alice.hold("c-1")
    server.respond(await server.expect("INVITE"), 100)
    await ends(server, alice)


async def test_a_change_of_ours_that_is_answered_elsewhere_after_the_end(server: SipPeer, alice: SessionSeat) -> None:
    await talking(server, alice)
    await alice.hold("c-1")
    invite = await server.expect("INVITE")
    await alice.hang_up("c-1")
    bye = await server.expect("BYE")
    await alice.ended()
    server.respond(invite, 200, sdp(30004), [("Contact", f"<sip:elsewhere@{server.address}>")])
    await server.expect("ACK")
    server.respond(bye, 200)


async def test_a_bye_that_is_never_answered(server: SipPeer, alice: SessionSeat) -> None:
    await talking(server, alice)
    await alice.hang_up("c-1")
    await server.expect("BYE")


@pytest.mark.parametrize("status", [100, 180, 183])
async def test_a_caller_that_hangs_up_and_is_never_told(server: SipPeer, alice: SessionSeat, status: int) -> None:
    await alice.call("bob", "c-1")
    server.respond(await server.expect("INVITE"), status)
    await alice.hang_up("c-1")
    server.respond(await server.expect("CANCEL"), 200)


async def incoming(agent: Agent, server: SipPeer, alice: SessionSeat, *fields: tuple[str, str]) -> IncomingCall:
    """Let the far side call alice until she rings."""
    target = f"sip:{alice.session_id}@{agent.address}"
    server.request("INVITE", target, invite_fields(server, *SDP, *fields), sdp(30000).encode())
    return await alice.expect(IncomingCall)


async def test_an_answer_that_is_never_acknowledged(agent: Agent, server: SipPeer, alice: SessionSeat) -> None:
    call = await incoming(agent, server, alice)
    await alice.answer(call.call_id)
    await server.response("INVITE")
    assert (await alice.ended()).status == 408


@pytest.mark.parametrize("field", ["Min-SE", "Session-Expires"])
async def test_a_malformed_session_timer(agent: Agent, server: SipPeer, alice: SessionSeat, field: str) -> None:
    dialog = await talking(server, alice)
    dialog.send("INVITE", [*SDP, (field, "soon")], sdp(30002).encode())
    assert (await server.response("INVITE")).status == 400
    await ends(server, alice)
    target = f"sip:{alice.session_id}@{agent.address}"
    server.request("INVITE", target, invite_fields(server, *SDP, (field, "soon")), sdp(30000).encode())
    assert (await server.response("INVITE")).status == 400


@pytest.mark.parametrize(
    ("fields", "status"),
    [([("Contact", "<tel:+1>")], 416), ([("Record-Route", "<tel:+1>")], 416), ([("Min-SE", "soon")], 400)],
)
async def test_an_invite_that_would_replace_a_call_but_cannot_be_read(
    agent: Agent, server: SipPeer, alice: SessionSeat, fields: list[tuple[str, str]], status: int
) -> None:
    dialog = await talking(server, alice)
    replaces = ("Replaces", f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}")
    target = f"sip:{alice.session_id}@{agent.address}"
    server.request("INVITE", target, invite_fields(server, *SDP, replaces, *fields), sdp(30002).encode())
    assert (await server.response("INVITE")).status == status
    await ends(server, alice)


async def test_an_invite_that_replaces_a_call_just_ended(agent: Agent, server: SipPeer, alice: SessionSeat) -> None:
    dialog = await talking(server, alice)
    replaces = ("Replaces", f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}")
    target = f"sip:{alice.session_id}@{agent.address}"
    dialog.send("UPDATE", SDP, sdp(30002).encode())
    dialog.send("BYE")
    server.request("INVITE", target, invite_fields(server, *SDP, replaces), sdp(30002).encode())
    assert (await server.response("INVITE")).status in (481, 603)
    await alice.ended()


async def test_messages_to_a_page_that_is_too_slow_for_their_sender(server: SipPeer, alice: SessionSeat) -> None:
    dialog = await talking(server, alice)
    alice.reads_for = 1.5  # the sender waits for 1.3 s
    for _ in range(40):
        dialog.send("MESSAGE", [("Content-Type", "text/plain")], b"Hello")
    assert (await server.response("MESSAGE")).status == 200
    assert (await server.response("MESSAGE")).status == 408
    await ends(server, alice)
