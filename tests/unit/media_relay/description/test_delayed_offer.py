"""Calls without an offer: the browser's offer, its answer, our offer for the SIP side, and the SIP answer."""

import pytest
from aiortc.sdp import SessionDescription as Oracle
from tests.support.descriptions import LOCAL, formats, phone, sdp

from media_relay.core.description.codecs import Direction
from media_relay.core.description.delayed_offer import DelayedOffer
from media_relay.core.description.sdp import parse
from media_relay.core.plan import Address, StreamPlan
from shared.errors import RemoteError

AUDIO_ANSWER = sdp("chromium_audio_video_answer")
AUDIO_ANSWER = AUDIO_ANSWER[: AUDIO_ANSWER.index("m=video")]
AUDIO_ANSWER = AUDIO_ANSWER.replace("BUNDLE 0 1", "BUNDLE 0").replace("96", "111")


@pytest.fixture
def call() -> DelayedOffer:
    made = DelayedOffer()
    made.offer(LOCAL)
    return made


def test_the_browser_is_offered_all_audio_that_is_passed_through() -> None:
    text = DelayedOffer().offer(LOCAL)
    assert formats(parse(text)) == [
        (
            "audio",
            10000,
            "sendrecv",
            ["0 PCMU/8000", "8 PCMA/8000", "111 opus/48000/2", "9 G722/8000", "101 telephone-event/8000"],
        )
    ]
    (media,) = Oracle.parse(text).media
    assert (media.profile, media.rtcp_mux, media.dtls.role) == ("UDP/TLS/RTP/SAVPF", True, "auto")


def test_what_the_browser_sends_is_offered_to_the_sip_side_and_nothing_flows_yet(call: DelayedOffer) -> None:
    outcome = call.answer(AUDIO_ANSWER, provisional=False)
    offer = parse(outcome.sdp)
    assert formats(offer) == [("audio", 30000, "sendrecv", ["111 opus/48000/2", "101 telephone-event/8000"])]
    assert offer.media[0].protocol == "RTP/AVP"
    assert offer.origin.session_version == "1"
    assert outcome.plan
    assert outcome.plan.remote_ice is not None
    assert outcome.plan.streams == (StreamPlan("audio", browser_sends=False, sip_sends=False),)


def test_the_sip_answer_starts_the_media_and_says_nothing_new_to_the_browser(call: DelayedOffer) -> None:
    call.answer(AUDIO_ANSWER, provisional=False)
    outcome = call.later.answer(phone("audio 4000 RTP/AVP 98|rtpmap:98 opus/48000/2"))
    assert (outcome.sdp, outcome.is_held) == ("", False)
    assert outcome.plan
    (audio,) = outcome.plan.streams
    assert (audio.sip_rtp, audio.to_sip) == (Address("192.0.2.20", 4000), {111: 98})
    assert (audio.browser_sends, audio.sip_sends) == (True, True)


def test_then_the_call_is_like_any_other(call: DelayedOffer) -> None:
    call.answer(AUDIO_ANSWER, provisional=False)
    call.later.answer(phone("audio 4000 RTP/AVP 111|rtpmap:111 opus/48000/2"))
    hold = parse(call.later.offer(Direction.SENDONLY).sdp)
    assert (hold.media[0].has("sendonly"), hold.origin.session_version) == (True, "2")
    assert call.later.reoffer(phone("audio 4000 RTP/AVP 111|rtpmap:111 opus/48000/2|inactive")).is_held


@pytest.mark.parametrize("text", [AUDIO_ANSWER.replace("m=audio 9", "m=audio 0"), sdp("baresip_audio_offer")])
def test_an_answer_without_audio_for_a_browser_is_not_acceptable(call: DelayedOffer, text: str) -> None:
    with pytest.raises(RemoteError, match="488"):
        call.answer(text, provisional=False)
