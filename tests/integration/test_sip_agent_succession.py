"""What a call keeps when it changes hands: hold, privacy, what its browser was told, and the leg that had it."""

import pytest
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
from tests.integration.test_sip_agent_replaces import replacing
from tests.integration.test_sip_agent_transfers import called, nothing_left_of, notified, phones, referred
from tests.support.bus_seats import RELAY, RelaySeat, SessionSeat, command_id, sdp
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.bus import expiry
from shared.errors import RemoteError
from shared.messages import CallEstablished, CallHold, CallTransferred, Done, MediaRef, StartCall
from sip_agent.app import Agent

__all__ = ["agent", "bus", "login", "phones", "relay", "settings", "signaling_tasks"]  # fixtures


async def hold(alice: SessionSeat, far: PeerDialog) -> None:
    await alice.hold("c-1")
    far.peer.respond(await far.peer.expect("INVITE"), 200, sdp(30000))
    await far.peer.expect("ACK")
    assert (await alice.expect(CallHold)).local


async def unhold(alice: SessionSeat, far: SipPeer) -> None:
    await alice.hold("c-1", False)
    invite = await far.expect("INVITE")
    assert b"a=sendrecv" in invite.body
    far.respond(invite, 200, sdp(40000))
    assert not (await alice.expect(CallHold)).local


async def test_a_call_that_the_user_holds_is_held_after_a_transfer(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol, dave = await called(alice, phones["carol"], "carol", "c-1"), phones["dave"]
    await hold(alice, carol)
    await referred(carol, "dave")
    invite = await dave.expect("INVITE")
    assert b"a=sendonly" in invite.body
    with pytest.raises(RemoteError, match="491"):
        await alice.hold("c-1", False)
    dave.respond(invite, 200, sdp(40000))
    await alice.expect(CallTransferred)
    assert len([event for event in alice.events if isinstance(event, CallHold)]) == 1
    await unhold(alice, dave)


@pytest.mark.parametrize("offer", [sdp(40000), ""], ids=["offer", "no offer"])
async def test_a_call_that_the_user_holds_is_held_by_whoever_replaces_it(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer], offer: str
) -> None:
    (alice,) = await registered(login, "alice")
    carol, dave = await called(alice, phones["carol"], "carol", "c-1"), phones["dave"]
    await hold(alice, carol)
    fields = [field for field in replacing("alice", carol) if offer or field[0] != "Content-Type"]
    dave.request("INVITE", f"sip:alice@{DOMAIN}", fields, offer.encode(), at=agent.address)
    accepted = await dave.response("INVITE")
    assert offer or b"a=sendonly" in accepted.body
    answer = ([("Content-Type", "application/sdp")], sdp(40000).encode()) if not offer else ([], b"")
    PeerDialog(dave, answered=accepted).send("ACK", *answer, cseq=1)
    await alice.expect(CallTransferred)
    assert len([event for event in alice.events if isinstance(event, CallHold)]) == 1
    await unhold(alice, dave)


async def test_what_the_browser_was_told_outlives_two_transfers(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    told = await agent.services.store.calls.get("c-1")
    assert told is not None
    for now, following in (("carol", "dave"), ("dave", "carol")):
        assert carol.peer is phones[now]
        await referred(carol, following)
        invite = await phones[following].expect("INVITE")
        phones[following].respond(invite, 200, sdp(40000))
        await alice.expect(CallTransferred)
        await notified(carol)
        carol.send("BYE")
        await carol.peer.response("BYE")
        carol = PeerDialog(phones[following], received=invite)
    entry = await agent.services.store.calls.get("c-1")
    assert entry is not None and entry.record.browser_sdp == told.record.browser_sdp


async def test_whoever_calls_in_private_is_not_named_by_a_transfer(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol, dave = phones["carol"], phones["dave"]
    command = StartCall(
        id=command_id(),
        expires_at=expiry(),
        session_id=alice.session_id,
        call_id="c-1",
        callee="carol",
        media=MediaRef(relay=RELAY, media_id="m-1"),
        sip_sdp=sdp(10000),
        is_private=True,
    )
    await alice.ask(command, Done)
    invite = await carol.expect("INVITE")
    carol.respond(invite, 200, sdp(30000))
    await alice.expect(CallEstablished)
    await referred(PeerDialog(carol, received=invite), "dave")
    assert "alice" not in str((await dave.expect("INVITE")).from_)


async def test_a_caller_that_gives_up_replacing_a_call_leaves_its_media_where_it_was(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol, dave = await called(alice, phones["carol"], "carol", "c-1"), phones["dave"]
    dave.request("INVITE", f"sip:alice@{DOMAIN}", replacing("alice", carol), sdp(40000).encode(), at=agent.address)
    leaving = PeerDialog(dave, answered=await dave.response("INVITE"))
    assert (await relay.offered()).sdp == sdp(40000)
    carol.send("INVITE", [("Content-Type", "application/sdp")], sdp(30004).encode())
    assert (await carol.peer.response("INVITE")).status == 488  # it would take the media back
    leaving.send("BYE")
    assert (await dave.response("BYE")).status == 200
    assert (await relay.offered()).sdp == sdp(30000)
    assert not any(isinstance(event, CallTransferred) for event in alice.events)


async def test_a_phone_that_answers_after_the_end_of_the_call_is_hung_up(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol = phones["carol"]
    await alice.call("carol", "c-1")
    invite = await carol.expect("INVITE")
    carol.respond(invite, 200, sdp(30000))
    await carol.expect("ACK")
    await alice.hang_up("c-1")
    carol.respond(await carol.expect("BYE"), 200)
    await alice.ended("c-1")
    carol.tag = "other"
    carol.respond(invite, 200, sdp(30002))
    assert (await carol.expect("ACK")).to.tag == "other"
    bye = await carol.expect("BYE")
    assert bye.to.tag == "other"
    carol.respond(bye, 200)
    await nothing_left_of(agent, alice)


async def test_a_change_that_is_answered_after_the_end_is_acknowledged_and_leaves_no_record(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    await alice.hold("c-1")
    invite = await carol.peer.expect("INVITE")
    carol.send("BYE")
    assert (await carol.peer.response("BYE")).status == 200
    await alice.ended("c-1")
    carol.peer.respond(invite, 200, sdp(30000), [("Contact", f"<sip:moved@{carol.peer.address}>")])
    await carol.peer.expect("ACK")
    await nothing_left_of(agent, alice)
