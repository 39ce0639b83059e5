"""What a call may become while the real media-relay carries it, heard by tones: branches, hold, another far side."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from tests.support.descriptions import phone, sdp
from tests.support.far_side import TONE, FarSide, FarSides, far_side
from tests.support.g711 import PAYLOAD_TYPES, RATE, Law, decode, tone_packets
from tests.support.media_relay import Ends, Relay, ends, payload_type, relay, start_relay
from tests.support.rtp_packets import receiver_report, rtp_packet, sender_report
from tests.support.tone import best_tone

from media_relay.core.description.sdp import parse
from media_relay.core.packet.rtcp import picture_loss_indication
from shared.bus import expiry
from shared.errors import RemoteError
from shared.messages import OfferMedia, RequestKeyframe

__all__ = ["ends", "far_side", "relay", "start_relay"]  # fixtures

BROWSER_OFFER = "chromium_audio_video_offer"
BROWSER_SSRC = 0xB1
FROM_BROWSER = 440.0


async def heard(receive: Callable[[], Awaitable[bytes]], frequency: float, law: Law, count: int = 8) -> set[int]:
    """Take packets in, hold them against the tone that was sent, return their SSRCs."""
    packets = [await receive() for _ in range(count)]
    assert {payload_type(packet) for packet in packets} == {PAYLOAD_TYPES[law]}
    tone = best_tone(decode(b"".join(packet[12:] for packet in packets), law), RATE)
    assert tone is not None
    assert tone.is_clean(frequency)
    return {int.from_bytes(packet[8:12], "big") for packet in packets}


async def talk(ends: Ends, side: FarSide, port: int, first: int) -> None:
    """Let both hear each other."""

    async def at_far_side() -> bytes:
        return (await side.rtp.receive())[0]

    for packet in tone_packets(FROM_BROWSER, side.law, BROWSER_SSRC, first):
        ends.browser.send_rtp(packet)
    assert await heard(at_far_side, FROM_BROWSER, side.law) == {BROWSER_SSRC}
    side.speak(port, first)
    assert await heard(ends.browser.receive_rtp, TONE, side.law) == {side.ssrc}


async def silence(relay: Relay, ends: Ends, side: FarSide, port: int, first: int) -> None:
    """Let both speak and neither hear; RTCP passes all the same."""
    before = await relay.counted('drops_total{reason="on_hold"}')
    for packet in tone_packets(FROM_BROWSER, side.law, BROWSER_SSRC, first):
        ends.browser.send_rtp(packet)
    side.speak(port, first)
    await relay.dropped("on_hold", int(before) + 16)
    ends.browser.send_rtcp(receiver_report(BROWSER_SSRC))
    assert (await side.rtcp.receive())[0] == receiver_report(BROWSER_SSRC)
    side.rtcp.send(sender_report(side.ssrc), port + 1)
    assert await ends.browser.receive_rtcp() == sender_report(side.ssrc)
    assert (side.rtp.received.qsize(), ends.browser.rtp.qsize()) == (0, 0)


async def call(relay: Relay, ends: Ends, side: FarSide) -> int:
    """Connect the browser with `side`; return the relay's RTP port."""
    allocated = await relay.allocate(browser_sdp=ends.of_browser(sdp(BROWSER_OFFER)))
    await ends.connect(await relay.answer("sip", side.audio()))
    assert allocated.sip_sdp is not None
    return parse(allocated.sip_sdp).media[0].port


async def offer_of_far_side(relay: Relay, text: str) -> tuple[str, bool]:
    command = OfferMedia(**relay.envelope(), media_id="m1", side="sip", sdp=text, epoch=1)
    reply = await relay.describe(command)
    return reply.sdp, reply.is_held


async def call_early(relay: Relay, ends: Ends, side: FarSide) -> int:
    allocated = await relay.allocate(browser_sdp=ends.of_browser(sdp(BROWSER_OFFER)))
    await ends.connect(await relay.answer("sip", side.audio(), provisional=True))
    assert allocated.sip_sdp is not None
    port = parse(allocated.sip_sdp).media[0].port
    await talk(ends, side, port, 1)
    return port


async def test_early_media_of_one_branch_then_another_one_answers(relay: Relay, ends: Ends, far_side: FarSides) -> None:
    early, final = await far_side("PCMU", 0xA), await far_side("PCMA", 0xF)
    port = await call_early(relay, ends, early)
    answer = parse(await relay.answer("sip", final.audio()))
    assert answer.media[0].formats == ("8",)
    await talk(ends, final, port, 101)

    early.speak(port, 101)
    await relay.dropped("unknown_pt", 8)
    for packet in tone_packets(TONE, "PCMA", early.ssrc, 201):
        early.rtp.send(packet, port)
    await relay.dropped("latch_refused", 8)
    assert (early.rtp.received.qsize(), ends.browser.rtp.qsize()) == (0, 0)


@pytest.mark.parametrize(("direction", "answer"), [("sendonly", "recvonly"), ("inactive", "inactive")])
async def test_who_is_held_hears_nothing_and_is_not_heard_until_the_end_of_it(
    relay: Relay, ends: Ends, far_side: FarSides, direction: str, answer: str
) -> None:
    side = await far_side("PCMU", 0xA)
    port = await call(relay, ends, side)
    assert parse(await relay.request_offer(direction)).media[0].has(direction)
    await talk(ends, side, port, 1)  # an offer changes nothing
    await relay.answer("sip", side.audio(answer))
    await silence(relay, ends, side, port, 101)
    await relay.request_offer("sendrecv")
    await relay.answer("sip", side.audio())
    await talk(ends, side, port, 201)


async def test_another_far_side_takes_the_call_over_and_the_one_before_is_out_of_it(
    relay: Relay, ends: Ends, far_side: FarSides
) -> None:
    before, after = await far_side("PCMU", 0xA), await far_side("PCMU", 0xF)
    port = await call(relay, ends, before)
    await talk(ends, before, port, 1)
    await relay.request_offer("sendrecv")
    await relay.answer("sip", after.audio())
    before.speak(port, 101)
    await relay.dropped("latch_refused", 8)
    await talk(ends, after, port, 40001)
    before.speak(port, 201)
    await relay.dropped("latch_refused", 16)
    assert (before.rtp.received.qsize(), ends.browser.rtp.qsize()) == (0, 0)


async def test_the_far_side_holds_by_the_unspecified_address_and_comes_back_from_another_port(
    relay: Relay, ends: Ends, far_side: FarSides
) -> None:
    side, moved = await far_side("PCMU", 0xA), await far_side("PCMU", 0xA)
    port = await call(relay, ends, side)
    await talk(ends, side, port, 1)
    answer, is_held = await offer_of_far_side(relay, side.audio(host="0.0.0.0"))
    assert is_held
    assert parse(answer).media[0].has("recvonly")
    for packet in tone_packets(FROM_BROWSER, "PCMU", BROWSER_SSRC, 101):
        ends.browser.send_rtp(packet)
    ends.browser.send_rtcp(receiver_report(BROWSER_SSRC))
    await relay.dropped("on_hold", 8)
    await relay.dropped("not_connected", 1)  # RTCP: there is nowhere to send to
    assert (side.rtp.received.qsize(), side.rtcp.received.qsize()) == (0, 0)

    answer, is_held = await offer_of_far_side(relay, moved.audio())
    assert not is_held
    await talk(ends, moved, port, 201)


async def test_a_call_without_an_offer(relay: Relay, ends: Ends, far_side: FarSides) -> None:
    side = await far_side("PCMU", 0xA)
    allocated = await relay.allocate()
    assert allocated.browser_sdp is not None
    answer = sdp("chromium_audio_video_answer")
    answer = answer[: answer.index("m=video")].replace("BUNDLE 0 1", "BUNDLE 0").replace("SAVPF 96 0", "SAVPF 0")
    offer = parse(await relay.answer("browser", ends.of_browser(answer)))
    await ends.connect(allocated.browser_sdp)
    assert offer.media[0].formats == ("0", "101")
    assert await relay.answer("sip", side.audio()) == ""
    await talk(ends, side, offer.media[0].port, 1)


def keyframe(side: str) -> RequestKeyframe:
    return RequestKeyframe(id=str(uuid4()), expires_at=expiry(), epoch=1, media_id="m1", side=side)


def says_how_much(packet: bytes) -> bool:
    """Whether RTCP tells the browser how much it may send (REMB: PSFB of FMT 15, behind an empty RR)."""
    return packet[8] & 31 == 15


@pytest.mark.parametrize("feedback", ["|rtcp-fb:96 nack pli", ""])
async def test_a_whole_picture_is_asked_for_by_rtcp_where_it_is_read(
    relay: Relay, ends: Ends, far_side: FarSides, feedback: str
) -> None:
    audio, video = await far_side("PCMU", 0xA), await far_side("PCMU", 0xF)
    allocated = await relay.allocate(browser_sdp=ends.of_browser(sdp(BROWSER_OFFER)))
    assert allocated.sip_sdp is not None
    port = parse(allocated.sip_sdp).media[1].port
    answer = phone(
        f"audio {audio.rtp.address.port} RTP/AVP 0",
        f"video {video.rtp.address.port} RTP/AVP 96|rtpmap:96 VP8/90000|rtcp:{video.rtcp.address.port}{feedback}",
        host="127.0.0.1",
    )
    await ends.connect(await relay.answer("sip", answer))
    ends.browser.send_rtp(rtp_packet(96, 1, 0xB2))
    assert payload_type((await video.rtp.receive())[0]) == 96
    video.rtp.send(rtp_packet(96, 1, 0xF), port)
    await ends.browser.receive_rtp()

    await asyncio.gather(*(relay.request(keyframe("browser")) for _ in range(5)))
    while says_how_much(asked := await ends.browser.receive_rtcp()):
        pass
    assert asked == picture_loss_indication(1, 0xB2)
    if feedback:
        await relay.request(keyframe("sip"))
        assert (await video.rtcp.receive())[0] == picture_loss_indication(1, 0xF)
    else:
        with pytest.raises(RemoteError, match="501"):
            await relay.request(keyframe("sip"))
    while not ends.browser.rtcp.empty():
        assert says_how_much(ends.browser.rtcp.get_nowait())
