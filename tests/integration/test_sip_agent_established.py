"""The life of an established call, with a far side that is played by hand: hold, timers, targets, routes."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.integration.test_sip_agent import agent, bus, nothing_left, relay, signaling_tasks
from tests.integration.test_sip_agent import settings as plain_settings
from tests.integration.test_sip_agent_set_up import alice, server
from tests.support.bus_seats import RelaySeat, SessionSeat, command_id, eventually, sdp
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.bus import expiry
from shared.errors import RemoteError
from shared.messages import (
    AnswerMedia,
    AttachSession,
    CallActionFailed,
    CallEstablished,
    CallHold,
    IncomingCall,
    RequestOffer,
    SessionSnapshot,
)
from sip_agent.app import Agent
from sip_agent.settings import Settings

__all__ = ["agent", "alice", "bus", "plain_settings", "relay", "server", "signaling_tasks"]  # fixtures

SDP = [("Content-Type", "application/sdp")]
RELAY_DTMF = [("Content-Type", "application/dtmf-relay")]
ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, UPDATE, INFO, OPTIONS")


@pytest.fixture
def settings(plain_settings: Settings) -> Settings:
    return msgspec.structs.replace(plain_settings, session_expires=4, min_session_expires=2)


@pytest.fixture
async def other(server: SipPeer) -> AsyncIterator[SipPeer]:
    """Another place of the same far side."""
    peer = await SipPeer.open("127.0.0.2")
    peer.tag = server.tag
    yield peer
    peer.close()


async def talking(
    server: SipPeer, alice: SessionSeat, *fields: tuple[str, str], acked_at: SipPeer | None = None
) -> PeerDialog:
    """Let alice call the far side, whose 200 has these fields, until both are through."""
    await alice.call("bob", "c-1")
    invite = await server.expect("INVITE")
    expires = [] if any(name == "Session-Expires" for name, _ in fields) else [("Session-Expires", "600;refresher=uas")]
    server.respond(invite, 200, sdp(30000), [*fields, *expires])
    await (acked_at or server).expect("ACK")
    await alice.expect(CallEstablished)
    return PeerDialog(server, received=invite)


async def far_hangs_up(server: SipPeer, alice: SessionSeat, dialog: PeerDialog) -> None:
    dialog.send("BYE")
    assert (await server.response("BYE")).status == 200
    assert (await alice.ended("c-1")).by == "remote"


async def test_hold_and_its_end(agent: Agent, alice: SessionSeat, relay: RelaySeat, server: SipPeer) -> None:
    dialog = await talking(server, alice)
    for is_held, direction in ((True, "sendonly"), (False, "sendrecv")):
        await alice.hold("c-1", is_held)
        invite = await server.expect("INVITE")
        assert (invite.to.tag, f"a={direction}\r\n".encode() in invite.body) == (server.tag, True)
        server.respond(invite, 200, sdp(30000 + is_held))
        assert (await server.expect("ACK")).cseq[0] == invite.cseq[0]
        change = await alice.expect(CallHold)
        assert (change.call_id, change.local, change.remote) == ("c-1", is_held, False)
        attach = AttachSession(id=command_id(), expires_at=expiry(), session_id="s-alice", pod="signaling-1")
        (seen,) = (await alice.ask(attach, SessionSnapshot)).calls
        assert (seen.local_hold, seen.remote_hold) == (is_held, False)
    assert [command.direction for command in relay.commands if isinstance(command, RequestOffer)] == [
        "sendonly",
        "sendrecv",
    ]
    answers = [command.sdp for command in relay.commands if isinstance(command, AnswerMedia)]
    assert answers == [sdp(30000), sdp(30001), sdp(30000)]
    await far_hangs_up(server, alice, dialog)
    await nothing_left(agent, alice)


async def test_a_hold_that_meets_glare_comes_through(alice: SessionSeat, server: SipPeer) -> None:
    dialog = await talking(server, alice)
    await alice.hold("c-1")
    first = await server.expect("INVITE")
    dialog.send("INVITE", SDP, sdp(30002).encode())
    crossed = await server.response("INVITE")
    assert crossed.status == 491
    dialog.send("ACK", cseq=crossed.cseq[0])
    server.respond(first, 491)
    second = await server.expect("INVITE")
    assert second.cseq[0] > first.cseq[0]
    server.respond(second, 200, sdp(30000))
    assert (await alice.expect(CallHold)).local
    await far_hangs_up(server, alice, dialog)


async def test_a_refused_hold_is_told_and_the_call_goes_on(alice: SessionSeat, server: SipPeer) -> None:
    dialog = await talking(server, alice)
    await alice.hold("c-1")
    server.respond(await server.expect("INVITE"), 488)
    failed = await alice.expect(CallActionFailed)
    assert (failed.call_id, failed.action, failed.status) == ("c-1", "hold", 488)
    await far_hangs_up(server, alice, dialog)


async def test_a_far_side_without_the_dialog_ends_the_call(alice: SessionSeat, server: SipPeer) -> None:
    await talking(server, alice)
    await alice.hold("c-1")
    server.respond(await server.expect("INVITE"), 481)
    bye = await server.expect("BYE")
    server.respond(bye, 481)
    end = await alice.ended("c-1")
    assert (end.status, end.by, end.was_established) == (481, "remote", True)


async def test_a_hold_of_the_far_side_is_told(alice: SessionSeat, relay: RelaySeat, server: SipPeer) -> None:
    dialog = await talking(server, alice)
    for is_held, method in ((True, "UPDATE"), (False, "INVITE")):
        relay.is_held = is_held
        dialog.send(method, SDP, sdp(30000).encode())
        response = await server.response(method)
        assert (response.status, response.body) == (200, sdp(20002).encode())
        if method == "INVITE":
            dialog.send("ACK", cseq=response.cseq[0])
        change = await alice.expect(CallHold)
        assert (change.local, change.remote) == (False, is_held)
    await far_hangs_up(server, alice, dialog)


async def test_a_far_side_that_asks_for_an_offer_gets_one_and_answers_in_the_ack(
    alice: SessionSeat, relay: RelaySeat, server: SipPeer
) -> None:
    dialog = await talking(server, alice)
    dialog.send("INVITE")
    response = await server.response("INVITE")
    assert b"m=audio 20004" in response.body
    dialog.send("ACK", SDP, sdp(30006).encode(), cseq=response.cseq[0])

    def answer() -> str:
        return [command.sdp for command in relay.commands if isinstance(command, AnswerMedia)][-1]

    await eventually(lambda: answer() == sdp(30006))  # nothing tells of it
    await far_hangs_up(server, alice, dialog)


async def test_an_answer_of_ours_without_ack_ends_the_call(alice: SessionSeat, server: SipPeer) -> None:
    dialog = await talking(server, alice)
    dialog.send("INVITE", SDP, sdp(30000).encode())
    assert (await server.response("INVITE")).status == 200
    bye = await server.expect("BYE")
    server.respond(bye, 200)
    end = await alice.ended("c-1")
    assert (end.status, end.reason) == (408, "No ACK")


async def test_the_far_side_is_refreshed_by_update_until_it_is_silent(
    agent: Agent, alice: SessionSeat, server: SipPeer
) -> None:
    await talking(server, alice, ("Session-Expires", "3;refresher=uac"), ALLOW)
    update = await server.expect("UPDATE")
    assert (update.body, update.headers.get("Session-Expires")) == (b"", "3;refresher=uac")
    server.respond(update, 200, headers=[("Session-Expires", "3;refresher=uac"), ("Require", "timer")])
    again = await server.expect("UPDATE")
    assert again.cseq[0] == update.cseq[0] + 1
    bye = await server.expect("BYE")
    assert bye.headers.get("Reason") == 'SIP;cause=408;text="Session Expired"'
    server.respond(bye, 200)
    end = await alice.ended("c-1")
    assert (end.status, end.reason, end.by) == (408, "Session Expired", "system")
    await nothing_left(agent, alice)


async def test_a_far_side_without_update_is_refreshed_by_invite(alice: SessionSeat, server: SipPeer) -> None:
    dialog = await talking(server, alice, ("Session-Expires", "4;refresher=uac"), ("Allow", "INVITE, ACK, BYE"))
    invite = await server.expect("INVITE")
    assert invite.headers.get("Session-Expires") == "4;refresher=uac"
    server.respond(invite, 200, sdp(30000), [("Session-Expires", "60;refresher=uas")])
    await server.expect("ACK")
    await far_hangs_up(server, alice, dialog)


async def test_a_far_side_that_stops_to_refresh_is_gone(alice: SessionSeat, server: SipPeer) -> None:
    await talking(server, alice, ("Session-Expires", "2;refresher=uas"))
    bye = await server.expect("BYE")
    server.respond(bye, 200)
    assert (await alice.ended("c-1")).reason == "Session Expired"


async def test_intervals_of_callers_are_agreed_or_refused(agent: Agent, alice: SessionSeat, server: SipPeer) -> None:
    def invite(number: int, expires: str) -> None:
        fields = [
            ("From", f"<sip:bob@example.com>;tag={server.tag}"),
            ("To", "<sip:alice@example.com>"),
            ("Call-ID", f"far-call-{number}"),
            ("CSeq", "1 INVITE"),
            ("Supported", "timer"),
            ("Session-Expires", expires),
            *SDP,
        ]
        server.request("INVITE", f"sip:s-alice@{agent.address}", fields, sdp(30000).encode())

    invite(1, "1")
    refused = await server.response("INVITE")
    assert (refused.status, refused.headers.get("Min-SE")) == (422, "2")
    invite(2, "50")
    await alice.answer((await alice.expect(IncomingCall)).call_id)
    accepted = await server.response("INVITE")
    assert accepted.headers.get("Session-Expires") == "50;refresher=uac"
    assert accepted.headers.get("Require") == "timer"
    dialog = PeerDialog(server, answered=accepted)
    dialog.send("ACK", cseq=1)
    await alice.expect(CallEstablished)
    dialog.send("BYE")
    await alice.ended()


async def test_a_refused_interval_is_asked_for_again(alice: SessionSeat, server: SipPeer) -> None:
    await alice.call("bob", "c-1")
    first = await server.expect("INVITE")
    assert first.headers.get("Session-Expires") == "4"
    server.respond(first, 422, headers=[("Min-SE", "300")])
    second = await server.expect("INVITE")
    assert (second.headers.get("Session-Expires"), second.headers.get("Min-SE")) == ("300", "300")
    server.respond(second, 486)
    assert (await alice.ended("c-1")).status == 486


async def test_the_target_moves_with_either_side(alice: SessionSeat, server: SipPeer, other: SipPeer) -> None:
    dialog = await talking(server, alice)
    await alice.hold("c-1")
    invite = await server.expect("INVITE")
    server.respond(invite, 200, sdp(30000), [("Contact", f"<sip:bob@{other.address}>")])
    await other.expect("ACK")
    await alice.expect(CallHold)
    await alice.hold("c-1", False)
    moved = await other.expect("INVITE")
    assert moved.uri == f"sip:bob@{other.address}"
    other.respond(moved, 200, sdp(30000), [server.contact])
    await server.expect("ACK")
    await alice.expect(CallHold)
    await far_hangs_up(server, alice, dialog)


@pytest.mark.parametrize("is_loose", [True, False])
async def test_routes_are_kept_by_later_requests(
    alice: SessionSeat, server: SipPeer, other: SipPeer, is_loose: bool
) -> None:
    hop = f"sip:{other.address}{';lr' if is_loose else ''}"
    dialog = await talking(server, alice, ("Record-Route", f"<{hop}>"), acked_at=other)
    await alice.hold("c-1")
    invite = await other.expect("INVITE")
    peer = server.contact[1].strip("<>")
    routes = [str(route.uri) for route in invite.routes]
    assert (invite.uri, routes) == ((peer, [hop]) if is_loose else (hop, [peer]))
    other.respond(invite, 200, sdp(30000), [server.contact])
    await alice.expect(CallHold)
    await far_hangs_up(server, alice, dialog)


async def test_what_no_established_call_can_do(alice: SessionSeat, server: SipPeer) -> None:
    with pytest.raises(RemoteError, match="481"):
        await alice.hold("c-none")
    await alice.call("bob", "c-1")
    invite = await server.expect("INVITE")
    for action in (alice.hold("c-1"), alice.send_dtmf("c-1", "1")):
        with pytest.raises(RemoteError, match="491"):
            await action
    server.respond(invite, 200, sdp(30000))
    await alice.expect(CallEstablished)
    with pytest.raises(RemoteError, match="400"):
        await alice.send_dtmf("c-1", "call me")
    await alice.hang_up("c-1")
    server.respond(await server.expect("BYE"), 200)


async def test_a_target_that_is_not_our_server_gets_no_credentials(
    alice: SessionSeat, server: SipPeer, other: SipPeer
) -> None:
    challenge = [("Proxy-Authenticate", 'Digest realm="example.com", nonce="n1", algorithm=MD5, qop="auth"')]
    await alice.call("bob", "c-1")
    server.respond(await server.expect("INVITE"), 407, headers=challenge)
    invite = await server.expect("INVITE")
    assert "Proxy-Authorization" in invite.headers
    server.respond(invite, 200, sdp(30000), [("Contact", f"<sip:bob@{other.address}>")])
    ack = await other.expect("ACK")
    await alice.expect(CallEstablished)
    await alice.hold("c-1")
    refused = await other.expect("INVITE")
    other.respond(refused, 407, headers=challenge)
    assert (await alice.expect(CallActionFailed)).status == 407
    await alice.send_dtmf("c-1", "1")
    info = await other.expect("INFO")
    other.respond(info, 401, headers=[("WWW-Authenticate", challenge[0][1])])
    assert (await alice.expect(CallActionFailed)).status == 401
    await alice.hang_up("c-1")
    bye = await other.expect("BYE")
    other.respond(bye, 407, headers=challenge)
    for request in (ack, refused, info, bye):
        assert "Proxy-Authorization" not in request.headers and "Authorization" not in request.headers


async def test_our_own_server_is_answered_in_a_dialog(alice: SessionSeat, server: SipPeer) -> None:
    challenge = 'Digest realm="example.com", nonce="n{}", algorithm=MD5, qop="auth"'
    await alice.call("bob", "c-1")
    server.respond(await server.expect("INVITE"), 407, headers=[("Proxy-Authenticate", challenge.format(1))])
    invite = await server.expect("INVITE")
    server.respond(invite, 200, sdp(30000), [("Record-Route", f"<sip:{server.address};lr>")])
    await server.expect("ACK")
    await alice.expect(CallEstablished)
    await alice.hold("c-1")
    server.respond(await server.expect("INVITE"), 407, headers=[("Proxy-Authenticate", challenge.format(2))])
    again = await server.expect("INVITE")
    assert 'nonce="n2"' in (again.headers.get("Proxy-Authorization") or "")
    server.respond(again, 200, sdp(30000))
    assert (await alice.expect(CallHold)).local
    await far_hangs_up(server, alice, PeerDialog(server, received=invite))
