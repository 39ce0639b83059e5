"""A session of another relay made anew: what the browser is offered, and what the SIP side hears."""

from dataclasses import replace

import pytest
from tests.support.descriptions import LOCAL, formats, phone, sdp
from tests.unit.media_relay.description.test_renewal import answer_to

from media_relay.core.description.browser_offers import BrowserOffers
from media_relay.core.description.codecs import Direction
from media_relay.core.description.later_offers import LaterOffers
from media_relay.core.description.rebuilt import Rebuilt
from media_relay.core.description.sdes import OwnSrtp
from media_relay.core.description.sdp import Media, SessionDescription, parse
from media_relay.core.plan import Address
from shared.errors import RemoteError

PHONE = phone("audio 4000 RTP/AVP 0 126|rtpmap:126 telephone-event/8000")
THERE = replace(LOCAL, session_id="77", sip_host="192.0.2.99", ports=((40000, 40001), (40002, 40003)))


def settled(answer: str = PHONE, hold: str = "") -> str:
    """Return how we described ourselves last, in a call of the browser's with picture."""
    call = BrowserOffers(sdp("chromium_audio_video_offer"))
    ours = call.offer(LOCAL)
    call.answer(answer, provisional=False)
    if not hold:
        return ours
    ours = call.later.offer(Direction[hold.upper()]).sdp
    call.later.answer(answer)
    return ours


def rebuilt(ours: str, theirs: str = PHONE, direction: Direction = Direction.SENDRECV) -> tuple[Rebuilt, str]:
    session = Rebuilt(ours, theirs, direction)
    return session, session.offer(THERE)


def audio(text: str) -> Media:
    return parse(text).media[0]


def reoffered(later: LaterOffers, direction: Direction = Direction.SENDRECV) -> SessionDescription:
    return parse(later.offer(direction).sdp)


def test_the_browser_is_offered_what_the_sip_side_has_agreed_to_and_nothing_else() -> None:
    _, offer = rebuilt(settled())
    assert formats(parse(offer)) == [("audio", 10000, "sendrecv", ["0 PCMU/8000", "126 telephone-event/8000"])]
    assert audio(offer).value("ice-ufrag") == THERE.transport.ice.ufrag


def test_the_sip_side_gets_the_next_version_of_the_same_session_at_another_address() -> None:
    ours = settled()
    session, _ = rebuilt(ours)
    offer = reoffered(session.later)
    before = parse(ours)
    assert offer.origin == replace(before.origin, session_version=str(int(before.origin.session_version) + 1))
    assert (offer.connection and offer.connection.address, offer.media[0].port) == ("192.0.2.99", 40000)
    assert [media.kind for media in offer.media] == [media.kind for media in before.media]
    assert offer.media[1].port == 0  # the picture that the phone did not take keeps its place (RFC 3264 §8)


def test_media_flows_once_both_have_answered_whoever_is_first() -> None:
    for browser_first in (True, False):
        session, offer = rebuilt(settled())
        reoffered(session.later)
        if browser_first:
            plan = session.later.renewed(answer_to(offer), session.streams).plan
            assert plan is not None and not plan.streams[0].browser_sends
            plan = session.later.answer(PHONE).plan
        else:
            plan = session.later.answer(PHONE).plan
            assert plan is not None and plan.remote_ice is None
            plan = session.later.renewed(answer_to(offer), plan.streams).plan
        assert plan is not None and plan.remote_ice is not None and plan.remote_ice.ufrag == "anew"
        (stream,) = plan.streams
        assert (stream.sip_rtp, stream.browser_sends, stream.sip_sends) == (Address("192.0.2.20", 4000), True, True)
        assert (stream.to_sip, stream.to_browser) == ({0: 0}, {0: 0, 126: 126})


def test_an_offer_of_the_far_side_is_answered_with_the_new_place_as_well() -> None:
    ours = settled()
    session, _ = rebuilt(ours)
    answer = session.later.reoffer(PHONE)
    told = parse(answer.sdp)
    assert told.media[0].port == 40000
    assert int(told.origin.session_version) == int(parse(ours).origin.session_version) + 1
    assert answer.plan is not None and answer.plan.streams[0].sip_sends


def test_a_held_call_stays_held() -> None:
    ours = settled(hold="sendonly")
    session, _ = rebuilt(ours, direction=Direction.SENDONLY)
    assert audio(session.later.reoffer(PHONE).sdp).has("sendonly")
    assert reoffered(session.later, Direction.SENDONLY).media[0].has("sendonly")
    assert reoffered(session.later).media[0].has("sendrecv")


def test_numbers_of_the_sip_side_go_on() -> None:
    theirs = phone("audio 4000 RTP/AVP 8 97|rtpmap:97 telephone-event/8000")
    ours = phone("audio 30000 RTP/AVP 8 97|rtpmap:97 telephone-event/8000")
    session, offer = rebuilt(ours, theirs)
    assert formats(reoffered(session.later))[0][3] == ["8 PCMA/8000", "97 telephone-event/8000"]
    assert formats(parse(offer))[0][3] == ["8 PCMA/8000", "97 telephone-event/8000"]


def test_keys_are_new_where_there_were_some() -> None:
    key = "inline:" + "A" * 40
    line = f"audio 4000 RTP/AVP 0|crypto:1 AES_CM_128_HMAC_SHA1_80 {key}"
    own = OwnSrtp.generate("off", lambda count: b"\1" * count)
    session = Rebuilt(phone(line), phone(line), Direction.SENDRECV)
    session.offer(replace(THERE, sip_srtp=(own,)))
    offered = reoffered(session.later).media[0].values("crypto")
    assert offered and not any(key in value for value in offered)


def test_a_picture_goes_on_and_is_sent_only_by_who_sent_one() -> None:
    lines = ("audio 4000 RTP/AVP 0", "video 4002 RTP/AVP 96|rtpmap:96 VP8/90000|recvonly")
    ours, theirs = phone(*lines), phone(lines[0], lines[1].removesuffix("|recvonly"))
    session, offer = rebuilt(ours, theirs)
    assert session.stream_count == 2
    assert parse(offer).media[1].has("sendonly")
    assert reoffered(session.later).media[1].has("recvonly")


@pytest.mark.parametrize("ours", [phone("audio 0 RTP/AVP 0"), phone("audio 30000 RTP/AVP 8")])
def test_without_anything_that_both_had_there_is_nothing_to_go_on_with(ours: str) -> None:
    with pytest.raises(RemoteError) as refused:
        Rebuilt(ours, PHONE, Direction.SENDRECV)
    assert refused.value.status == 488


def test_there_is_no_first_answer() -> None:
    session, _ = rebuilt(settled())
    with pytest.raises(RemoteError) as refused:
        session.answer(PHONE, provisional=False)
    assert refused.value.status == 491
