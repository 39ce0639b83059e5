"""The real media-relay as a process: commands on a real bus, media through both of its sides."""

import asyncio
import re
import signal
import sys

import pytest
from tests.support.descriptions import sdp
from tests.support.media_relay import (
    RELAY,
    Ends,
    Relay,
    StartRelay,
    ends,
    fingerprint,
    outgoing_call,
    payload_type,
    relay,
    start_relay,
)
from tests.support.processes import free_ports, running
from tests.support.rtp_packets import rtp_packet
from tests.support.until import until

from media_relay.core.description.sdp import parse
from shared.errors import NoOwner, RemoteError
from shared.messages import HangupCall, MediaConnected, MediaDigit, MediaFailed, SendDigits

__all__ = ["ends", "relay", "start_relay"]  # fixtures


async def test_an_outgoing_call_carries_audio_both_ways_under_the_numbers_of_each_side(
    relay: Relay, ends: Ends
) -> None:
    port = await outgoing_call(relay, ends)
    assert await relay.event() == MediaConnected(media_id="m1", call_id="call-m1")

    ends.browser.send_rtp(rtp_packet(111, 1, payload=b"from the browser"))
    packet, source = await ends.rtp.receive()
    assert (payload_type(packet), packet[12:], source.port) == (107, b"from the browser", port)

    ends.rtp.send(rtp_packet(111, 1, 0x2222, b"from the phone"), port)
    packet = await ends.browser.receive_rtp()
    assert (payload_type(packet), packet[12:]) == (111, b"from the phone")

    async def counted() -> bool:  # which is after they are sent
        directions = ("browser_to_sip", "sip_to_browser")
        return [await relay.counted(f'packets_total{{direction="{one}",kind="audio"}}') for one in directions] == [1, 1]

    await until(counted)
    assert await relay.metric("dtls_handshakes_total") == 1
    assert await relay.metric('setup_duration_seconds_count{stage="connect"}') == 1


async def test_an_incoming_call_carries_audio_both_ways(relay: Relay, ends: Ends) -> None:
    allocated = await relay.allocate(sip_sdp=ends.of_phone(sdp("linphone_audio_video_offer")))
    assert allocated.browser_sdp is not None
    answer = await relay.answer("browser", ends.of_browser(sdp("chromium_audio_video_answer")))
    await ends.connect(allocated.browser_sdp)
    await relay.event()
    port = parse(answer).media[0].port

    ends.rtp.send(rtp_packet(0, 1, 0x2222, b"from the phone"), port)
    assert payload_type(await ends.browser.receive_rtp()) == 0
    ends.browser.send_rtp(rtp_packet(96, 1, payload=b"from the browser"))
    packet, _ = await ends.rtp.receive()
    assert (payload_type(packet), packet[12:]) == (96, b"from the browser")


async def test_digits_are_made_on_command_and_told_when_they_come(relay: Relay, ends: Ends) -> None:
    port = await outgoing_call(relay, ends)
    await relay.event()
    await relay.request(SendDigits(**Relay.envelope(), media_id="m1", digits="9", duration_ms=40, epoch=1))
    packets = [(await ends.rtp.receive())[0] for _ in range(4)]
    assert [payload_type(packet) for packet in packets] == [101] * 4
    assert [packet[12:].hex() for packet in packets] == ["090a00a0", "098a0140", "098a0140", "098a0140"]
    ends.rtp.send(rtp_packet(101, 1, 0x2222, bytes.fromhex("0b8a0320")), port)
    assert payload_type(await ends.browser.receive_rtp()) == 126
    told = MediaDigit(media_id="m1", call_id="call-m1", side="sip", digit="#", duration_ms=100)
    assert await relay.event() == told


async def test_hold_stops_the_media_and_resume_lets_it_flow_again(relay: Relay, ends: Ends) -> None:
    await outgoing_call(relay, ends)
    held = await relay.offer(ends.of_phone(sdp("kamailio_opus_answer")).replace("a=sendrecv", "a=inactive"))
    assert parse(held).media[0].has("inactive")
    ends.browser.send_rtp(rtp_packet(111, 1, payload=b"unheard"))
    await relay.dropped("on_hold")

    resumed = await relay.offer(ends.of_phone(sdp("kamailio_opus_answer")))
    assert parse(resumed).media[0].has("sendrecv")
    ends.browser.send_rtp(rtp_packet(111, 2, payload=b"heard"))
    packet, _ = await ends.rtp.receive()
    assert packet[12:] == b"heard"


async def test_release_gives_back_the_ports_and_may_be_repeated(relay: Relay) -> None:
    free = await relay.metric("ports_free")
    await relay.allocate(browser_sdp=sdp("chromium_audio_video_offer"))
    assert await relay.metric("ports_used") == 2
    assert (await relay.beat(lambda beat: beat.load == 1)).capacity == await relay.metric("session_capacity")
    await relay.release()
    await relay.release()
    assert (await relay.metric("ports_used"), await relay.metric("sessions_active")) == (0, 0)
    assert await relay.metric("ports_free") + await relay.metric("ports_quarantined") == free


async def test_a_repeated_allocation_gets_the_same_reply(relay: Relay) -> None:
    first = await relay.allocate(sip_sdp=sdp("baresip_audio_offer"))
    assert await relay.allocate(sip_sdp=sdp("baresip_audio_offer")) == first
    assert await relay.metric("sessions_active") == 1
    with pytest.raises(RemoteError, match="409"):
        await relay.allocate(sip_sdp=sdp("wcs_audio_offer"))


async def test_what_is_more_than_the_capacity_is_refused(start_relay: StartRelay) -> None:
    relay = await start_relay(RELAY_CAPACITY=2)
    await relay.allocate("a", sip_sdp=sdp("baresip_audio_offer"))
    await relay.allocate("b", sip_sdp=sdp("baresip_audio_offer"))
    with pytest.raises(RemoteError, match="503"):
        await relay.allocate("c", sip_sdp=sdp("baresip_audio_offer"))

    await relay.release("a")
    await relay.allocate("c", sip_sdp=sdp("baresip_audio_offer"))


async def test_without_ports_an_allocation_is_refused_and_leaves_nothing(relay: Relay) -> None:
    await relay.allocate("a", browser_sdp=sdp("chromium_audio_video_offer"))
    await relay.allocate("b", browser_sdp=sdp("chromium_audio_video_offer"))
    with pytest.raises(RemoteError, match="503"):
        await relay.allocate("c", browser_sdp=sdp("chromium_audio_video_offer"))
    assert await relay.metric("sessions_active") == 2
    assert await relay.metric("ports_free") == 0


async def test_an_owner_of_a_lower_epoch_is_refused(relay: Relay, ends: Ends) -> None:
    await relay.allocate(browser_sdp=sdp("chromium_audio_video_offer"))
    await relay.answer("sip", sdp("rtpengine_audio_answer"), epoch=7)
    with pytest.raises(RemoteError, match="409 Stale Epoch"):
        await relay.answer("sip", sdp("kamailio_opus_answer"), epoch=6)
    with pytest.raises(RemoteError, match="409 Stale Epoch"):
        await relay.release(epoch=6)
    await relay.release(epoch=7)


async def test_bad_commands_are_refused_and_the_relay_goes_on(relay: Relay) -> None:
    with pytest.raises(RemoteError, match="481"):
        await relay.answer("sip", sdp("rtpengine_audio_answer"), "unknown")
    with pytest.raises(RemoteError, match="400 Bad Session Description: line 1"):
        await relay.allocate("x", sip_sdp="v=1\r\n")
    with pytest.raises(RemoteError, match="488"):
        await relay.allocate("x", sip_sdp=sdp("baresip_audio_offer").replace("RTP/AVP", "RTP/SAVP"))
    with pytest.raises(RemoteError, match="400"):
        await relay.allocate("x", browser_sdp=sdp("chromium_audio_video_offer"), sip_sdp=sdp("baresip_audio_offer"))
    with pytest.raises(RemoteError, match="501"):
        await relay.request(HangupCall(**Relay.envelope(), session_id="s", call_id="c"))
    await relay.allocate("x", sip_sdp=sdp("baresip_audio_offer"))


async def test_a_session_that_no_agent_commands_ends(start_relay: StartRelay) -> None:
    relay = await start_relay(RELAY_UNCLAIMED_SECONDS=1)  # longer than a heartbeat takes to tell of it
    await relay.allocate(browser_sdp=sdp("chromium_audio_video_offer"))
    await relay.beat(lambda beat: beat.load == 1)
    await relay.beat(lambda beat: beat.load == 0)
    assert await relay.metric("sessions_expired_total") == 1
    with pytest.raises(RemoteError, match="481"):
        await relay.answer("sip", sdp("rtpengine_audio_answer"))


async def test_a_browser_with_another_certificate_than_promised_is_told_to_the_agent(relay: Relay, ends: Ends) -> None:
    await relay.allocate(browser_sdp=sdp("chromium_audio_video_offer"))
    description = parse(await relay.answer("sip", ends.of_phone(sdp("rtpengine_audio_answer"))))
    ends.browser.learn(description)
    await ends.browser.check()
    ends.browser.start_dtls(fingerprint(description))
    assert await relay.event() == MediaFailed(media_id="m1", call_id="call-m1", reason="fingerprint")
    assert await relay.metric('browsers_lost_total{reason="fingerprint"}') == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_ends_all_sessions_and_exits_cleanly(
    relay: Relay, ends: Ends, number: signal.Signals
) -> None:
    await outgoing_call(relay, ends)
    assert await relay.readiness() == 200
    relay.process.send_signal(number)
    await relay.beat(lambda beat: beat.draining)
    await asyncio.wait_for(ends.browser.ended.wait(), 5)
    assert await relay.process.wait() == 0
    assert re.search(r'"tasks": 0\b.*"stopped"|"stopped".*"tasks": 0\b', relay.process.log)
    with pytest.raises(NoOwner):
        await relay.release()


async def test_a_relay_that_never_finds_nats_still_ends_on_a_signal() -> None:
    env = {"CORDBOARD_NATS_URL": f"nats://127.0.0.1:{free_ports()}", "CORDBOARD_POD": RELAY}
    async with running("relay", (sys.executable, "-m", "media_relay"), env=env) as process:
        await process.wait_for_output("starting")
        assert await process.stop() == 0


async def test_a_setting_that_is_none_is_named(nats_url: str) -> None:
    env = {"CORDBOARD_NATS_URL": nats_url, "CORDBOARD_RELAY_CAPACITY": "many"}
    async with running("relay", (sys.executable, "-m", "media_relay"), env=env) as process:
        await process.wait_for_output("CORDBOARD_RELAY_CAPACITY")
        assert await process.wait() == 2
