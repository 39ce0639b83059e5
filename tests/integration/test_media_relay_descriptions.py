"""Real browsers take the descriptions that the relay makes for them, and the relay takes theirs. No media flows."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from tests.support.browser.chromium import chromium
from tests.support.browser.firefox import firefox
from tests.support.browser.tab import Tab
from tests.support.descriptions import LOCAL, phone, sdp

from media_relay.core.description.browser_offers import BrowserOffers
from media_relay.core.description.sdp import parse
from media_relay.core.description.sip_offers import SipOffers

pytestmark = [pytest.mark.peers, pytest.mark.timeout(150)]

OFFER = """async () => {
    window.pc = new RTCPeerConnection();
    pc.addTransceiver('audio');
    pc.addTransceiver('video');
    await pc.setLocalDescription();
    return pc.localDescription.sdp;
}"""
TAKE_ANSWER = """async (sdp) => {
    await pc.setRemoteDescription({type: 'answer', sdp});
    return pc.getTransceivers().map((t) => t.currentDirection);
}"""
ANSWER = """async (sdp) => {
    window.pc = new RTCPeerConnection();
    await pc.setRemoteDescription({type: 'offer', sdp});
    for (const transceiver of pc.getTransceivers()) transceiver.direction = 'sendrecv';
    await pc.setLocalDescription();
    return pc.localDescription.sdp;
}"""


@pytest.fixture(params=[chromium, firefox], ids=["chromium", "firefox"])
async def tab(request: pytest.FixtureRequest) -> AsyncIterator[Tab]:
    async with AsyncExitStack() as stack:
        browser: Any = await stack.enter_async_context(request.param())
        yield await browser.tab()


async def answered(tab: Tab, answer: str) -> list[str | None]:
    """Return the directions that a call has in the browser after a SIP answer."""
    negotiation = BrowserOffers(await tab.evaluate(OFFER))
    negotiation.offer(LOCAL)
    directions: list[str | None] = await tab.evaluate(TAKE_ANSWER, negotiation.answer(answer, provisional=False).sdp)
    return directions


async def offered(tab: Tab, offer: str) -> tuple[list[int], list[dict[int, int]]]:
    """Return the ports of the SIP answer to a SIP offer, and what is sent under which number; of events, made anew."""
    negotiation = SipOffers(offer)
    ports = LOCAL.ports[: negotiation.stream_count]
    browser_sdp = await tab.evaluate(ANSWER, negotiation.offer(replace(LOCAL, ports=ports)))
    outcome = negotiation.answer(browser_sdp, provisional=False)
    assert outcome.plan
    numbers = [dict(stream.to_sip) for stream in outcome.plan.streams]
    for stream, found in zip(outcome.plan.streams, numbers, strict=True):
        if stream.events_to_sip is not None:
            found |= dict.fromkeys(stream.browser_events, stream.events_to_sip.payload_type)
    return [media.port for media in parse(outcome.sdp).media], numbers


async def test_a_browser_takes_our_answers(tab: Tab) -> None:
    vp8 = "video 4002 RTP/AVP 99|rtpmap:99 VP8/90000"
    opus = "audio 4000 RTP/AVP 107|rtpmap:107 opus/48000/2"
    assert await answered(tab, phone(opus, vp8)) == ["sendrecv", "sendrecv"]
    assert await answered(tab, phone("audio 4000 RTP/AVP 8", vp8 + "|sendonly")) == ["sendrecv", "recvonly"]
    assert await answered(tab, phone("audio 4000 RTP/AVP 9|inactive", vp8)) == ["sendrecv", "sendrecv"]
    # A rejected m-line stops its transceiver; Firefox goes on to list it.
    assert (await answered(tab, sdp("rtpengine_audio_answer")))[:1] == ["sendrecv"]


async def test_a_browser_takes_an_answer_with_h264_where_it_offers_that(tab: Tab) -> None:
    has_h264 = "H264/90000" in await tab.evaluate(OFFER)  # Debian's Firefox has it only by a download
    directions = await answered(tab, sdp("kamailio_opus_answer"))
    assert (directions == ["sendrecv", "sendrecv"]) is has_h264
    assert directions[0] == "sendrecv"


async def test_a_browser_answers_our_offers_and_we_take_its_answer(tab: Tab) -> None:
    ports, numbers = await offered(tab, sdp("linphone_audio_video_offer"))
    assert ports == [30000, 30002]
    assert {96: 96, 0: 0, 8: 8}.items() <= numbers[0].items()
    assert numbers[0][100] in (100, 101)  # linphone takes events in either clock, and ours has that of the media
    assert numbers[1][98] == 96
    assert await offered(tab, sdp("wcs_audio_offer")) == ([30000], [{8: 8, 0: 0, 100: 100}])
    ports, numbers = await offered(tab, sdp("baresip_audio_offer"))
    assert numbers == [{96: 96, 9: 9, 0: 0, 8: 8, 101: 101}]


async def test_a_browsers_offer_reaches_another_browser_through_two_relays(tab: Tab) -> None:
    caller = BrowserOffers(await tab.evaluate(OFFER))
    sip_offer = caller.offer(LOCAL)
    ports, numbers = await offered(tab, sip_offer)
    assert ports == [30000, 30002]
    assert {codec.split(" ")[0] for codec in parse(sip_offer).media[0].values("rtpmap")} == {str(n) for n in numbers[0]}
