"""Transfers, with far sides that are played by hand: sent by us, received by us, and calls that replace others."""

from collections.abc import AsyncIterator

import pytest
from tests.integration.test_sip_agent import (
    DOMAIN,
    Login,
    agent,
    bus,
    login,
    nothing_left,
    registered,
    relay,
    settings,
    signaling_tasks,
    talking,
)
from tests.support.bus_seats import RelaySeat, SessionSeat, eventually, eventually_empty, sdp
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.errors import RemoteError
from shared.messages import (
    AnswerMedia,
    CallActionFailed,
    CallEnded,
    CallEstablished,
    CallTransferred,
    IncomingCall,
    RequestOffer,
    TransferProgress,
)
from shared.records import Binding, LocationRecord
from sip_agent.app import Agent
from sip_agent.core.syntax.message import Request
from sip_agent.services import wall_clock

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]  # fixtures


@pytest.fixture
async def phones(agent: Agent) -> AsyncIterator[dict[str, SipPeer]]:
    """Phones that are registered, without the REGISTER."""
    made = {name: await SipPeer.open() for name in ("carol", "dave")}
    for name, phone in made.items():
        binding = Binding(
            contact=f"sip:peer@{phone.address}",
            call_id="r-1",
            cseq=1,
            expires_at=wall_clock() + 60,
            received=f"udp:{phone.address}",
            agent="agent-1",
        )
        aor = f"{name}@{DOMAIN}"
        await agent.services.store.locations.create(aor, LocationRecord(aor=aor, bindings=(binding,)))
    yield made
    for phone in made.values():
        phone.close()


async def called(alice: SessionSeat, phone: SipPeer, name: str, call_id: str) -> PeerDialog:
    """Let alice call a phone, which answers."""
    await alice.call(name, call_id)
    invite = await phone.expect("INVITE")
    phone.respond(invite, 200, sdp(30000))
    await phone.expect("ACK")
    await alice.expect(CallEstablished, lambda event: event.call_id == call_id)
    return PeerDialog(phone, received=invite)


def sipfrag(status: str, state: str = "active;expires=60") -> dict[str, object]:
    headers = [("Event", "refer"), ("Subscription-State", state), ("Content-Type", "message/sipfrag")]
    return {"headers": headers, "body": f"SIP/2.0 {status}\r\n".encode()}


async def test_a_blind_transfer(agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    await alice.transfer("c-1", f"sip:bob@{DOMAIN}?Route=x&Replaces=y")
    refer = await carol.peer.expect("REFER")
    assert refer.headers.get("Refer-To") == f"<sip:bob@{DOMAIN}>"  # no header field that a page writes
    carol.peer.respond(refer, 202)
    carol.send("NOTIFY", **sipfrag("180 Ringing"))  # type: ignore[arg-type]
    assert (await carol.peer.response("NOTIFY")).status == 200
    assert (await alice.expect(TransferProgress)).status == 180
    carol.send("NOTIFY", **sipfrag("200 OK", "terminated;reason=noresource"))  # type: ignore[arg-type]
    carol.peer.respond(await carol.peer.expect("BYE"), 200)
    ended = await alice.ended("c-1")
    assert (ended.status, ended.reason, ended.by) == (200, "Transferred", "local")
    await alice.log_out()


async def test_a_transfer_that_fails_leaves_the_call(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    await alice.transfer("c-1", "bob")
    carol.peer.respond(await carol.peer.expect("REFER"), 603)
    failed = await alice.expect(CallActionFailed)
    assert (failed.action, failed.status) == ("transfer", 603)
    carol.send("OPTIONS")
    assert (await carol.peer.response("OPTIONS")).status == 200
    await alice.hang_up("c-1")
    carol.peer.respond(await carol.peer.expect("BYE"), 200)


async def test_an_attended_transfer_names_the_dialog_of_the_other_call(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    dave = await called(alice, phones["dave"], "dave", "c-2")
    await alice.transfer("c-1", other_call_id="c-2")
    refer = await carol.peer.expect("REFER")
    uri = refer.headers.get("Refer-To") or ""
    assert uri.startswith(f"<sip:dave@{DOMAIN}?Replaces={dave.call_id}%3B")
    assert f"to-tag%3D{dave.local_tag}" in uri and f"from-tag%3D{dave.remote_tag}" in uri


@pytest.mark.parametrize(
    ("target", "other", "status"),
    [("", "", 400), ("bob", "c-2", 400), ("", "c-1", 400), ("", "none", 481), ("a b", "", 400)],
)
async def test_a_transfer_that_names_nobody_is_refused(
    agent: Agent, relay: RelaySeat, login: Login, target: str, other: str, status: int
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    with pytest.raises(RemoteError) as refused:
        await alice.transfer("c-1", target, other)
    assert refused.value.status == status
    await nothing_left(agent, alice, bob)


async def test_a_call_that_rings_is_not_transferred_and_has_no_messages(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    await alice.call("carol", "c-1")
    phones["carol"].respond(await phones["carol"].expect("INVITE"), 180)
    for attempt in (alice.transfer("c-1", "bob"), alice.send_message("", "m-1", call_id="c-1")):
        with pytest.raises(RemoteError) as refused:
            await attempt
        assert refused.value.status == 491


# -- the far side transfers us


async def referred(carol: PeerDialog, name: str, **fields: str) -> Request:
    """Let carol refer us to somebody; return the first NOTIFY, answered."""
    carol.send("REFER", [("Refer-To", f"<sip:{name}@{DOMAIN}>"), ("Referred-By", "<sip:carol@example.com>")])
    accepted = await carol.peer.response("REFER")
    assert (accepted.status, bool(accepted.contacts)) == (202, True)
    return await notified(carol)


async def notified(carol: PeerDialog) -> Request:
    notify = await carol.peer.expect("NOTIFY")
    carol.peer.respond(notify, 200)
    return notify


async def test_being_transferred(agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    notify = await referred(carol, "dave")
    assert (notify.body, notify.headers.get("Event")) == (b"SIP/2.0 100 Trying\r\n", "refer")
    dave = phones["dave"]
    invite = await dave.expect("INVITE")
    assert invite.headers.get("Referred-By") == "<sip:carol@example.com>"
    answered, asked = relay.commands[0], relay.commands[-1]
    assert isinstance(answered, AnswerMedia) and isinstance(asked, RequestOffer)
    assert asked.far_side == invite.call_id != answered.far_side
    dave.respond(invite, 180)
    assert (await notified(carol)).body == b"SIP/2.0 180 Ringing\r\n"
    dave.respond(invite, 200, sdp(40000))
    await dave.expect("ACK")
    transferred = await alice.expect(CallTransferred)
    assert (transferred.call_id, transferred.peer) == ("c-1", f"sip:dave@{DOMAIN}")
    notify = await notified(carol)
    assert notify.body == b"SIP/2.0 200 OK\r\n"
    assert (notify.headers.get("Subscription-State") or "").startswith("terminated")
    carol.send("BYE")
    assert (await carol.peer.response("BYE")).status == 200
    entry = await agent.services.store.calls.get("c-1")
    assert entry is not None and (entry.record.callee, entry.record.state) == (f"sip:dave@{DOMAIN}", "established")
    assert dave.tag.encode() in bytes(entry.record.leg)
    await alice.hang_up("c-1")
    dave.respond(await dave.expect("BYE"), 200)
    assert (await alice.ended("c-1")).reason == "Normal Call Clearing"
    assert len([event for event in alice.events if isinstance(event, CallEnded)]) == 1
    await nothing_left_of(agent, alice)


async def nothing_left_of(agent: Agent, alice: SessionSeat) -> None:
    """Wait until a logged-out session has left no call behind."""
    await alice.log_out()
    await eventually(lambda: len(agent.accounts.calls) == 0 and agent.services.endpoint.live == 0)
    await eventually_empty(agent.services.store.calls.names)


async def test_whoever_does_not_hang_up_after_its_transfer_is_hung_up(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    await referred(carol, "dave")
    phones["dave"].respond(await phones["dave"].expect("INVITE"), 200, sdp(40000))
    await alice.expect(CallTransferred)
    await notified(carol)
    carol.peer.respond(await carol.peer.expect("BYE"), 200)
    assert not any(isinstance(event, CallEnded) for event in alice.events)


async def test_a_target_that_refuses_leaves_the_call(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    await referred(carol, "dave")
    phones["dave"].respond(await phones["dave"].expect("INVITE"), 486)
    assert (await notified(carol)).body == b"SIP/2.0 486 Busy Here\r\n"
    entry = await agent.services.store.calls.get("c-1")
    assert entry is not None and carol.local_tag.encode() in bytes(entry.record.leg)
    await alice.hang_up("c-1")
    carol.peer.respond(await carol.peer.expect("BYE"), 200)
    await alice.ended("c-1")
    await nothing_left_of(agent, alice)


async def test_a_relay_that_makes_no_offer_fails_the_transfer(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    relay.refuse = RemoteError(491, "Request Pending")
    await referred(carol, "dave")
    assert (await notified(carol)).body == b"SIP/2.0 491 Request Pending\r\n"


@pytest.mark.parametrize("answers", [True, False])
async def test_whoever_refers_may_hang_up_at_once(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer], answers: bool
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    await referred(carol, "dave")
    carol.send("BYE")
    assert (await carol.peer.response("BYE")).status == 200
    dave = phones["dave"]
    invite = await dave.expect("INVITE")
    if answers:
        dave.respond(invite, 200, sdp(40000))
        await alice.expect(CallTransferred)
        await alice.hang_up("c-1")
        dave.respond(await dave.expect("BYE"), 200)
        assert (await alice.ended("c-1")).status == 200
    else:
        dave.respond(invite, 486)
        assert (await alice.ended("c-1")).status == 486
    await nothing_left_of(agent, alice)


@pytest.mark.parametrize("has_left", [False, True])
async def test_the_user_may_hang_up_while_the_target_rings(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer], has_left: bool
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    await referred(carol, "dave")
    dave = phones["dave"]
    invite = await dave.expect("INVITE")
    dave.respond(invite, 180)
    await notified(carol)
    if has_left:
        carol.send("BYE")
        await carol.peer.response("BYE")
    await alice.hang_up("c-1")
    dave.respond(await dave.expect("CANCEL"), 200)
    dave.respond(invite, 487)
    if not has_left:
        carol.peer.respond(await carol.peer.expect("BYE"), 200)
    ended = await alice.ended("c-1")
    assert (ended.status, ended.by) == (200, "local")
    await nothing_left_of(agent, alice)


@pytest.mark.parametrize(
    ("refer_to", "status"),
    [([], 400), (["<tel:+1>"], 416), (["<sip:a@b;method=BYE>"], 501), (["<sip:a@b>", "<sip:c@d>"], 400)],
)
async def test_a_refer_for_something_else_is_refused(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer], refer_to: list[str], status: int
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    carol.send("REFER", [("Refer-To", value) for value in refer_to])
    assert (await carol.peer.response("REFER")).status == status


async def test_an_attended_transfer_between_three_sessions(agent: Agent, relay: RelaySeat, login: Login) -> None:
    alice, bob, carol = await registered(login, "alice", "bob", "carol")
    at_bob = await talking(alice, bob)
    await alice.call("carol", "c-2")
    at_carol = (await carol.expect(IncomingCall)).call_id
    await carol.answer(at_carol)
    await alice.expect(CallEstablished, lambda event: event.call_id == "c-2")
    await carol.expect(CallEstablished)
    await alice.transfer("c-1", other_call_id="c-2")
    assert (await bob.expect(CallTransferred)).peer == f"sip:carol@{DOMAIN}"
    assert (await carol.expect(CallTransferred)).peer == f"sip:bob@{DOMAIN}"
    ended = await alice.ended("c-1")
    assert (ended.status, ended.reason) == (200, "Transferred")
    assert (await alice.ended("c-2")).status == 200
    await bob.hang_up(at_bob)
    assert (await carol.ended(at_carol)).by == "remote"
    await nothing_left(agent, alice, bob, carol)
