"""The data path on real sockets: a browser's end on one side, a phone's on the other, nothing faked between."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.support.data_path import Call, Relay, audio, browser_plan, connect
from tests.support.data_path import relay as relay
from tests.support.pace import turn
from tests.support.rtp_packets import receiver_report, rtp_packet, sender_report
from tests.support.until import until_so
from tests.support.webrtc_client import WebRtcClient, binding_request

from media_relay.core import ice
from media_relay.core.counters import Drop
from media_relay.core.plan import Address, IceCredentials, SessionPlan, StreamKind, StreamPlan
from media_relay.events import Connected, Failed
from media_relay.forwarding.forwarder import ForwarderFactory, StreamSockets
from shared.errors import LocalError, RemoteError


async def test_rtp_goes_both_ways_with_payload_types_rewritten_and_all_else_kept(relay: Relay) -> None:
    call = await connect(relay)
    call.browser.send_rtp(rtp_packet(0x80 | 111, 7, 0xB1))
    assert await call.phone.receive() == (rtp_packet(0x80 | 96, 7, 0xB1), Address("127.0.0.1", call.rtp_port))
    call.phone.send(rtp_packet(96, 9, 0x51), call.rtp_port)
    assert await call.browser.receive_rtp() == rtp_packet(111, 9, 0x51)
    counted = {("browser_to_sip", "audio"): 1, ("sip_to_browser", "audio"): 1}
    await until_so(lambda: relay.path.stats().sessions["m1"].packets == counted)  # which is after they are sent


@pytest.mark.parametrize(
    ("anew", "heard", "refused"),
    [
        (20000, (40002, 40003, 40004), 2),  # the first of the new run, and what is said twice
        (39000, (39000, 40002, 40003, 40004), 1),  # the first might have been late
        (1000, (1000, 1001, 1002, 1003), 1),  # further on than back: as if what is between were lost
    ],
    ids=["far back", "a little back", "further on"],
)
async def test_a_phone_that_numbers_anew_is_heard_on(
    relay: Relay, anew: int, heard: tuple[int, ...], refused: int
) -> None:
    """Under one SSRC, as after a restart or in a PBX's music (RFC 3550 A.1); SRTP takes no number twice."""
    call = await connect(relay)
    for sent in (40000, 40001, anew, anew + 1, anew + 2, anew + 1, anew + 3):
        call.phone.send(rtp_packet(96, sent, 0x51), call.rtp_port)
    for number in (40000, 40001, *heard):
        assert int.from_bytes((await call.browser.receive_rtp())[2:4], "big") == number
    assert relay.drops(Drop.REPLAY) == refused


async def test_rtcp_goes_both_ways_on_the_odd_port(relay: Relay) -> None:
    call = await connect(relay)
    call.browser.send_rtcp(receiver_report(0xB1))
    assert await call.phone_rtcp.receive() == (receiver_report(0xB1), Address("127.0.0.1", call.rtcp_port))
    call.phone_rtcp.send(sender_report(0x51), call.rtcp_port)
    assert await call.browser.receive_rtcp() == sender_report(0x51)


async def test_rtcp_that_the_phone_multiplexes_on_its_rtp_port_reaches_the_browser(relay: Relay) -> None:
    call = await connect(relay)
    call.phone.send(sender_report(0x51), call.rtp_port)
    assert await call.browser.receive_rtcp() == sender_report(0x51)


async def test_a_client_hello_before_the_answer_waits_for_the_fingerprint(relay: Relay) -> None:
    allocation = relay.path.allocate("m1", 1)
    browser = await relay.browser(allocation.ice)
    await browser.check()
    browser.start_dtls(relay.path.fingerprint)
    await browser.check()  # answered after the ClientHello was taken in, which came before
    relay.path.apply("m1", browser_plan(browser, audio(None, None)))
    assert await relay.event() == Connected("m1")


async def test_the_relay_shakes_hands_as_dtls_client_too(relay: Relay) -> None:
    allocation = relay.path.allocate("m1", 1)
    browser = await relay.browser(allocation.ice)
    browser.start_dtls(relay.path.fingerprint, role="server")
    relay.path.apply("m1", replace(browser_plan(browser, audio(None, None)), dtls_role="client"))
    browser.send_check()
    assert await relay.event() == Connected("m1")


async def test_another_certificate_than_the_sdp_names_fails_the_session_on_both_sides(relay: Relay) -> None:
    allocation = relay.path.allocate("m1", 1)
    browser = await relay.browser(allocation.ice)
    plan = browser_plan(browser, audio(None, None))
    relay.path.apply("m1", replace(plan, fingerprints=(("sha-256", relay.path.fingerprint),)))
    await browser.check()
    browser.start_dtls(relay.path.fingerprint)
    assert await relay.event() == Failed("m1", "fingerprint")
    await asyncio.wait_for(browser.ended.wait(), 5)


async def test_close_notify_fails_the_session(relay: Relay) -> None:
    call = await connect(relay)
    call.browser.close_dtls()
    assert await relay.event() == Failed("m1", "closed")


async def test_releasing_tells_the_browser(relay: Relay) -> None:
    call = await connect(relay)
    relay.path.release("m1")
    await asyncio.wait_for(call.browser.ended.wait(), 5)
    assert relay.path.stats().sessions == {}


async def test_dtls_and_media_from_an_address_that_ice_has_not_validated_are_dropped(relay: Relay) -> None:
    allocation = relay.path.allocate("m1", 1)
    attacker, browser = await relay.browser(allocation.ice), await relay.browser(allocation.ice)
    relay.path.apply("m1", browser_plan(browser, audio(None, None)))
    attacker.start_dtls(relay.path.fingerprint)
    attacker.send(rtp_packet(111))
    await browser.connect(relay.path.fingerprint)
    assert await relay.event() == Connected("m1")
    assert relay.drops(Drop.UNKNOWN_SOURCE) == 2


async def test_checks_without_the_password_get_no_answer(relay: Relay) -> None:
    allocation = relay.path.allocate("m1", 1)
    browser = await relay.browser(allocation.ice)
    browser.send_check(pwd="not the password")
    browser.send(binding_request("nobody", allocation.ice.pwd))
    await browser.check()
    assert browser.stun.empty()
    assert (relay.drops(Drop.STUN_AUTH), relay.drops(Drop.UNKNOWN_SOURCE)) == (1, 1)


async def test_a_session_for_which_there_is_no_room_leaves_nothing(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(session: int, streams: Sequence[StreamSockets]) -> None:
        raise OSError("no room for a session")

    with monkeypatch.context() as without_room:
        without_room.setattr(relay.path._forwarder, "add_session", refuse)
        with pytest.raises(RemoteError, match="503 No Room For Media"):
            relay.path.allocate("m1", 1)
    assert relay.path.stats().sessions == {}
    assert relay.path.stats().ports.used == 0
    await connect(relay, "m1")


async def test_a_stranger_on_the_sip_port_reaches_nobody_and_gets_nothing(relay: Relay) -> None:
    call = await connect(relay)
    call.phone.send(rtp_packet(96, 1, 0x51), call.rtp_port)
    await call.browser.receive_rtp()
    stranger = await relay.phone("127.0.0.2")
    for sequence_number in range(20):
        stranger.send(rtp_packet(96, sequence_number, 0x51), call.rtp_port)
        stranger.send(sender_report(0x51), call.rtcp_port)
    call.phone.send(rtp_packet(96, 2, 0x51), call.rtp_port)
    call.phone_rtcp.send(sender_report(0x52), call.rtcp_port)
    assert await call.browser.receive_rtp() == rtp_packet(111, 2, 0x51)
    assert await call.browser.receive_rtcp() == sender_report(0x52)
    call.browser.send_rtp(rtp_packet(111, 1, 0xB1))
    await call.phone.receive()
    assert stranger.received.empty()
    assert relay.drops(Drop.LATCH_REFUSED) == 40


async def test_a_flood_of_forged_srtp_neither_passes_nor_ends_the_call(relay: Relay) -> None:
    call = await connect(relay)
    for sequence_number in range(50):
        call.browser.send(rtp_packet(111, sequence_number, 0xB1))
        call.browser.send(receiver_report(0xB1) + bytes(16) + b"\x80\0\0\1")
    call.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    assert await call.phone.receive() == (rtp_packet(96, 7, 0xB1), Address("127.0.0.1", call.rtp_port))
    assert relay.drops(Drop.SRTP_AUTH) == 100
    assert relay.events.empty()


async def test_a_replayed_packet_passes_once(relay: Relay) -> None:
    call = await connect(relay)
    assert call.browser.srtp is not None
    protected = call.browser.srtp.protect_rtp(rtp_packet(111, 7, 0xB1))
    call.browser.send(protected)
    call.browser.send(protected)
    call.browser.send_rtp(rtp_packet(111, 8, 0xB1))
    await call.phone.receive()
    assert (await call.phone.receive())[0] == rtp_packet(96, 8, 0xB1)
    assert relay.drops(Drop.REPLAY) == 1


async def test_media_goes_to_the_address_of_the_latest_plan(relay: Relay) -> None:
    call = await connect(relay)
    call.phone.send(rtp_packet(96, 1, 0x51), call.rtp_port)
    await call.browser.receive_rtp()
    moved = await relay.phone()
    relay.path.apply("m1", replace(call.plan, streams=(audio(moved.address, None),)))
    call.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    assert (await moved.receive())[0] == rtp_packet(96, 7, 0xB1)


async def test_rtcp_feedback_goes_to_the_stream_that_it_speaks_of(relay: Relay) -> None:
    allocation = relay.path.allocate("m1", 2)
    browser = await relay.browser(allocation.ice)
    sockets = [await relay.phone() for _ in range(4)]
    video = StreamPlan("video", sockets[2].address, sockets[3].address, to_sip={96: 97}, to_browser={97: 96})
    relay.path.apply("m1", browser_plan(browser, audio(sockets[0].address, sockets[1].address), video))
    await browser.connect(relay.path.fingerprint)
    sockets[2].send(rtp_packet(97, 1, 0x5151), allocation.ports[1][0])
    assert await browser.receive_rtp() == rtp_packet(96, 1, 0x5151)
    browser.send_rtcp(receiver_report(0xB0, about=(0x5151,)))
    assert (await sockets[3].receive())[0] == receiver_report(0xB0, about=(0x5151,))
    assert sockets[1].received.empty()


async def come_anew(relay: Relay, call: Call, media_id: str = "m1") -> tuple[WebRtcClient, SessionPlan]:
    """Return the browser as it is after a reload, not connected yet, and the plan with it."""
    browser = await relay.browser(relay.path.renew(media_id))
    plan = replace(call.plan, remote_ice=IceCredentials("anew", "another password"), fingerprints=browser.fingerprints)
    return browser, plan


async def exchange(call: Call, browser: WebRtcClient, sequence: int) -> None:
    """Pass a packet each way."""
    browser.send_rtp(rtp_packet(111, sequence))
    there, _ = await call.phone.receive()
    call.phone.send(rtp_packet(96, sequence), call.rtp_port)
    back = await browser.receive_rtp()
    assert [int.from_bytes(packet[2:4], "big") for packet in (there, back)] == [sequence, sequence]


async def test_a_browser_that_comes_anew_takes_the_place_of_itself(relay: Relay) -> None:
    call = await connect(relay)
    new, plan = await come_anew(relay, call)
    await exchange(call, call.browser, 1)
    relay.path.apply("m1", plan)
    await new.check()
    await exchange(call, call.browser, 2)  # as long as the new one has no keys
    await new.connect(relay.path.fingerprint)
    assert await relay.event() == Connected("m1")
    await asyncio.wait_for(call.browser.ended.wait(), 5)
    await exchange(call, new, 3)
    call.browser.send_rtp(rtp_packet(111, 4))
    new.send_rtp(rtp_packet(111, 5))
    assert (await call.phone.receive())[0][2:4] == b"\x00\x05"  # the old page's is dropped


async def test_a_browser_comes_anew_after_it_was_lost(relay: Relay) -> None:
    call = await connect(relay)
    call.browser.close_dtls()
    assert await relay.event() == Failed("m1", "closed")
    new, plan = await come_anew(relay, call)
    relay.path.apply("m1", plan)
    await new.connect(relay.path.fingerprint)
    assert await relay.event() == Connected("m1")
    await exchange(call, new, 1)


async def test_a_browser_that_says_it_comes_anew_and_does_not_stays_as_it_is(relay: Relay) -> None:
    call = await connect(relay)
    given_up, plan = await come_anew(relay, call)
    relay.path.apply("m1", plan)
    await given_up.check()
    relay.path.renew("m1")  # another try
    given_up.send_check()
    given_up.start_dtls(relay.path.fingerprint)
    relay.path.apply("m1", plan)
    await exchange(call, call.browser, 1)
    assert not given_up.connected.is_set()
    assert relay.drops(Drop.UNKNOWN_SOURCE) == 2


@pytest.mark.parametrize(("kind", "most"), [("audio", 100), ("video", 1000)])
async def test_a_far_side_that_is_not_heard_gets_no_more_than_a_call_needs(
    relay: Relay, kind: StreamKind, most: int
) -> None:
    call = await connect(relay, stream=lambda rtp, rtcp: replace(audio(rtp, rtcp), kind=kind))
    sent = 0
    async with asyncio.timeout(10):
        while relay.drops(Drop.UNHEARD) == 0:
            sent += 1
            call.browser.send_rtp(rtp_packet(111, sent, 0xB1))
            await turn()
    assert sent > most
    call.phone_rtcp.send(sender_report(0x51), call.rtcp_port)
    assert await call.browser.receive_rtcp() == sender_report(0x51)
    unheard = relay.drops(Drop.UNHEARD)
    for number in range(2 * most):
        call.browser.send_rtp(rtp_packet(111, sent + number, 0xB2))
        if number % 16 == 0:
            await turn()
    call.phone.send(rtp_packet(96, 1, 0x51), call.rtp_port)
    await call.browser.receive_rtp()
    assert relay.drops(Drop.UNHEARD) == unheard


async def test_two_browsers_share_the_port_and_hear_their_own_call(relay: Relay) -> None:
    first, second = await connect(relay, "m1"), await connect(relay, "m2")
    first.phone.send(rtp_packet(96, 1, 0x51), first.rtp_port)
    second.phone.send(rtp_packet(96, 2, 0x52), second.rtp_port)
    assert await first.browser.receive_rtp() == rtp_packet(111, 1, 0x51)
    assert await second.browser.receive_rtp() == rtp_packet(111, 2, 0x52)


async def test_a_session_cannot_claim_the_address_of_another(relay: Relay) -> None:
    call = await connect(relay, "m1")
    other = relay.path.allocate("m2", 1)
    call.browser.send(binding_request(other.ice.ufrag, other.ice.pwd))  # as a forged source would
    call.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    assert (await call.phone.receive())[0] == rtp_packet(96, 7, 0xB1)
    assert relay.drops(Drop.STUN_AUTH) == 1


async def test_what_is_still_sent_to_a_freed_port_does_not_reach_its_next_session(
    forwarder: ForwarderFactory,
) -> None:
    relay = Relay(forwarder)
    await relay.open(port_range=(42100, 42101), quarantine_seconds=0.0)
    async with relay.stack:
        old = await connect(relay, "m1")
        old.phone.send(rtp_packet(96, 1, 0x51), old.rtp_port)
        await old.browser.receive_rtp()
        relay.path.release("m1")
        new = await connect(relay, "m2")
        assert new.rtp_port == old.rtp_port
        for sequence_number in range(2, 12):
            old.phone.send(rtp_packet(96, sequence_number, 0x51), new.rtp_port)
        new.phone.send(rtp_packet(96, 1, 0x52), new.rtp_port)
        assert await new.browser.receive_rtp() == rtp_packet(111, 1, 0x52)
        assert relay.drops(Drop.LATCH_REFUSED) == 10


async def test_ports_rest_in_quarantine_and_running_out_leaks_nothing(forwarder: ForwarderFactory) -> None:
    relay = Relay(forwarder)
    await relay.open(port_range=(42100, 42105))
    async with relay.stack:
        relay.path.allocate("m1", 2)
        with pytest.raises(RemoteError) as refused:
            relay.path.allocate("m2", 2)
        assert refused.value.status == 503
        use = relay.path.stats().ports
        assert (use.used, use.free, use.quarantined) == (2, 0, 1)
        relay.path.release("m1")
        relay.path.release("m1")
        use = relay.path.stats().ports
        assert (use.used, use.free, use.quarantined) == (0, 0, 3)


async def test_a_pair_whose_odd_port_is_taken_is_passed_over(forwarder: ForwarderFactory) -> None:
    relay = Relay(forwarder)
    await relay.open(port_range=(42100, 42103))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 42101))
        async with relay.stack:
            assert relay.path.allocate("m1", 1).ports == ((42102, 42103),)
            with pytest.raises(RemoteError):
                relay.path.allocate("m2", 1)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as even:
                even.bind(("127.0.0.1", 42100))  # was let go again
                assert even.getsockname()[1] == 42100


async def test_plans_that_cannot_be_carried_out_are_refused(relay: Relay) -> None:
    relay.path.allocate("m1", 1)
    for media_id, streams, status in (
        ("m2", (), 481),
        ("m1", (audio(None, None), audio(None, None)), 488),
        ("m1", (audio(Address("phone.example.com", 4000), None),), 488),
        ("m1", (audio(Address("2001:db8::1", 4000), None),), 488),
    ):
        with pytest.raises(RemoteError) as refused:
            relay.path.apply(media_id, SessionPlan(streams=streams))
        assert refused.value.status == status


async def test_opening_fails_plainly_without_a_port(relay: Relay) -> None:
    with pytest.raises(LocalError):
        await Relay(relay.forwarder).open(browser_port=relay.path.browser_port)
    with pytest.raises(LocalError):
        await Relay(relay.forwarder).open(port_range=(42001, 42001))


async def test_sending_stops_when_the_browsers_checks_stop(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "CONSENT_TIMEOUT", 1.0)
    call = await connect(relay)
    assert await relay.event() == Failed("m1", "consent")
    call.phone.send(rtp_packet(96, 1, 0x51), call.rtp_port)
    call.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    other = await connect(relay, "m2")  # by then both are taken in
    assert call.browser.rtp.empty()
    assert call.phone.received.empty()
    assert relay.drops(Drop.NOT_CONNECTED) == relay.drops(Drop.UNKNOWN_SOURCE) == 1
    assert other.rtp_port != call.rtp_port


async def test_a_browser_that_never_comes_fails_the_session(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "CHECKS_TIMEOUT", 0.05)
    relay.path.allocate("m1", 1)
    relay.path.apply("m1", SessionPlan(remote_ice=IceCredentials("browser", "browser's password")))
    assert await relay.event() == Failed("m1", "ice")
