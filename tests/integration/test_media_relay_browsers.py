"""Real browsers in calls whose far side changes: they go on hearing, and being heard by, whoever is there."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.support.browser.chromium import chromium
from tests.support.browser.firefox import firefox
from tests.support.browser.tab import Tab, wait_for_silence, wait_for_tone
from tests.support.far_side import FarSides, far_side
from tests.support.media_relay import Relay, StartRelay, start_relay

from media_relay.core.description.sdp import parse

__all__ = ["far_side", "start_relay"]  # fixtures

pytestmark = [pytest.mark.peers, pytest.mark.timeout(150)]

MICROPHONE = 440.0
OFFER = """async (frequency) => {
    window.pc = new RTCPeerConnection();
    for (const track of harness.microphone(frequency).getTracks()) pc.addTrack(track);
    await pc.setLocalDescription();
    return pc.localDescription.sdp;
}"""
ANSWER = """async (frequency, sdp) => {
    window.pc = new RTCPeerConnection();
    await pc.setRemoteDescription({type: 'offer', sdp});
    for (const track of harness.microphone(frequency).getTracks()) pc.addTrack(track);
    await pc.setLocalDescription();
    return pc.localDescription.sdp;
}"""
# Firefox knows no provisional answers. There an early one is taken for final, and one that comes after it answers
# another offer of the same media, which stays in the page.
TAKE_EARLY = """async (sdp) => {
    const isFirefox = navigator.userAgent.includes('Firefox');
    await pc.setRemoteDescription({type: isFirefox ? 'answer' : 'pranswer', sdp});
}"""
TAKE = """async (sdp) => {
    if (pc.signalingState === 'stable') await pc.setLocalDescription(await pc.createOffer());
    await pc.setRemoteDescription({type: 'answer', sdp});
}"""


# To which the page sends, of all that it was told.
REMOTE_ADDRESSES = """async () => {
    const reports = [...(await pc.getStats()).values()];
    const pairs = reports.filter((each) => each.type === 'candidate-pair' && each.nominated);
    return pairs.map((pair) => reports.find((each) => each.id === pair.remoteCandidateId).address);
}"""


@pytest.fixture
async def relay(start_relay: StartRelay) -> Relay:
    # Firefox sends from the address of the default route alone.
    return await start_relay(RELAY_BROWSER_HOST="0.0.0.0", RELAY_ADDRESSES="10.9.9.1,127.0.0.1")


@pytest.fixture(params=[chromium, firefox], ids=["chromium", "firefox"])
async def tab(request: pytest.FixtureRequest, relay: Relay) -> AsyncIterator[Tab]:
    async with AsyncExitStack() as stack:
        browser: Any = await stack.enter_async_context(request.param())
        opened: Tab = await browser.tab()
        await opened.goto(f"http://{relay.ops}/healthz")
        yield opened


async def test_a_branch_gives_early_media_another_answers_and_a_third_one_takes_over(
    relay: Relay, tab: Tab, far_side: FarSides
) -> None:
    early, final, third = await far_side("PCMU", 0xA), await far_side("PCMA", 0xF), await far_side("PCMA", 0x7)
    allocated = await relay.allocate(browser_sdp=await tab.evaluate(OFFER, MICROPHONE))
    assert allocated.sip_sdp is not None
    port = parse(allocated.sip_sdp).media[0].port

    await tab.evaluate(TAKE_EARLY, await relay.answer("sip", early.audio(), provisional=True))
    with early.speaking(port, 700.0, first=50000):
        await wait_for_tone(tab, 700.0)
        await early.hear(MICROPHONE)

    await tab.evaluate(TAKE, await relay.answer("sip", final.audio()))
    with final.speaking(port, 1000.0, first=30000):
        await wait_for_tone(tab, 1000.0)
        await final.hear(MICROPHONE)

        await relay.request_offer("sendonly")
        await relay.answer("sip", final.audio("recvonly"))
        await wait_for_silence(tab)

    await relay.request_offer("sendrecv")
    await relay.answer("sip", third.audio())
    with third.speaking(port, 1300.0, first=1):
        await wait_for_tone(tab, 1300.0)
        await third.hear(MICROPHONE)


async def answer_and_talk(relay: Relay, tab: Tab, far_side: FarSides) -> str:
    """Let the browser answer the relay's offer; each side hears the other. Return what the SIP side is offered."""
    side = await far_side("PCMU", 0xA)
    allocated = await relay.allocate()
    offer = await relay.answer("browser", await tab.evaluate(ANSWER, MICROPHONE, allocated.browser_sdp))
    await relay.answer("sip", side.audio())
    with side.speaking(parse(offer).media[0].port):
        await wait_for_tone(tab, 1000.0)
        await side.hear(MICROPHONE)
    return offer


async def test_a_call_without_an_offer_is_spoken_in_what_every_phone_has(
    relay: Relay, tab: Tab, far_side: FarSides
) -> None:
    offer = await answer_and_talk(relay, tab, far_side)
    assert parse(offer).media[0].formats == ("0", "101")


async def test_firefox_talks_over_ipv6(start_relay: StartRelay, far_side: FarSides) -> None:
    """Chromium does not send to ::1 where loopback is the only interface."""
    relay = await start_relay(RELAY_BROWSER_HOST="0.0.0.0,::", RELAY_ADDRESSES="::1")
    async with firefox() as browser:
        tab = await browser.tab()
        await tab.goto(f"http://{relay.ops}/healthz")
        await answer_and_talk(relay, tab, far_side)
        assert await tab.evaluate(REMOTE_ADDRESSES) == ["::1"]
