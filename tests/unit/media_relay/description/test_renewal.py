"""A browser described anew: what it is offered, and what it must answer so that the call goes on."""

from dataclasses import replace

import pytest
from tests.support.descriptions import LOCAL, formats, line, phone, sdp

from media_relay.core.description.browser_offers import BrowserOffers
from media_relay.core.description.codecs import Direction
from media_relay.core.description.later_offers import LaterOffers
from media_relay.core.description.sdp import Media, SessionDescription, parse
from media_relay.core.description.sip_offers import SipOffers
from media_relay.core.description.webrtc import BrowserTransport, read_description
from media_relay.core.plan import Address, IceCredentials, SessionPlan
from shared.errors import RemoteError

PHONE = phone("audio 4000 RTP/AVP 0 126|rtpmap:126 telephone-event/8000")
NEXT = BrowserTransport(IceCredentials("nextufrag", "next-password-of-22-chars"), "CD:EF", (Address("192.0.2.1", 1),))


def answered_by(call: BrowserOffers, answer: str = PHONE) -> tuple[LaterOffers, SessionPlan]:
    call.offer(LOCAL)
    plan = call.answer(answer, provisional=False).plan
    assert plan is not None
    return call.later, plan


def call_of_the_browser() -> tuple[LaterOffers, SessionPlan]:
    return answered_by(BrowserOffers(sdp("chromium_audio_video_offer")))


def answer_to(offer: str) -> str:
    """Return what a browser says to it: the same codecs, itself in place of us."""
    media = []
    for offered in parse(offer).media:
        kept = [one for one in offered.attributes if one.name in ("mid", "rtpmap", "fmtp", "rtcp-mux")]
        mine = line(
            "ice-ufrag:anew|ice-pwd:the-password-of-its-own|fingerprint:sha-256 11:22|setup:active|sendrecv",
            *offered.formats,
            kind=offered.kind,
            protocol=offered.protocol,
        )
        media.append(replace(mine, attributes=(*kept, *mine.attributes)))
    return str(replace(parse(offer), media=tuple(media)))


def without(answer: str, kind: str) -> str:
    """Return it with such m-lines rejected."""
    described = parse(answer)
    media = tuple(replace(one, port=0) if one.kind == kind else one for one in described.media)
    return str(replace(described, media=media))


def test_the_offer_has_what_was_settled_under_the_same_numbers_and_a_transport_of_its_own() -> None:
    later, _ = call_of_the_browser()
    offer = parse(later.renew(NEXT, "17"))
    assert formats(offer) == [("audio", 1, "sendrecv", ["0 PCMU/8000", "126 telephone-event/8000"])]
    assert offer.media[0].value("ice-ufrag") == "nextufrag"
    assert offer.media[0].value("setup") == "actpass"


def test_its_answer_changes_who_the_browser_is_and_nothing_else() -> None:
    later, plan = call_of_the_browser()
    outcome = later.renewed(answer_to(later.renew(NEXT, "17")), plan.streams)
    assert outcome.sdp == ""
    assert outcome.plan is not None
    assert outcome.plan.remote_ice == IceCredentials("anew", "the-password-of-its-own")
    assert outcome.plan.fingerprints == (("sha-256", "11:22"),)
    assert outcome.plan.streams == plan.streams


def test_what_the_sip_side_offers_later_is_for_the_browser_that_has_come() -> None:
    later, plan = call_of_the_browser()
    later.renewed(answer_to(later.renew(NEXT, "17")), plan.streams)
    reoffered = later.reoffer(PHONE).plan
    assert reoffered is not None and reoffered.remote_ice == IceCredentials("anew", "the-password-of-its-own")


def test_the_last_answer_of_the_sip_side_once_more_does_not_bring_the_old_browser_back() -> None:
    call = BrowserOffers(sdp("chromium_audio_video_offer"))
    later, plan = answered_by(call)
    later.renewed(answer_to(later.renew(NEXT, "17")), plan.streams)
    again = call.answer(PHONE, provisional=False).plan
    assert again is not None and again.remote_ice == IceCredentials("anew", "the-password-of-its-own")


def test_nor_does_the_answer_of_the_browser_once_more_where_the_sip_side_has_called() -> None:
    call = SipOffers(PHONE)
    first = answer_to(call.offer(replace(LOCAL, ports=LOCAL.ports[:1])))
    plan = call.answer(first, provisional=False).plan
    assert plan is not None
    later = call.later
    again = answer_to(later.renew(NEXT, "17")).replace("a=ice-ufrag:anew", "a=ice-ufrag:later")
    later.renewed(again, plan.streams)
    repeated = call.answer(first, provisional=False).plan
    assert repeated is not None and repeated.remote_ice == IceCredentials("later", "the-password-of-its-own")
    assert repeated.streams == plan.streams


def video_call() -> tuple[LaterOffers, SessionPlan]:
    answer = phone("audio 4000 RTP/AVP 0", "video 4002 RTP/AVP 96|rtpmap:96 VP8/90000|sendonly")
    return answered_by(BrowserOffers(sdp("chromium_audio_video_offer")), answer)


def test_a_picture_that_went_one_way_is_offered_that_way() -> None:
    later, _ = video_call()
    assert [offered[2] for offered in formats(parse(later.renew(NEXT, "17")))] == ["sendrecv", "sendonly"]


def test_a_browser_without_a_camera_any_more_goes_on_by_voice() -> None:
    later, plan = video_call()
    answer = without(answer_to(later.renew(NEXT, "17")), "video")
    assert later.renewed(answer, plan.streams).plan is not None


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_a_browser_that_leaves_out_the_voice_is_refused_and_may_try_again(kind: str) -> None:
    later, plan = video_call()
    offer = later.renew(NEXT, "17")
    bad = without(answer_to(offer), "audio") if kind == "video" else answer_to(offer).replace("m=audio", "m=text")
    with pytest.raises(RemoteError, match="488 Not Acceptable Here"):
        later.renewed(bad, plan.streams)
    assert later.is_renewing
    later.renewed(answer_to(offer), plan.streams)
    assert not later.is_renewing


def test_other_payload_types_than_before_are_refused() -> None:
    later, plan = call_of_the_browser()
    answer = answer_to(later.renew(NEXT, "17")).replace(" 126\r\n", " 126 8\r\n")
    with pytest.raises(RemoteError, match="488 The Answer Has Other Payload Types"):
        later.renewed(answer, plan.streams)


def test_an_answer_with_fewer_m_lines_is_refused() -> None:
    later, plan = video_call()
    described: SessionDescription = parse(answer_to(later.renew(NEXT, "17")))
    first: tuple[Media, ...] = described.media[:1]
    with pytest.raises(RemoteError, match="488 The Answer Has Not The Media"):
        later.renewed(str(replace(described, media=first)), plan.streams)


def test_a_video_line_that_was_rejected_is_not_offered_again() -> None:
    later, _ = answered_by(BrowserOffers(sdp("chromium_audio_video_offer")), PHONE)
    described = read_description(parse(later.renew(NEXT, "17")))
    assert [stream and stream.kind for stream in described.streams] == ["audio"]
    assert described.streams[0] is not None and described.streams[0].direction is Direction.SENDRECV
