"""Calls that a SIP peer starts: its offer, the browser's, the browser's answer, and the SIP one."""

from dataclasses import replace

import pytest
from aiortc.sdp import SessionDescription as Oracle
from tests.support.descriptions import LOCAL, all_names, formats, phone, sdp

from media_relay.core.description.browser_offers import BrowserOffers
from media_relay.core.description.negotiation import Outcome
from media_relay.core.description.sdp import parse
from media_relay.core.description.sip_offers import SipOffers
from media_relay.core.plan import Address, SessionPlan
from shared.errors import RemoteError

AUDIO_ANSWER = sdp("chromium_audio_video_answer").replace("m=video 9", "m=video 0").replace("BUNDLE 0 1", "BUNDLE 0")


class Call:
    """A negotiation that has made its offer."""

    def __init__(self, text: str) -> None:
        self.negotiation = SipOffers(text)
        self.offer = self.negotiation.offer(replace(LOCAL, ports=LOCAL.ports[: self.negotiation.stream_count]))

    def answer(self, text: str) -> tuple[str, SessionPlan]:
        return _both(self.negotiation.answer(text, provisional=False))

    def reoffer(self, text: str) -> tuple[str, SessionPlan]:
        return _both(self.negotiation.later.reoffer(text))


def _both(outcome: Outcome) -> tuple[str, SessionPlan]:
    assert outcome.plan
    return outcome.sdp, outcome.plan


def linphone() -> Call:
    return Call(sdp("linphone_audio_video_offer"))


def one_line(text: str) -> str:
    """Leave only the audio line of a browser's answer."""
    return text[: text.index("m=video")]


@pytest.mark.parametrize("name", [name for name in all_names() if name.split("_")[0] in ("baresip", "linphone", "wcs")])
def test_another_webrtc_stack_reads_the_browsers_offer(name: str) -> None:
    read = Oracle.parse(Call(sdp(name)).offer)
    (bundle,) = read.group
    assert bundle.items == [media.rtp.muxId for media in read.media]
    numbers = [codec.payloadType for media in read.media for codec in media.rtp.codecs]
    assert len(numbers) == len(set(numbers))
    for media in read.media:
        assert (media.port, media.dtls.role, media.rtcp_mux) == (10000, "auto", True)
        assert media.ice.iceLite and media.ice_candidates_complete


def test_the_browser_is_offered_what_the_phone_offered_and_we_pass() -> None:
    offer = parse(linphone().offer)
    assert formats(offer) == [
        (
            "audio",
            10000,
            "sendrecv",
            ["96 opus/48000/2", "0 PCMU/8000", "8 PCMA/8000", "101 telephone-event/48000", "100 telephone-event/8000"],
        ),
        ("video", 10000, "sendrecv", ["98 VP8/90000", "97 H264/90000"]),
    ]
    assert offer.media[0].values("fmtp") == ["96 useinbandfec=1"]
    assert offer.media[1].values("fmtp") == [
        "98 x-google-start-bitrate=1200",
        "97 profile-level-id=42801F;x-google-start-bitrate=1200",
    ]
    assert "98 goog-remb" in offer.media[1].values("rtcp-fb")


def test_numbers_that_a_bundle_cannot_have_are_given_anew() -> None:
    offer = parse(Call(phone("audio 4000 RTP/AVP 72 8 20|rtpmap:72 opus/48000/2|rtpmap:20 telephone-event/8000")).offer)
    assert offer.media[0].formats == ("96", "8", "97")


def test_two_full_lines_still_get_a_number_each() -> None:
    def full(kind: str, rtpmap: str) -> str:
        numbers = range(96, 120)
        maps = "|".join(f"rtpmap:{number} {rtpmap}" for number in numbers)
        return f"{kind} 4000 RTP/AVP {' '.join(map(str, numbers))}|{maps}"

    offer = parse(Call(phone(full("audio", "opus/48000/2"), full("video", "VP8/90000"))).offer)
    numbers = [number for media in offer.media for number in media.formats]
    assert len(numbers) == len(set(numbers)) == 48
    assert all(96 <= int(number) <= 127 or 35 <= int(number) <= 63 for number in numbers)


def test_only_the_first_line_of_a_kind_that_can_be_forwarded_is_offered() -> None:
    call = Call(
        phone(
            "audio 4000 RTP/SAVP 0",
            "audio 4002 RTP/AVP 8",
            "audio 4004 RTP/AVP 0",
            "image 4006 udptl t38",
        )
    )
    assert call.negotiation.stream_count == 1
    assert [media.formats for media in parse(call.offer).media] == [("8",)]
    answer, plan = call.answer(one_line(AUDIO_ANSWER))
    assert [(media.kind, media.port) for media in parse(answer).media] == [
        ("audio", 0),
        ("audio", 30000),
        ("audio", 0),
        ("image", 0),
    ]
    assert plan.streams[0].sip_rtp == Address("192.0.2.20", 4002)


@pytest.mark.parametrize("line", ["audio 4000 RTP/SAVP 0", "audio 4000 RTP/AVP 18", "audio 0 RTP/AVP 0"])
def test_an_offer_of_nothing_that_can_be_forwarded_is_not_acceptable(line: str) -> None:
    with pytest.raises(RemoteError, match="488 Not Acceptable Here"):
        SipOffers(phone(line))


def test_the_phone_is_answered_under_its_own_numbers_with_what_the_browser_accepted() -> None:
    answer, plan = linphone().answer(sdp("chromium_audio_video_answer"))
    audio, video = parse(answer).media
    assert (audio.port, audio.protocol, audio.formats) == (30000, "RTP/AVP", ("96", "0", "8", "101", "100"))
    assert audio.values("fmtp") == ["96 minptime=10;useinbandfec=1"]
    assert (video.port, video.formats, video.value("rtcp")) == (30002, ("96",), "30003")
    assert video.values("rtcp-fb") == ["96 ccm fir", "96 nack pli"]
    assert not audio.has("candidate") and not audio.has("fingerprint")
    assert plan.streams[0].to_sip == {number: number for number in (96, 0, 8)}
    assert plan.streams[0].sip_events == plan.streams[0].browser_events == {101: 48000, 100: 8000}
    assert plan.streams[0].events_to_sip == (101, 48000)  # beside Opus
    assert (plan.streams[1].to_sip, plan.streams[1].to_browser) == ({98: 96}, {96: 98})
    assert plan.streams[0].sip_rtp == Address("192.0.2.30", 7078)
    assert plan.streams[0].sip_rtcp == Address("192.0.2.30", 7079)
    assert plan.remote_ice is not None
    assert (plan.remote_ice.ufrag, plan.dtls_role) == ("qW3r", "server")


def test_a_browser_that_wants_other_numbers_gets_them() -> None:
    renumbered = (
        sdp("chromium_audio_video_answer")
        .replace("SAVPF 96 0", "SAVPF 111 0")
        .replace("map:96 opus", "map:111 opus")
        .replace("fmtp:96", "fmtp:111")
    )
    _, plan = linphone().answer(renumbered)
    assert plan.streams[0].to_sip[96] == 96  # it sends under the number that we offered
    assert plan.streams[0].to_browser[96] == 111


def test_a_browser_may_answer_audio_alone() -> None:
    answer, plan = linphone().answer(AUDIO_ANSWER)
    assert [media.port for media in parse(answer).media] == [30000, 0]
    assert not plan.streams[1].to_sip


@pytest.mark.parametrize(
    "text",
    [
        one_line(sdp("chromium_audio_video_answer")),
        AUDIO_ANSWER.replace("m=audio 9", "m=audio 0"),
        sdp("chromium_audio_video_offer"),
    ],
)
def test_an_answer_that_fits_not_the_offer_is_not_acceptable(text: str) -> None:
    with pytest.raises(RemoteError, match="488"):
        linphone().answer(text)


def test_an_answer_with_a_codec_that_was_not_offered_is_not_acceptable() -> None:
    with pytest.raises(RemoteError, match="488"):
        Call(phone("audio 4000 RTP/AVP 9")).answer(one_line(AUDIO_ANSWER))


def test_a_repeated_answer_gets_the_same_and_another_one_is_refused() -> None:
    call = linphone()
    first = call.answer(AUDIO_ANSWER)
    assert _both(call.negotiation.answer(AUDIO_ANSWER, provisional=True)) == first
    with pytest.raises(RemoteError, match="409"):
        call.answer(sdp("chromium_audio_video_answer"))


def test_a_call_that_begins_on_hold_is_offered_both_ways_and_answered_one_way() -> None:
    call = Call(sdp("baresip_audio_offer").replace("a=sendrecv", "a=sendonly"))
    assert parse(call.offer).media[0].has("sendrecv")
    answer, plan = call.answer(one_line(AUDIO_ANSWER))
    assert parse(answer).media[0].has("recvonly")
    assert (plan.streams[0].browser_sends, plan.streams[0].sip_sends) == (False, True)
    answer, plan = call.reoffer(sdp("baresip_audio_offer"))
    assert parse(answer).media[0].has("sendrecv")
    assert plan.streams[0].browser_sends


@pytest.mark.parametrize(
    ("direction", "offered"), [("sendonly", "sendonly"), ("recvonly", "sendrecv"), ("inactive", "sendonly")]
)
def test_video_is_offered_the_way_that_the_phone_offers_it_or_wider(direction: str, offered: str) -> None:
    call = Call(sdp("linphone_audio_video_offer") + f"a={direction}\n")
    assert formats(parse(call.offer))[1][2] == offered
    video = call.answer(sdp("chromium_audio_video_answer"))[1].streams[1]
    assert (video.browser_sends, video.sip_sends) == (direction == "recvonly", direction == "sendonly")


def test_a_browser_that_only_listens_sends_nothing() -> None:
    answer, plan = linphone().answer(AUDIO_ANSWER.replace("a=sendrecv", "a=recvonly"))
    assert parse(answer).media[0].has("recvonly")
    assert not plan.streams[0].browser_sends


def test_a_re_invite_may_move_the_phone_and_renumber_its_codecs() -> None:
    call = linphone()
    call.answer(sdp("chromium_audio_video_answer"))
    answer, plan = call.reoffer(
        phone("audio 5000 RTP/AVP 102|rtpmap:102 opus/48000/2", "video 5002 RTP/AVP 103|rtpmap:103 VP8/90000")
    )
    assert [media.formats for media in parse(answer).media] == [("102",), ("103",)]
    assert [stream.to_sip for stream in plan.streams] == [{96: 102}, {98: 103}]
    assert [stream.to_browser for stream in plan.streams] == [{102: 96}, {103: 98}]
    assert parse(answer).origin.session_version == "2"


def test_avpf_is_answered_with_avpf() -> None:
    call = Call(sdp("baresip_audio_offer").replace("RTP/AVP ", "RTP/AVPF "))
    answer, _ = call.answer(one_line(AUDIO_ANSWER))
    assert parse(answer).media[0].protocol == "RTP/AVPF"


def test_two_relays_pass_everything_that_both_browsers_have() -> None:
    """A Chromium caller's SIP offer is the other relay's SIP offer for a browser, and back."""
    caller = BrowserOffers(sdp("chromium_audio_video_offer"))
    callee = Call(caller.offer(LOCAL))
    offered = parse(callee.offer)
    assert [len(media.formats) for media in offered.media] == [6, 6]
    answer, callee_plan = callee.answer(
        sdp("chromium_audio_video_answer")
        .replace("SAVPF 96 0 8 101 100", "SAVPF 111 0 8 110 126")
        .replace("map:96 opus", "map:111 opus")
        .replace("fmtp:96", "fmtp:111")
        .replace("map:101", "map:110")
        .replace("map:100", "map:126")
        .replace("98", "96")
    )
    browser_answer, caller_plan = _both(caller.answer(answer, provisional=False))
    assert [media.formats for media in parse(browser_answer).media[:2]] == [("111", "0", "8", "110", "126"), ("96",)]
    assert "96 nack" in parse(browser_answer).media[1].values("rtcp-fb")
    for plan in (caller_plan, callee_plan):
        assert plan.streams[0].to_sip[111] == 111
        assert plan.streams[1].to_browser[96] == 96


@pytest.mark.parametrize("text", ["", "v=0", "nonsense"])
def test_malformed_descriptions_are_bad_requests(text: str) -> None:
    for read in (SipOffers, linphone().answer):
        with pytest.raises(RemoteError, match="400 Bad Session Description"):
            read(text)
