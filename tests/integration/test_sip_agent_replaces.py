"""Calls that take the place of others: INVITE with Replaces (RFC 3891), from far sides that are played by hand."""

from tests.integration.test_sip_agent import (
    DOMAIN,
    Login,
    agent,
    bus,
    login,
    registered,
    relay,
    settings,
    signaling_tasks,
)
from tests.integration.test_sip_agent_transfers import called, nothing_left_of, phones
from tests.support.bus_seats import RelaySeat, sdp
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.messages import CallEnded, CallEstablished, CallTransferred, IncomingCall
from sip_agent.app import Agent

__all__ = ["agent", "bus", "login", "phones", "relay", "settings", "signaling_tasks"]  # fixtures


def replacing(name: str, dialog: PeerDialog | None, call_id: str = "new-call") -> list[tuple[str, str]]:
    named = "none;to-tag=1;from-tag=2"
    if dialog is not None:
        named = f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}"
    return [
        ("From", f'"Dave" <sip:dave@elsewhere.example>;tag={call_id}'),
        ("To", f"<sip:{name}@{DOMAIN}>"),
        ("Call-ID", call_id),
        ("CSeq", "1 INVITE"),
        ("Replaces", named),
        ("Require", "replaces"),
        ("Content-Type", "application/sdp"),
    ]


async def test_an_invite_takes_the_place_of_a_call(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    dave = phones["dave"]
    dave.request("INVITE", f"sip:alice@{DOMAIN}", replacing("alice", carol), sdp(40000).encode(), at=agent.address)
    accepted = await dave.response("INVITE")
    assert accepted.status == 200
    assert (await relay.offered()).far_side == "new-call"
    taker = PeerDialog(dave, answered=accepted)
    taker.send("ACK", cseq=1)
    transferred = await alice.expect(CallTransferred)
    assert (transferred.call_id, transferred.peer, transferred.peer_name) == (
        "c-1",
        "sip:dave@elsewhere.example",
        "Dave",
    )
    carol.peer.respond(await carol.peer.expect("BYE"), 200)
    assert not any(isinstance(event, IncomingCall | CallEnded) for event in alice.events)
    taker.send("BYE")
    assert (await dave.response("BYE")).status == 200
    assert (await alice.ended("c-1")).by == "remote"
    await nothing_left_of(agent, alice)


async def test_a_call_that_came_in_is_taken_over_by_a_caller_without_an_offer(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol, dave = phones["carol"], phones["dave"]
    fields = replacing("alice", None, "first-call")
    fields = [field for field in fields if field[0] not in ("Replaces", "Require")]
    carol.request("INVITE", f"sip:alice@{DOMAIN}", fields, sdp(30000).encode(), at=agent.address)
    incoming = await alice.expect(IncomingCall)
    await alice.answer(incoming.call_id)
    talker = PeerDialog(carol, answered=await carol.response("INVITE"))
    talker.send("ACK", cseq=1)
    await alice.expect(CallEstablished)
    fields = [field for field in replacing("alice", talker) if field[0] != "Content-Type"]
    dave.request("INVITE", f"sip:alice@{DOMAIN}", fields, at=agent.address)
    accepted = await dave.response("INVITE")
    assert (accepted.status, accepted.content_type) == (200, "application/sdp")
    PeerDialog(dave, answered=accepted).send("ACK", [("Content-Type", "application/sdp")], sdp(40000).encode(), cseq=1)
    await alice.expect(CallTransferred)
    carol.respond(await carol.expect("BYE"), 200)
    entry = await agent.services.store.calls.get(incoming.call_id)
    assert entry is not None
    assert (entry.record.direction, entry.record.caller) == ("incoming", "sip:dave@elsewhere.example")
    assert entry.record.browser_sdp == "offer for the browser"
    await alice.hang_up(incoming.call_id)
    dave.respond(await dave.expect("BYE"), 200)
    await nothing_left_of(agent, alice)


async def test_an_invite_that_replaces_nothing_is_refused(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    dave = phones["dave"]
    uri = f"sip:alice@{DOMAIN}"
    dave.request("INVITE", uri, replacing("alice", None), sdp(40000).encode(), at=agent.address)
    assert (await dave.response("INVITE")).status == 481
    assert not any(isinstance(event, IncomingCall) for event in alice.events)


async def test_a_stranger_replaces_no_call(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    dave = phones["dave"]
    fields = replacing("alice", carol)
    dave.request("INVITE", f"sip:{alice.session_id}@{agent.address}", fields, sdp(40000).encode())
    assert (await dave.response("INVITE")).status == 403
