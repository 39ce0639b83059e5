"""How much video the real media-relay tells a browser that it may send, with either forwarder."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable

import pytest
from tests.support.descriptions import phone, sdp
from tests.support.media_relay import Ends, Relay, StartRelay, ends, start_relay
from tests.support.pace import spend
from tests.support.rtp_packets import receiver_report, receiver_report_of, report_block, rtp_packet
from tests.support.sip_phone import RtpSocket

from media_relay.core.description.sdp import parse
from shared.tasks import Tasks

__all__ = ["ends", "start_relay"]  # fixtures

BROWSER, PHONE, OURS = 0xB2, 0x52, 1
LEAST, MOST = 100_000, 900_000


@pytest.fixture(params=["python", "native"])
async def relay(request: pytest.FixtureRequest, start_relay: StartRelay) -> Relay:
    return await start_relay(
        RELAY_FORWARDER=request.param, RELAY_VIDEO_MIN_BIT_RATE=LEAST, RELAY_VIDEO_MAX_BIT_RATE=MOST
    )


@contextlib.asynccontextmanager
async def sending_video(relay: Relay, ends: Ends, bandwidth: str = "") -> AsyncIterator[Callable[[int], None]]:
    """Let the browser send video at 400 kbit/s while the block runs; return how the phone reports loss, of 256."""
    allocated = await relay.allocate(browser_sdp=ends.of_browser(sdp("chromium_audio_video_offer")))
    video, rtcp = await RtpSocket.open(), await RtpSocket.open()
    answer = phone(
        f"audio {ends.rtp.address.port} RTP/AVP 0",
        f"video {video.address.port} RTP/AVP 96|rtpmap:96 VP8/90000|rtcp:{rtcp.address.port}",
        host="127.0.0.1",
    )
    await ends.connect(await relay.answer("sip", answer + bandwidth))
    assert allocated.sip_sdp is not None
    relays_rtcp = parse(allocated.sip_sdp).media[1].port + 1
    tasks = Tasks("browser")
    tasks.spawn(_send(ends), "video")
    yield lambda loss: rtcp.send(receiver_report_of(PHONE, report_block(BROWSER, loss)), relays_rtcp)
    await tasks.aclose()
    for socket in (video, rtcp):
        socket.close()


async def _send(ends: Ends) -> None:
    number = 0
    while True:
        ends.browser.send_rtp(rtp_packet(96, number, BROWSER, bytes(1000)))
        number += 1
        await spend(0.02)


async def told(ends: Ends) -> int:
    """Return the bit rate of the next REMB (draft-alvestrand-rmcat-remb §2.2)."""
    while True:
        packet = await ends.browser.receive_rtcp()
        if packet[:24] == receiver_report(OURS) + bytes.fromhex("8fce0005 00000001 00000000 52454d42"):
            value, about = struct.unpack("!II", packet[24:])
            assert (value >> 24, about) == (1, BROWSER)
            return int((value & 0x3FFFF) << (value >> 18 & 0x3F))


@pytest.mark.parametrize(("bandwidth", "rate"), [("", MOST), ("b=AS:400\r\n", 380_000), ("b=TIAS:64000\r\n", 64_000)])
async def test_the_browser_may_send_what_the_far_side_takes(
    relay: Relay, ends: Ends, bandwidth: str, rate: int
) -> None:
    async with sending_video(relay, ends, bandwidth):
        for _ in range(2):
            assert await told(ends) == pytest.approx(rate, rel=0.001)


async def test_the_browser_may_send_less_while_the_far_side_reports_loss(relay: Relay, ends: Ends) -> None:
    async with sending_video(relay, ends) as report, asyncio.timeout(40):
        assert (rate := await told(ends)) == pytest.approx(MOST, rel=0.001)
        while rate > 2 * LEAST:
            report(128)
            rate = await told(ends)
        low = rate
        while rate <= low:
            report(0)
            rate = await told(ends)
