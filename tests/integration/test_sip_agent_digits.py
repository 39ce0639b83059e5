"""Digits and wishes for a picture in an established call, with a far side that is played by hand."""

import msgspec
import pytest
from tests.integration.test_sip_agent import agent, bus, relay, signaling_tasks
from tests.integration.test_sip_agent import settings as plain_settings
from tests.integration.test_sip_agent_established import RELAY_DTMF, far_hangs_up, settings, talking
from tests.integration.test_sip_agent_set_up import alice, server
from tests.support.bus_seats import RelaySeat, SessionSeat, command_id, sdp
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.bus import Bus, expiry
from shared.errors import RemoteError
from shared.messages import (
    CallActionFailed,
    CallEnded,
    CallEstablished,
    CallProgress,
    CallQuality,
    Done,
    DtmfReceived,
    MediaDigit,
    MediaFailed,
    MediaQuality,
    PictureWanted,
    Probe,
)
from shared.subjects import agent_commands, agent_events

__all__ = ["agent", "alice", "bus", "plain_settings", "relay", "server", "settings", "signaling_tasks"]  # fixtures


async def test_digits_go_out_one_after_the_other(alice: SessionSeat, server: SipPeer) -> None:
    dialog = await talking(server, alice)
    await alice.send_dtmf("c-1", "1#", 150)
    for digit in "1#":
        info = await server.expect("INFO")
        assert info.body == f"Signal={digit}\r\nDuration=150\r\n".encode()
        server.respond(info, 200)
    await alice.send_dtmf("c-1", "23")
    server.respond(await server.expect("INFO"), 415)
    failed = await alice.expect(CallActionFailed)
    assert (failed.action, failed.status) == ("dtmf", 415)
    await far_hangs_up(server, alice, dialog)


async def test_digits_go_into_the_media_where_the_far_side_takes_events(
    alice: SessionSeat, relay: RelaySeat, server: SipPeer
) -> None:
    relay.takes_events = True
    await alice.call("bob", "c-1")
    invite = await server.expect("INVITE")
    with pytest.raises(RemoteError, match="491"):
        await alice.send_dtmf("c-1", "1")
    server.respond(invite, 183, sdp(30000))
    await alice.expect(CallProgress, lambda event: event.state == "early")
    await alice.send_dtmf("c-1", "1,#", 150)
    wanted = await relay.digits_wanted()
    assert (wanted.media_id, wanted.digits, wanted.duration_ms, wanted.gap_ms) == ("media of s-alice", "1,#", 150, 70)
    with pytest.raises(RemoteError, match="491"):
        await alice.send_dtmf("c-1", "1", method="info")
    server.respond(invite, 200, sdp(30000))
    await server.expect("ACK")
    await alice.expect(CallEstablished)
    await alice.send_dtmf("c-1", "2", method="rfc4733")
    assert (await relay.digits_wanted()).digits == "2"
    await alice.send_dtmf("c-1", "3", method="info")
    info = await server.expect("INFO")
    assert info.body.startswith(b"Signal=3\r\n")
    server.respond(info, 200)
    await far_hangs_up(server, alice, PeerDialog(server, received=invite))


async def test_digits_that_can_go_no_other_way_fail(alice: SessionSeat, relay: RelaySeat, server: SipPeer) -> None:
    dialog = await talking(server, alice)
    await alice.send_dtmf("c-1", "1", method="rfc4733")
    failed = await alice.expect(CallActionFailed)
    assert (failed.action, failed.status) == ("dtmf", 501)
    relay.refuse = RemoteError(486, "Too Many Digits")
    await alice.send_dtmf("c-1", "3")
    assert (await alice.expect(CallActionFailed)).status == 486
    relay.refuse = None
    await far_hangs_up(server, alice, dialog)


async def test_digits_in_the_media_are_told_and_the_browsers_own_go_on(
    alice: SessionSeat, bus: Bus, server: SipPeer
) -> None:
    dialog = await talking(server, alice)
    of_phone = MediaDigit(media_id="media of s-alice", call_id="c-1", side="sip", digit="*", duration_ms=90)
    await bus.publish(agent_events("agent-1"), of_phone)
    digit = await alice.expect(DtmfReceived)
    assert (digit.call_id, digit.digit, digit.duration_ms) == ("c-1", "*", 90)
    await bus.publish(agent_events("agent-1"), msgspec.structs.replace(of_phone, side="browser", digit="7"))
    info = await server.expect("INFO")
    assert info.body == b"Signal=7\r\nDuration=90\r\n"
    server.respond(info, 200)
    await far_hangs_up(server, alice, dialog)


async def test_what_relays_tell_is_not_taken_where_commands_come(alice: SessionSeat, bus: Bus, server: SipPeer) -> None:
    dialog = await talking(server, alice)
    digit = MediaDigit(media_id="media of s-alice", call_id="c-1", side="sip", digit="1", duration_ms=90)
    measured = MediaQuality(media_id="media of s-alice", call_id="c-1", legs=())
    failed = MediaFailed(media_id="media of s-alice", call_id="c-1", reason="dtls")
    for event in (digit, measured, failed):
        await bus.publish(agent_commands("agent-1"), event)
    await alice.ask(Probe(id=command_id(), expires_at=expiry()), Done)  # those before it have been looked at
    await bus.publish(agent_events("agent-1"), msgspec.structs.replace(digit, digit="2"))
    assert (await alice.expect(DtmfReceived)).digit == "2"
    assert not [event for event in alice.events if isinstance(event, CallQuality | CallEnded)]
    await far_hangs_up(server, alice, dialog)


async def test_a_picture_that_the_browser_wants_is_asked_for_until_the_far_side_refuses(
    alice: SessionSeat, server: SipPeer
) -> None:
    dialog = await talking(server, alice)
    for status in (200, 415, None):
        await alice.bus.publish(agent_events(alice.agent), PictureWanted(media_id="m-1", call_id="c-1"))
        await alice.send_dtmf("c-1", "1")
        if status is not None:
            asked = await server.expect("INFO")
            assert asked.content_type == "application/media_control+xml"
            assert b"<picture_fast_update/>" in asked.body
            server.respond(asked, status)
        digit = await server.expect("INFO")
        assert digit.content_type == "application/dtmf-relay"
        server.respond(digit, 200)
    await far_hangs_up(server, alice, dialog)


async def test_digits_and_wanted_pictures_come_in(alice: SessionSeat, relay: RelaySeat, server: SipPeer) -> None:
    dialog = await talking(server, alice)
    dialog.send("INFO", RELAY_DTMF, b"Signal=5\r\nDuration=160\r\n")
    assert (await server.response("INFO")).status == 200
    digit = await alice.expect(DtmfReceived)
    assert (digit.call_id, digit.digit, digit.duration_ms) == ("c-1", "5", 160)
    picture = (
        b"<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>"
    )
    dialog.send("INFO", [("Content-Type", "application/media_control+xml")], picture)
    assert (await server.response("INFO")).status == 200
    assert (await relay.keyframe_requested()).side == "browser"
    dialog.send("INFO", [("Info-Package", "conference")])
    assert (await server.response("INFO")).status == 469
    dialog.send("OPTIONS")
    accept = (await server.response("OPTIONS")).headers
    assert "timer" in (accept.get("Supported") or "") and "application/dtmf-relay" in (accept.get("Accept") or "")
    await far_hangs_up(server, alice, dialog)
