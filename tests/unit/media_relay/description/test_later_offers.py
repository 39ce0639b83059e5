"""Later offers with the SIP side: hold, another far side, and what the m-lines, numbers and codecs are then."""

from collections.abc import Sequence

import pytest
from tests.support.descriptions import LOCAL, formats, phone, sdp

from media_relay.core.description.browser_offers import BrowserOffers
from media_relay.core.description.codecs import Codec, Direction
from media_relay.core.description.later_offers import LaterOffers
from media_relay.core.description.negotiation import Issuer, Leg, Numbered
from media_relay.core.description.rtp_avp import SipLine, print_line
from media_relay.core.description.sdp import Attribute, parse
from media_relay.core.description.sip_offers import SipOffers
from media_relay.core.description.webrtc import read_description
from media_relay.core.plan import Address, SessionPlan, StreamPlan
from shared.errors import RemoteError

PCMU, PCMA = Codec(0, "PCMU", 8000), Codec(8, "PCMA", 8000)
OPUS, EVENTS = Codec(111, "opus", 48000, 2), Codec(126, "telephone-event", 8000)
VP8 = Codec(96, "VP8", 90000)
AUDIO_PORTS, VIDEO_PORTS = LOCAL.ports
PHONE = "audio 4000 RTP/AVP 0 126|rtpmap:126 telephone-event/8000"
PHONE_VIDEO = "video 4002 RTP/AVP 96|rtpmap:96 VP8/90000"


def leg(*codecs: Codec, line: int = 0, direction: Direction = Direction.SENDRECV) -> Leg:
    """Return a leg whose browser sends under the codec's number and gets one higher."""
    kind = "video" if VP8 in codecs else "audio"
    return Leg(
        kind=kind,
        line=line,
        codecs=tuple(Numbered(codec, codec.payload_type, codec.payload_type) for codec in codecs),
        direction=direction,
        ports=VIDEO_PORTS if kind == "video" else AUDIO_PORTS,
        sip_numbers=tuple(codec.payload_type for codec in codecs),
    )


def later(*legs: Leg, held: bool = False) -> LaterOffers:
    lines = sorted(legs, key=lambda leg: leg.line)
    media = [print_line(SipLine(leg.kind, (PCMU,), Direction.SENDRECV, leg.ports)) for leg in lines]
    browser = read_description(parse(sdp("chromium_audio_video_offer")))
    return LaterOffers("192.0.2.1", Issuer("4711", "192.0.2.1"), browser, legs, media, held)


def call() -> LaterOffers:
    return later(leg(PCMU, PCMA, EVENTS), leg(VP8, line=1))


def flows(plan: SessionPlan | None) -> list[tuple[bool, bool]]:
    """Return (browser sends, SIP side sends) of each stream."""
    assert plan
    return [(stream.browser_sends, stream.sip_sends) for stream in plan.streams]


def directions(text: str) -> list[str]:
    return [direction for _, _, direction, _ in formats(parse(text))]


def versions(texts: Sequence[str]) -> list[str]:
    return [parse(text).origin.session_version for text in texts]


@pytest.mark.parametrize(
    ("direction", "answer", "audio"),
    [
        ("sendonly", "recvonly", (False, False)),
        ("inactive", "inactive", (False, False)),
        ("recvonly", "sendonly", (False, True)),
        ("sendrecv", "sendrecv", (True, True)),
        ("sendrecv", "recvonly", (True, False)),
    ],
)
def test_an_offer_says_its_direction_and_its_answer_makes_it_so(
    direction: str, answer: str, audio: tuple[bool, bool]
) -> None:
    talks = call()
    offered = talks.offer(Direction[direction.upper()])
    assert offered.plan is None
    assert directions(offered.sdp) == [direction, direction]
    taken = talks.answer(phone(f"{PHONE}|{answer}", f"{PHONE_VIDEO}|{answer}"))
    assert taken.sdp == ""
    assert flows(taken.plan) == [audio, audio]


def test_the_version_goes_up_only_if_the_offer_differs_from_what_was_last_said() -> None:
    talks = call()
    texts = [talks.offer(Direction.SENDONLY).sdp, talks.offer(Direction.SENDONLY).sdp]
    texts += [talks.reoffer(phone(PHONE, PHONE_VIDEO)).sdp, talks.offer(Direction.SENDRECV).sdp]
    assert versions(texts) == ["1", "1", "2", "2"]


def test_an_offer_has_the_codec_that_the_browser_sends_and_events() -> None:
    assert formats(parse(call().offer(Direction.SENDRECV).sdp)) == [
        ("audio", 30000, "sendrecv", ["0 PCMU/8000", "126 telephone-event/8000"]),
        ("video", 30002, "sendrecv", ["96 VP8/90000"]),
    ]


def test_an_answer_of_another_far_side_moves_the_streams_there() -> None:
    talks = call()
    talks.offer(Direction.SENDRECV)
    plan = talks.answer(
        phone("audio 7000 RTP/AVP 0 101|rtpmap:101 telephone-event/8000", PHONE_VIDEO, host="192.0.2.77")
    ).plan
    assert plan
    audio, video = plan.streams
    assert (audio.sip_rtp, audio.sip_rtcp) == (Address("192.0.2.77", 7000), Address("192.0.2.77", 7001))
    assert (audio.to_sip, audio.events_to_sip) == ({0: 0}, (101, 8000))
    assert {0: 0, 126: 126}.items() <= audio.to_browser.items()
    assert video.to_sip == {96: 96}


def test_a_new_far_side_answers_its_offer_whatever_the_old_one_has_changed_since() -> None:
    talks = later(leg(PCMU, EVENTS), leg(VP8, line=1))
    talks.offer(Direction.SENDRECV)
    talks.reoffer(phone(PHONE_VIDEO, f"{PHONE}|sendonly"))
    plan = talks.answer(phone("audio 7000 RTP/AVP 0", "video 0 RTP/AVP 96", host="192.0.2.77")).plan
    assert plan and plan.streams[0].sip_rtp == Address("192.0.2.77", 7000)
    assert flows(plan) == [(True, True), (False, False)]
    again = parse(talks.offer(Direction.SENDRECV).sdp).media
    assert [(media.kind, media.port) for media in again] == [("audio", 30000), ("video", 30002)]


def test_an_answer_without_the_codec_that_the_browser_sends_is_not_acceptable_and_changes_nothing() -> None:
    talks = call()
    talks.reoffer(phone(f"{PHONE}|sendonly", "video 0 RTP/AVP 96"))
    talks.offer(Direction.SENDRECV)
    with pytest.raises(RemoteError, match="488"):
        talks.answer(phone("audio 4000 RTP/AVP 8", "video 0 RTP/AVP 96"))
    with pytest.raises(RemoteError, match="488"):
        talks.answer(phone(PHONE, PHONE_VIDEO, "audio 4004 RTP/AVP 0"))
    assert talks.offer(Direction.SENDRECV).is_held


def test_video_that_the_far_side_does_not_take_is_stopped_and_offered_again_later() -> None:
    talks = call()
    talks.offer(Direction.SENDRECV)
    plan = talks.answer(phone(PHONE, "video 0 RTP/AVP 96")).plan
    assert plan
    assert plan.streams[1] == StreamPlan("video", browser_sends=False, sip_sends=False)
    assert [media.port for media in parse(talks.offer(Direction.SENDRECV).sdp).media] == [30000, 30002]


@pytest.mark.parametrize(
    ("hold", "theirs", "answered"),
    [("SENDONLY", "sendrecv", "sendonly"), ("SENDONLY", "sendonly", "inactive"), ("INACTIVE", "sendrecv", "inactive")],
)
def test_who_is_held_stays_so_whatever_it_offers(hold: str, theirs: str, answered: str) -> None:
    talks = later(leg(PCMU))
    talks.offer(Direction[hold])
    talks.answer(phone("audio 4000 RTP/AVP 0|recvonly"))
    outcome = talks.reoffer(phone(f"audio 4000 RTP/AVP 0|{theirs}"))
    assert directions(outcome.sdp) == [answered]
    assert flows(outcome.plan) == [(False, False)]
    talks.offer(Direction.SENDRECV)
    assert flows(talks.answer(phone("audio 4000 RTP/AVP 0")).plan) == [(True, True)]


def test_an_offer_of_ours_without_an_answer_leaves_no_trace() -> None:
    talks = later(leg(PCMU))
    talks.offer(Direction.INACTIVE)
    outcome = talks.reoffer(phone("audio 4000 RTP/AVP 0"))
    assert directions(outcome.sdp) == ["sendrecv"]
    assert flows(outcome.plan) == [(True, True)]


def test_the_answer_to_our_hold_says_nothing_of_theirs() -> None:
    talks = later(leg(PCMU))
    assert talks.reoffer(phone("audio 4000 RTP/AVP 0|sendonly")).is_held
    assert talks.offer(Direction.INACTIVE).is_held
    assert talks.answer(phone("audio 4000 RTP/AVP 0|inactive")).is_held
    talks.offer(Direction.SENDONLY)
    assert not talks.answer(phone("audio 4000 RTP/AVP 0|recvonly")).is_held


def test_hold_of_old_names_no_address_and_takes_one_again() -> None:
    talks = later(leg(PCMU))
    outcome = talks.reoffer(phone("audio 4000 RTP/AVP 0", host="0.0.0.0"))
    assert outcome.is_held
    assert directions(outcome.sdp) == ["recvonly"]
    assert outcome.plan
    assert (outcome.plan.streams[0].sip_rtp, outcome.plan.streams[0].sip_rtcp) == (None, None)
    assert not outcome.plan.streams[0].browser_sends
    outcome = talks.reoffer(phone("audio 4000 RTP/AVP 0"))
    assert not outcome.is_held
    assert outcome.plan
    assert outcome.plan.streams[0].sip_rtp == Address("192.0.2.20", 4000)


def test_a_new_order_of_codecs_is_answered_with_the_one_that_the_browser_sends_first() -> None:
    talks = later(leg(OPUS, PCMU, PCMA))
    answer = talks.reoffer(phone("audio 4000 RTP/AVP 8 0 98|rtpmap:98 opus/48000/2")).sdp
    assert parse(answer).media[0].formats == ("98", "8", "0")
    with pytest.raises(RemoteError, match="488"):
        talks.reoffer(phone("audio 4000 RTP/AVP 8 0"))


def test_a_number_that_the_far_side_gave_is_kept_and_none_gets_two_meanings() -> None:
    talks = later(leg(OPUS, EVENTS))
    talks.reoffer(phone("audio 4000 RTP/AVP 126|rtpmap:126 opus/48000/2"))
    text = talks.offer(Direction.SENDRECV).sdp
    assert formats(parse(text))[0][3] == ["126 opus/48000/2", "96 telephone-event/8000"]
    plan = talks.answer(phone("audio 4000 RTP/AVP 126 96|rtpmap:126 opus/48000/2|rtpmap:96 telephone-event/8000")).plan
    assert plan
    assert (plan.streams[0].to_sip, plan.streams[0].events_to_sip) == ({111: 126}, (96, 8000))
    assert plan.streams[0].to_browser == {126: 111, 96: 126}
    assert talks.offer(Direction.SENDRECV).sdp == text


def test_streams_that_the_far_side_adds_are_rejected_and_keep_their_places_in_our_offers() -> None:
    talks = later(leg(PCMU))
    answer = talks.reoffer(phone(PHONE, PHONE_VIDEO, "text 4004 RTP/AVP 98")).sdp
    assert [media.port for media in parse(answer).media] == [30000, 0, 0]
    offer = parse(talks.offer(Direction.SENDRECV).sdp)
    assert [(media.kind, media.port) for media in offer.media] == [("audio", 30000), ("video", 0), ("text", 0)]


def test_an_offer_of_another_far_side_may_have_its_lines_in_another_order_or_fewer() -> None:
    talks = call()
    outcome = talks.reoffer(phone(PHONE_VIDEO, PHONE))
    assert [(media.kind, media.port) for media in parse(outcome.sdp).media] == [("video", 30002), ("audio", 30000)]
    assert outcome.plan
    assert [stream.kind for stream in outcome.plan.streams] == ["audio", "video"]
    assert outcome.plan.streams[0].sip_rtp == Address("192.0.2.20", 4000)
    offer = talks.offer(Direction.SENDRECV).sdp
    assert [media.kind for media in parse(offer).media] == ["video", "audio"]
    assert flows(talks.answer(phone(PHONE_VIDEO, PHONE)).plan) == [(True, True), (True, True)]
    talks.reoffer(phone(PHONE))
    assert [media.kind for media in parse(talks.offer(Direction.SENDRECV).sdp).media] == ["audio"]


def test_an_offer_of_nothing_that_the_browser_has_is_not_acceptable_and_changes_nothing() -> None:
    talks = call()
    for text in (phone("audio 0 RTP/AVP 0", "video 0 RTP/AVP 96"), phone("audio 4000 RTP/AVP 18"), phone()):
        with pytest.raises(RemoteError, match="488"):
            talks.reoffer(text)
    assert [media.port for media in parse(talks.offer(Direction.SENDRECV).sdp).media] == [30000, 30002]


def test_a_browser_that_only_listens_still_does() -> None:
    talks = later(leg(PCMU, direction=Direction.RECVONLY))
    outcome = talks.reoffer(phone("audio 4002 RTP/AVP 0"))
    assert Attribute("recvonly") in parse(outcome.sdp).media[0].attributes
    assert flows(outcome.plan) == [(False, True)]
    assert directions(talks.offer(Direction.SENDRECV).sdp) == ["recvonly"]


def test_hold_of_a_call_that_the_browser_made_keeps_ports_numbers_and_lines_of_its_first_offer() -> None:
    negotiation = BrowserOffers(sdp("chromium_audio_video_offer"))
    first = parse(negotiation.offer(LOCAL))
    negotiation.answer(sdp("kamailio_opus_answer"), provisional=False)
    hold = parse(negotiation.later.offer(Direction.SENDONLY).sdp)
    assert [(media.kind, media.port) for media in hold.media] == [(media.kind, media.port) for media in first.media]
    for before, now in zip(first.media, hold.media, strict=True):
        assert set(now.values("rtpmap")) <= set(before.values("rtpmap"))
        assert set(now.values("fmtp")) <= set(before.values("fmtp"))
    assert hold.media[0].formats == ("111", "126")
    assert (hold.origin.session_id, hold.origin.session_version) == (first.origin.session_id, "2")
    plan = negotiation.later.answer(sdp("kamailio_opus_answer").replace("sendrecv", "recvonly")).plan
    assert plan
    assert (plan.streams[0].to_sip, plan.streams[0].events_to_sip) == ({111: 107}, (101, 8000))


def test_hold_of_a_call_that_the_phone_made_has_the_phones_numbers() -> None:
    negotiation = SipOffers(sdp("linphone_audio_video_offer"))
    negotiation.offer(LOCAL)
    first = parse(negotiation.answer(sdp("chromium_audio_video_answer"), provisional=False).sdp)
    hold = parse(negotiation.later.offer(Direction.SENDONLY).sdp)
    assert [(media.kind, media.port) for media in hold.media] == [(media.kind, media.port) for media in first.media]
    for before, now in zip(first.media, hold.media, strict=True):
        assert set(now.values("rtpmap")) <= set(before.values("rtpmap"))
