"""Calls without a browser: the offer for the SIP side, its answer, and what a partner may offer."""

import pytest
from tests.support.descriptions import LOCAL, formats, phone

from media_relay.core.description.codecs import Direction
from media_relay.core.description.headless import HeadlessOffers
from media_relay.core.description.sdp import parse
from media_relay.core.plan import Address
from shared.errors import RemoteError


@pytest.fixture
def call() -> HeadlessOffers:
    made = HeadlessOffers()
    made.offer(LOCAL)
    return made


def test_the_sip_side_is_offered_all_audio_that_is_passed_through() -> None:
    offer = parse(HeadlessOffers().offer(LOCAL))
    codecs = ["0 PCMU/8000", "8 PCMA/8000", "111 opus/48000/2", "9 G722/8000", "101 telephone-event/8000"]
    assert formats(offer) == [("audio", 30000, "sendrecv", codecs)]
    assert offer.media[0].protocol == "RTP/AVP"


def test_its_answer_says_how_it_is_spoken_to(call: HeadlessOffers) -> None:
    outcome = call.answer(
        phone("audio 4000 RTP/AVP 98 8 96|rtpmap:98 opus/48000/2|rtpmap:96 telephone-event/8000"), False
    )
    assert (outcome.sdp, outcome.is_held) == ("", False)
    assert outcome.plan
    assert outcome.plan.remote_ice is None
    (audio,) = outcome.plan.streams
    assert (audio.sip_rtp, audio.encoding, audio.clock_rate) == (Address("192.0.2.20", 4000), "opus", 48000)
    assert (audio.media_to_sip, audio.to_sip, audio.browser_events) == (98, {111: 98, 8: 8}, {101: 8000})
    assert audio.to_browser == {111: 111, 98: 111, 8: 8, 101: 101, 96: 101}
    assert audio.events_to_sip == (96, 8000)


def test_a_provisional_answer_may_be_followed_by_another(call: HeadlessOffers) -> None:
    call.answer(phone("audio 4000 RTP/AVP 0"), provisional=True)
    outcome = call.answer(phone("audio 4002 RTP/AVP 8", host="192.0.2.21"), provisional=False)
    assert outcome.plan
    assert outcome.plan.streams[0].media_to_sip == 8
    assert [codec.rpartition(" ")[2] for codec in formats(parse(call.later.offer(Direction.SENDRECV).sdp))[0][3]] == [
        "PCMA/8000"
    ]


@pytest.mark.parametrize(
    "answer", ["audio 0 RTP/AVP 0", "audio 4000 RTP/AVP 18", "video 4000 RTP/AVP 96|rtpmap:96 VP8/90000"]
)
def test_an_answer_without_a_codec_of_ours_is_refused(call: HeadlessOffers, answer: str) -> None:
    with pytest.raises(RemoteError, match="488"):
        call.answer(phone(answer), provisional=False)


def test_an_answer_with_more_media_than_was_offered_is_refused(call: HeadlessOffers) -> None:
    with pytest.raises(RemoteError, match="488"):
        call.answer(phone("audio 4000 RTP/AVP 0", "audio 4002 RTP/AVP 0"), provisional=False)


def test_a_partner_may_offer_what_the_far_side_sends_alone(call: HeadlessOffers) -> None:
    call.answer(phone("audio 4000 RTP/AVP 8 0"), provisional=False)
    offer = HeadlessOffers(call.for_partner).offer(LOCAL)
    assert formats(parse(offer))[0][3] == ["8 PCMA/8000", "101 telephone-event/8000"]


def test_while_it_is_held_the_sip_side_still_takes_what_we_play(call: HeadlessOffers) -> None:
    call.answer(phone("audio 4000 RTP/AVP 0"), provisional=False)
    call.later.offer(Direction.SENDONLY)
    held = call.later.answer(phone("audio 4000 RTP/AVP 0|recvonly"))
    assert held.plan
    assert (held.plan.streams[0].media_to_sip, held.plan.streams[0].browser_sends) == (0, False)
    call.later.offer(Direction.SENDONLY)
    both = call.later.answer(phone("audio 4000 RTP/AVP 0|inactive"))
    assert both.plan
    assert (both.plan.streams[0].media_to_sip, both.plan.streams[0].encoding) == (None, "pcmu")
