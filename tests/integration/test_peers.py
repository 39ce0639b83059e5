"""The peers of the tests, without a line of ours between them: a failure here is the harness's, not Cordboard's."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from tests.support.baresip import baresip
from tests.support.browser.chromium import chromium
from tests.support.browser.firefox import firefox
from tests.support.browser.tab import Browser, wait_for_tone
from tests.support.kamailio import kamailio

pytestmark = pytest.mark.peers


@pytest.mark.parametrize("media", [True, False], ids=["rtpengine", "signalling only"])
async def test_two_phones_hear_each_other_through_kamailio(media: bool) -> None:
    async with (
        kamailio(media=media) as server,
        baresip("alice", server.users["alice"], server.domain, server.port, frequency=440) as alice,
        baresip("bob", server.users["bob"], server.domain, server.port, frequency=620) as bob,
    ):
        await alice.dial(f"sip:bob@{server.domain}")
        await bob.wait_for("CALL_INCOMING")
        await alice.wait_for("CALL_RINGING")
        await bob.accept()
        await asyncio.gather(alice.wait_for("CALL_ESTABLISHED"), bob.wait_for("CALL_ESTABLISHED"))
        heard = await asyncio.gather(alice.wait_for_tone(620), bob.wait_for_tone(440))
        await bob.hang_up()
        await alice.wait_for("CALL_CLOSED")
        assert [round(tone.frequency) for tone in heard] == [620, 440]
        if server.rtpengine:
            packets = await server.rtpengine.packets_relayed()
            assert len(packets) == 2 and min(packets) > 5


async def test_kamailio_refuses_a_wrong_password_and_an_unknown_callee() -> None:
    async with kamailio(media=False) as server:
        async with baresip("alice", "wrong", server.domain, server.port, register=False) as stranger:
            await stranger.dial(f"sip:bob@{server.domain}")
            assert "407" in (await stranger.wait_for("CALL_CLOSED"))["param"]
        async with baresip("alice", server.users["alice"], server.domain, server.port) as alice:
            await alice.dial(f"sip:nobody@{server.domain}")
            assert "404" in (await alice.wait_for("CALL_CLOSED"))["param"]


PAIR = """
async (frequency) => {
  const [here, there] = [new RTCPeerConnection(), new RTCPeerConnection()];
  here.onicecandidate = ({candidate}) => there.addIceCandidate(candidate);
  there.onicecandidate = ({candidate}) => here.addIceCandidate(candidate);
  const microphone = harness.microphone(frequency);
  here.addTrack(microphone.getAudioTracks()[0], microphone);
  await here.setLocalDescription();
  await there.setRemoteDescription(here.localDescription);
  await there.setLocalDescription();
  await here.setRemoteDescription(there.localDescription);
}
"""


@pytest.mark.parametrize("browser", [chromium, firefox])
async def test_a_browser_hears_the_exact_pitch_of_an_oscillator_over_webrtc(
    browser: Callable[[], AbstractAsyncContextManager[Browser]], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>pair</title>")
    async with browser() as started:
        tab = await started.tab()
        await tab.goto(page.as_uri())
        await tab.evaluate(PAIR, 523.25)
        tone = await wait_for_tone(tab, 523.25)
        assert tone.frequency == pytest.approx(523.25, abs=1)
        assert tone.snr_db >= 30
        await tab.close()
