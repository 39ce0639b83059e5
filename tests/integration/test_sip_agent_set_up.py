"""How calls begin with far sides that are played by hand: forks, reliable ringing, late offers, redirections."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.integration.test_sip_agent import SECRET, agent, bus, nothing_left, relay, settings, signaling_tasks
from tests.support.bus_seats import RelaySeat, SessionSeat, account, sdp
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.bus import Bus
from shared.messages import AnswerMedia, CallEstablished, CallProgress, IncomingCall
from sip_agent.app import Agent
from sip_agent.core.call.facts import State
from sip_agent.core.call.saved import SavedLeg, SavedOutgoing
from sip_agent.core.syntax.message import Request
from sip_agent.core.transaction.saved import SavedClient

__all__ = ["agent", "bus", "relay", "settings", "signaling_tasks"]  # fixtures


@pytest.fixture
async def server() -> AsyncIterator[SipPeer]:
    peer = await SipPeer.open()
    yield peer
    peer.close()


@pytest.fixture
async def alice(bus: Bus, agent: Agent, relay: RelaySeat, server: SipPeer) -> SessionSeat:
    """A session whose account is at `server`, which asks for no registration."""
    host, _, port = server.address.partition(":")
    at_server = msgspec.structs.replace(
        account(SECRET, "s-alice", "alice", "secret", host), port=int(port), register_required=False
    )
    seat = SessionSeat(bus, "agent-1", "s-alice", at_server)
    await seat.sit()
    await seat.open()
    return seat


def invite_fields(server: SipPeer, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [
        ("From", f"<sip:bob@example.com>;tag={server.tag}"),
        ("To", "<sip:alice@example.com>"),
        ("Call-ID", "far-call"),
        ("CSeq", "1 INVITE"),
        *more,
    ]


async def called(server: SipPeer, alice: SessionSeat, callee: str = "bob") -> Request:
    await alice.call(callee, "c-1")
    return await server.expect("INVITE")


async def test_two_phones_of_a_fork_are_heard_and_the_second_answer_is_ended(
    agent: Agent, alice: SessionSeat, server: SipPeer
) -> None:
    invite = await called(server, alice)
    for tag, port in (("one", 30000), ("two", 30002)):
        server.tag = tag
        server.respond(invite, 183, sdp(port))
        early = await alice.expect(CallProgress)
        assert early.browser_sdp == "browser sdp for " + sdp(port)
    server.tag = "one"
    server.respond(invite, 200)
    assert (await server.expect("ACK")).to.tag == "one"
    assert (await alice.expect(CallEstablished)).browser_sdp == "browser sdp for " + sdp(30000)
    server.tag = "two"
    server.respond(invite, 200, sdp(30002))
    assert (await server.expect("ACK")).to.tag == "two"
    bye = await server.expect("BYE")
    assert bye.to.tag == "two"
    server.respond(bye, 200)
    await alice.hang_up("c-1")
    bye = await server.expect("BYE")
    assert bye.to.tag == "one"
    server.respond(bye, 200)
    await nothing_left(agent, alice)


async def test_reliable_ringing_of_the_far_side_is_acknowledged(alice: SessionSeat, server: SipPeer) -> None:
    invite = await called(server, alice)
    server.respond(invite, 183, sdp(30000), [("Require", "100rel"), ("RSeq", "41")])
    prack = await server.expect("PRACK")
    assert prack.headers.get("RAck") == "41 1 INVITE"
    server.respond(prack, 200)
    server.respond(invite, 200)
    await server.expect("ACK")
    assert (await alice.expect(CallEstablished)).browser_sdp == "browser sdp for " + sdp(30000)


async def test_our_ringing_is_repeated_until_its_prack(agent: Agent, alice: SessionSeat, server: SipPeer) -> None:
    uri = f"sip:s-alice@{agent.address}"
    fields = invite_fields(server, ("Require", "100rel"), ("Content-Type", "application/sdp"))
    server.request("INVITE", uri, fields, sdp(30000).encode())
    incoming = await alice.expect(IncomingCall)
    ringing = await server.response("INVITE", 180)
    assert ringing.headers.get("RSeq") == "1"
    dialog = PeerDialog(server, answered=ringing)
    dialog.send("PRACK", [("RAck", "1 1 INVITE")])
    assert (await server.response("PRACK")).status == 200
    dialog.send("PRACK", [("RAck", "2 1 INVITE")])
    assert (await server.response("PRACK")).status == 481
    await alice.answer(incoming.call_id)
    answered = await server.response("INVITE")
    assert (answered.status, answered.body) == (200, sdp(20000).encode())
    dialog.send("ACK", cseq=1)
    await alice.expect(CallEstablished)


async def test_a_caller_without_an_offer_gets_ours_and_answers_in_the_ack(
    agent: Agent, alice: SessionSeat, relay: RelaySeat, server: SipPeer
) -> None:
    server.request("INVITE", f"sip:s-alice@{agent.address}", invite_fields(server))
    incoming = await alice.expect(IncomingCall)
    assert incoming.sip_sdp == ""
    await alice.answer(incoming.call_id)
    answered = await server.response("INVITE")
    assert answered.body == sdp(20000).encode()
    dialog = PeerDialog(server, answered=answered)
    dialog.send("ACK", [("Content-Type", "application/sdp")], sdp(30000).encode(), cseq=1)
    assert (await alice.expect(CallEstablished)).browser_sdp is None
    asked = [(command.side, command.sdp) for command in relay.commands if isinstance(command, AnswerMedia)]
    assert asked == [("browser", "answer of the browser"), ("sip", sdp(30000))]
    dialog.send("BYE")
    assert (await alice.ended()).status == 200


async def test_a_caller_that_never_answers_our_offer_is_told_why(
    agent: Agent, alice: SessionSeat, server: SipPeer
) -> None:
    server.request("INVITE", f"sip:s-alice@{agent.address}", invite_fields(server))
    await alice.answer((await alice.expect(IncomingCall)).call_id)
    PeerDialog(server, answered=await server.response("INVITE")).send("ACK", cseq=1)
    bye = await server.expect("BYE")
    assert bye.headers.get("Reason") == 'SIP;cause=488;text="Answer Without SDP"'
    server.respond(bye, 200)
    assert (await alice.ended()).status == 488


async def test_what_a_stranger_writes_reaches_the_page_as_text_and_names_nobody(
    agent: Agent, alice: SessionSeat, server: SipPeer
) -> None:
    fields = invite_fields(
        server, ("X-Ticket", "7"), ("Subject", "lunch"), ("P-Asserted-Identity", "<sip:boss@example.com>")
    )
    server.request("INVITE", f"sip:s-alice@{agent.address}", fields)
    incoming = await alice.expect(IncomingCall)
    assert (incoming.headers, incoming.asserted) == ({"X-Ticket": "7", "Subject": "lunch"}, "")


async def test_a_redirected_call_goes_on_and_only_where_it_may(alice: SessionSeat, server: SipPeer) -> None:
    other = await SipPeer.open("127.0.0.2")
    invite = await called(server, alice)
    server.respond(
        invite, 302, headers=[("Contact", "<sip:bob@10.0.0.1>;q=0.9"), ("Contact", f"<sip:bob@{other.address}>;q=0.5")]
    )
    await server.expect("ACK")
    second = await other.expect("INVITE")
    assert (second.uri, second.call_id, second.cseq[0]) == (f"sip:bob@{other.address}", invite.call_id, 3)
    other.respond(second, 200, sdp(30000))
    await other.expect("ACK")
    await alice.expect(CallEstablished)
    other.close()


async def test_a_call_that_may_go_nowhere_ends_with_the_last_failure(alice: SessionSeat, server: SipPeer) -> None:
    invite = await called(server, alice)
    server.respond(invite, 302, headers=[("Contact", "<sip:bob@10.0.0.1>")])
    end = await alice.ended()
    assert (end.status, end.reason) == (403, "Destination Not Allowed")


async def test_the_record_of_a_call_that_rings_holds_its_transaction(
    agent: Agent, alice: SessionSeat, server: SipPeer
) -> None:
    invite = await called(server, alice)
    server.respond(invite, 183, sdp(30000))
    await alice.expect(CallProgress)
    entry = await agent.services.store.calls.get("c-1")
    assert entry is not None
    leg = msgspec.json.decode(entry.record.leg, type=SavedLeg)
    assert isinstance(leg.call.set_up, SavedOutgoing) and isinstance(leg.invite, SavedClient)
    assert (leg.call.state, list(leg.call.set_up.dialogs.branches)) == (State.PROCEEDING, [server.tag])
    assert (leg.invite.state, leg.invite.id.branch) == ("proceeding", invite.top_via.branch)
