"""Chromium's video towards a SIP side that says nothing about it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from tests.support.browser.chromium import chromium
from tests.support.browser.tab import Tab
from tests.support.descriptions import phone
from tests.support.media_relay import Relay, StartRelay, start_relay
from tests.support.sip_phone import RtpSocket

__all__ = ["start_relay"]  # a fixture

pytestmark = [pytest.mark.peers, pytest.mark.timeout(150)]

GOOD, LITTLE = 1_000_000, 400_000  # bit/s
OFFER = """async (video) => {
    window.pc = new RTCPeerConnection();
    for (const track of (await harness.media(440, video)).getTracks()) pc.addTrack(track);
    await pc.setLocalDescription();
    return pc.localDescription.sdp;
}"""
TAKE = "async (sdp) => await pc.setRemoteDescription({type: 'answer', sdp})"
CAMERA = {"width": 1280, "height": 720, "frameRate": 20}


@pytest.fixture(params=["native", "python"])
async def relay(request: pytest.FixtureRequest, start_relay: StartRelay) -> Relay:
    return await start_relay(RELAY_FORWARDER=request.param)


@pytest.fixture
async def tab(relay: Relay) -> AsyncIterator[Tab]:
    async with chromium() as browser:
        opened = await browser.tab()
        await opened.goto(f"http://{relay.ops}/healthz")
        yield opened


async def bit_rate(tab: Tab) -> float:
    """Return what Chromium aims at for its video."""
    reports = await tab.evaluate("() => harness.stats('outbound-rtp')")
    return max((report.get("targetBitrate", 0) for report in reports if report["kind"] == "video"), default=0)


@contextlib.asynccontextmanager
async def called_phone(relay: Relay, tab: Tab, bandwidth: str = "") -> AsyncIterator[RtpSocket]:
    """Let Chromium call a phone, and return where the phone has video."""
    audio, video = await RtpSocket.open(), await RtpSocket.open()
    await relay.allocate(browser_sdp=await tab.evaluate(OFFER, CAMERA))
    answer = phone(
        f"audio {audio.address.port} RTP/AVP 0",
        f"video {video.address.port} RTP/AVP 96|rtpmap:96 VP8/90000",
        host="127.0.0.1",
    )
    await tab.evaluate(TAKE, await relay.answer("sip", answer + bandwidth))
    yield video
    audio.close()
    video.close()


async def read_until(tab: Tab, video: RtpSocket, fits: Callable[[float], bool]) -> list[float]:
    """Return the bit rates that Chromium aims at, up to one that fits."""
    reached = [0.0]
    async with asyncio.timeout(60):
        while not fits(reached[-1]):
            await video.receive()
            reached.append(await bit_rate(tab))
    print(f"{len(reached)} readings, {reached[-1]:.0f} bit/s")
    return reached


async def test_chromium_sends_at_a_good_bit_rate_to_a_phone_that_sends_no_feedback(relay: Relay, tab: Tab) -> None:
    async with called_phone(relay, tab) as video:
        assert (await read_until(tab, video, lambda rate: rate >= GOOD))[-1] >= GOOD


async def test_chromium_sends_no_more_than_the_phone_says_that_it_takes(relay: Relay, tab: Tab) -> None:
    async with called_phone(relay, tab, f"b=TIAS:{LITTLE}\r\n") as video:
        assert max(await read_until(tab, video, lambda rate: rate > LITTLE / 2)) <= LITTLE
        until = asyncio.get_running_loop().time() + 5  # it would be at its best by then
        while asyncio.get_running_loop().time() < until:
            await video.receive()
            assert await bit_rate(tab) <= LITTLE
