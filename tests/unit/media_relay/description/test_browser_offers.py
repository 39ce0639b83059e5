"""Calls that a browser starts: its offer, the SIP answers, its answer, and what the SIP side changes later."""

import re

import pytest
from aiortc import RTCSessionDescription
from aiortc.sdp import SessionDescription as Oracle
from tests.support.descriptions import FINGERPRINT, LOCAL, formats, phone, sdp

from media_relay.core.description.browser_offers import BrowserOffers
from media_relay.core.description.sdp import parse
from media_relay.core.plan import Address, SessionPlan, StreamPlan
from shared.errors import RemoteError

OPUS_ANSWER = phone("audio 4000 RTP/AVP 107 101|rtpmap:107 opus/48000/2|rtpmap:101 telephone-event/8000")
G711_ANSWER = phone("audio 4000 RTP/AVP 0", "video 0 RTP/AVP 96")
G711_AND_VP8_ANSWER = phone("audio 4000 RTP/AVP 0", "video 4002 RTP/AVP 96|rtpmap:96 VP8/90000")


class Call:
    """A negotiation that has made its offer."""

    def __init__(self, browser: str = "chromium_audio_video_offer", change: str = "", to: str = "") -> None:
        text = sdp(browser)
        assert change in text
        self.negotiation = BrowserOffers(text.replace(change, to) if change else text)
        self.offer = self.negotiation.offer(LOCAL)

    def early(self, text: str) -> str:
        return self.negotiation.answer(text, provisional=True).sdp

    def final(self, text: str) -> str:
        return self.negotiation.answer(text, provisional=False).sdp

    def plan(self, text: str) -> SessionPlan:
        plan = self.negotiation.answer(text, provisional=False).plan
        assert plan
        return plan

    def reoffer(self, text: str) -> tuple[str, SessionPlan]:
        outcome = self.negotiation.later.reoffer(text)
        assert outcome.plan
        return outcome.sdp, outcome.plan

    def audio(self, text: str) -> StreamPlan:
        return self.plan(text).streams[0]


def version(text: str) -> str:
    return parse(text).origin.session_version


def test_the_sip_offer_has_the_browsers_codecs_under_its_numbers_as_plain_rtp() -> None:
    offer = parse(Call().offer)
    audio, video = formats(offer)
    assert audio == (
        "audio",
        30000,
        "sendrecv",
        [
            "111 opus/48000/2",
            "9 G722/8000",
            "0 PCMU/8000",
            "8 PCMA/8000",
            "110 telephone-event/48000",
            "126 telephone-event/8000",
        ],
    )
    assert video[:3] == ("video", 30002, "sendrecv")
    assert {rtpmap.split(" ")[1] for rtpmap in video[3]} == {"VP8/90000", "H264/90000"}
    assert [media.protocol for media in offer.media] == ["RTP/AVP", "RTP/AVP"]
    assert [media.value("rtcp") for media in offer.media] == ["30001", "30003"]
    assert offer.connection and offer.connection.address == "192.0.2.1"
    assert offer.media[0].values("fmtp") == ["111 minptime=10;useinbandfec=1"]
    assert "96 nack pli" in offer.media[1].values("rtcp-fb")


@pytest.mark.parametrize("browser", ["chromium_audio_video_offer", "firefox_audio_video_offer"])
def test_nothing_of_the_browsers_transport_or_identity_gets_to_the_sip_side(browser: str) -> None:
    names = {attribute.name for media in parse(Call(browser).offer).media for attribute in media.attributes}
    assert names == {"rtcp", "rtpmap", "fmtp", "rtcp-fb", "sendrecv"}
    assert parse(Call(browser).offer).attributes == ()


def test_the_browsers_direction_and_packet_time_are_kept() -> None:
    call = Call("firefox_audio_video_offer", "a=mid:0\n", "a=mid:0\na=ptime:40\n")
    assert parse(call.offer).media[0].value("ptime") == "40"
    recvonly = BrowserOffers(sdp("chromium_audio_video_offer").replace("a=sendrecv", "a=recvonly"))
    assert [entry[2] for entry in formats(parse(recvonly.offer(LOCAL)))] == ["recvonly", "recvonly"]


def test_an_offer_of_data_alone_is_not_acceptable() -> None:
    text = sdp("chromium_audio_video_offer")
    only_data = text[: text.index("m=audio")] + text[text.index("m=application") :]
    with pytest.raises(RemoteError, match="488"):
        BrowserOffers(only_data)


@pytest.mark.parametrize("answer", ["rtpengine_audio_answer", "kamailio_opus_answer"])
@pytest.mark.parametrize("browser", ["chromium_audio_video_offer", "firefox_audio_video_offer"])
def test_another_webrtc_stack_reads_the_browsers_answer(browser: str, answer: str) -> None:
    call = Call(browser)
    text = call.final(sdp(answer))
    RTCSessionDescription(sdp=text, type="answer")
    read, offered = Oracle.parse(text), Oracle.parse(sdp(browser))
    assert [media.kind for media in read.media] == [media.kind for media in offered.media]
    assert [media.rtp.muxId for media in read.media] == [media.rtp.muxId for media in offered.media]
    taken = [media for media in read.media if media.port]
    assert [group.items for group in read.group if group.semantic == "BUNDLE"] == [[m.rtp.muxId for m in taken]]
    for media in taken:
        assert (media.host, media.port, media.profile) == ("192.0.2.1", 10000, "UDP/TLS/RTP/SAVPF")
        assert media.ice.usernameFragment == "relayufrag"
        assert media.ice.iceLite
        assert media.dtls.role == "server"
        assert media.dtls.fingerprints[0].value == FINGERPRINT
        assert [candidate.ip for candidate in media.ice_candidates] == ["192.0.2.1", "127.0.0.1"]
        assert media.ice_candidates_complete
        assert media.rtcp_mux
        by_number = {codec.payloadType: codec for m in offered.media for codec in m.rtp.codecs}
        for codec in media.rtp.codecs:
            mine = by_number[codec.payloadType]
            assert (codec.mimeType, codec.clockRate, codec.parameters) == (
                mine.mimeType,
                mine.clockRate,
                mine.parameters | ({"x-google-start-bitrate": "1200"} if media.kind == "video" else {}),
            )


def test_the_browser_gets_its_own_numbers_and_what_it_sends_is_renumbered() -> None:
    call = Call()
    answer = parse(call.final(sdp("kamailio_opus_answer")))
    assert [media.formats for media in answer.media[:2]] == [("111", "126"), ("109",)]
    audio, video = call.plan(sdp("kamailio_opus_answer")).streams
    assert audio.to_sip == {111: 107}
    assert (audio.clock_rate, audio.browser_events[126], audio.sip_events) == (48000, 8000, {126: 8000, 101: 8000})
    assert audio.events_to_sip == (101, 8000)
    assert {111: 111, 126: 126}.items() <= audio.to_browser.items()
    assert (video.kind, video.to_sip) == ("video", {109: 99})
    assert audio.sip_rtp == Address("198.51.100.7", 18642)
    assert audio.sip_rtcp == Address("198.51.100.7", 18643)


def test_a_phone_that_sends_under_its_own_numbers_is_heard_but_never_mistaken() -> None:
    audio = Call().audio(phone("audio 4000 RTP/AVP 126 111|rtpmap:126 opus/48000/2|rtpmap:111 telephone-event/8000"))
    assert (audio.to_sip, audio.events_to_sip) == ({111: 126}, (111, 8000))
    assert audio.sip_events == {126: 8000}  # 111 is Opus first
    assert audio.to_browser == {111: 111, 126: 126}  # under ours, as it must
    audio = Call().audio(phone("audio 4000 RTP/AVP 107|rtpmap:107 opus/48000/2"))
    assert audio.to_browser == {111: 111, 107: 111}


def test_the_plan_has_the_browsers_transport() -> None:
    plan = Call().plan(G711_ANSWER)
    assert plan.remote_ice is not None
    assert plan.remote_ice.pwd == "0o3vQ0mC2u1yAz0xYb6sJ1Nn"
    assert plan.fingerprints[0][0] == "sha-256"
    assert plan.dtls_role == "server"


def test_a_browser_that_is_the_dtls_server_is_answered_actively() -> None:
    call = Call(change="a=setup:actpass", to="a=setup:passive")
    assert parse(call.final(G711_ANSWER)).media[0].value("setup") == "active"
    assert call.plan(G711_ANSWER).dtls_role == "client"


def test_rejected_video_keeps_its_place_in_answer_and_plan() -> None:
    call = Call()
    assert [media.port for media in parse(call.final(G711_ANSWER)).media] == [10000, 0, 0]
    audio, video = call.plan(G711_ANSWER).streams
    assert audio.to_sip == {0: 0}
    assert video == StreamPlan("video", browser_sends=False, sip_sends=False)


def test_rejected_audio_leaves_video_alone() -> None:
    call = Call()
    answer = parse(call.final(phone("audio 0 RTP/AVP 0", "video 4002 RTP/AVP 96|rtpmap:96 VP8/90000")))
    assert [media.port for media in answer.media] == [0, 10000, 0]
    assert answer.value("group") == "BUNDLE 1"


def test_a_phone_may_leave_out_what_it_rejects_but_not_add() -> None:
    assert [media.port for media in parse(Call().final(phone("audio 4000 RTP/AVP 0"))).media] == [10000, 0, 0]
    with pytest.raises(RemoteError, match="488"):
        Call().final(phone(*["audio 4000 RTP/AVP 0"] * 3))


@pytest.mark.parametrize(
    "answer",
    [
        phone("audio 0 RTP/AVP 0", "video 0 RTP/AVP 96"),
        phone("audio 4000 RTP/AVP 18", "video 0 RTP/AVP 96"),
        phone("audio 4000 RTP/AVP 126|rtpmap:126 telephone-event/8000"),
        phone("audio 4000 RTP/SAVP 0"),
        phone("video 4000 RTP/AVP 96|rtpmap:96 VP8/90000"),
        phone(),
    ],
)
def test_an_answer_that_accepts_nothing_is_not_acceptable(answer: str) -> None:
    with pytest.raises(RemoteError, match="488"):
        Call().final(answer)


def test_h264_is_answered_under_the_number_of_its_profile_and_packetization() -> None:
    video = "video 4002 RTP/AVP 99|rtpmap:99 H264/90000|fmtp:99 profile-level-id={}"
    for parameters, number in (
        ("42e01f;packetization-mode=1", 109),
        ("42e00d", 115),
        ("42801F", 107),
        ("4d001f;packetization-mode=1", 39),
    ):
        answer = parse(Call().final(phone("audio 4000 RTP/AVP 0", video.format(parameters))))
        assert answer.media[1].formats == (str(number),)
    rejected = parse(Call().final(phone("audio 4000 RTP/AVP 0", video.format("64001f"))))
    assert rejected.media[1].port == 0


def test_video_feedback_is_what_the_browser_offered_and_we_pass() -> None:
    feedback = parse(Call().final(G711_AND_VP8_ANSWER)).media[1].values("rtcp-fb")
    assert feedback == ["96 ccm fir", "96 goog-remb", "96 nack", "96 nack pli"]


@pytest.mark.parametrize(
    ("direction", "answered", "browser_sends", "sip_sends"),
    [
        ("sendrecv", "sendrecv", True, True),
        ("sendonly", "sendonly", False, True),
        ("recvonly", "sendrecv", True, False),
        ("inactive", "sendonly", False, False),
    ],
)
def test_video_goes_the_ways_that_the_phone_wants_and_the_browser_is_told_that_some_may_come(
    direction: str, answered: str, browser_sends: bool, sip_sends: bool
) -> None:
    call = Call()
    answer = G711_AND_VP8_ANSWER.replace("VP8/90000", f"VP8/90000\r\na={direction}")
    assert formats(parse(call.final(answer)))[1][2] == answered
    video = call.plan(answer).streams[1]
    assert (video.browser_sends, video.sip_sends) == (browser_sends, sip_sends)


def test_nothing_is_sent_that_the_browser_does_not_want() -> None:
    call = Call(change="a=sendrecv", to="a=sendonly")
    assert formats(parse(call.final(G711_AND_VP8_ANSWER)))[0][2] == "recvonly"
    audio = call.audio(G711_AND_VP8_ANSWER)
    assert (audio.browser_sends, audio.sip_sends) == (True, False)


def test_audio_answered_on_hold_is_only_held_back_so_that_a_later_offer_can_connect_it() -> None:
    call = Call()
    held = phone("audio 4000 RTP/AVP 0|sendonly")
    assert formats(parse(call.final(held)))[0][2] == "sendrecv"
    assert (call.audio(held).browser_sends, call.audio(held).sip_sends) == (False, True)
    answer, plan = call.reoffer(phone("audio 4000 RTP/AVP 0"))
    assert formats(parse(answer))[0][2] == "sendrecv"
    assert plan.streams[0].browser_sends


def test_each_branch_gives_the_browser_a_whole_answer_and_the_plan_follows_it() -> None:
    call = Call()
    early = call.early(phone("audio 4000 RTP/AVP 0|sendonly", "video 4002 RTP/AVP 96|rtpmap:96 VP8/90000"))
    other = phone("audio 5000 RTP/AVP 8", "video 0 RTP/AVP 96", host="192.0.2.99")
    final = call.final(other)
    assert [[m.formats for m in parse(text).media if m.port] for text in (early, final)] == [
        [("0",), ("96",)],
        [("8",)],
    ]
    assert (version(early), version(final)) == ("1", "2")
    audio = call.audio(other)
    assert audio.sip_rtp == Address("192.0.2.99", 5000)
    assert (audio.to_sip, audio.to_browser) == ({8: 8}, {8: 8})


def test_all_answers_of_a_call_name_the_same_transport() -> None:
    call = Call()
    texts = [call.early(G711_ANSWER), call.early(OPUS_ANSWER), call.final(G711_AND_VP8_ANSWER)]
    names = ("ice-ufrag", "ice-pwd", "fingerprint", "setup", "candidate")
    assert len({tuple(parse(text).media[0].value(name) for name in names) for text in texts}) == 1
    assert len({parse(text).origin.session_id for text in texts}) == 1


def test_after_the_final_answer_the_browsers_stays_while_it_can() -> None:
    call = Call()
    final = call.final(phone("audio 4000 RTP/AVP 0 8", "video 0 RTP/AVP 96"))
    assert call.final(phone("audio 5000 RTP/AVP 0", host="192.0.2.99")) == final
    assert call.audio(phone("audio 5000 RTP/AVP 0", host="192.0.2.99")).to_sip == {0: 0}


def test_an_answer_on_hold_is_told() -> None:
    call = Call()
    assert call.negotiation.answer(phone("audio 4000 RTP/AVP 0|sendonly"), provisional=True).is_held
    assert not call.negotiation.answer(phone("audio 4000 RTP/AVP 0"), provisional=False).is_held


def test_other_numbers_in_the_final_answer_change_the_plan_alone() -> None:
    call = Call()
    early = call.early(OPUS_ANSWER)
    final = OPUS_ANSWER.replace("107", "98")
    assert call.final(final) == early
    assert (call.audio(final).to_sip, call.audio(final).events_to_sip) == ({111: 98}, (101, 8000))


@pytest.mark.parametrize("final", [OPUS_ANSWER, G711_AND_VP8_ANSWER])
def test_a_codec_or_video_that_the_browser_was_not_told_of_makes_a_new_answer(final: str) -> None:
    call = Call()
    early = call.early(G711_ANSWER)
    new = call.final(final)
    assert new != early
    assert (version(early), version(new)) == ("1", "2")
    assert call.final(final) == new


def test_a_re_invite_gets_the_phones_numbers_and_only_the_plan_changes() -> None:
    call = Call()
    call.final(sdp("kamailio_opus_answer"))
    answer, plan = call.reoffer(
        phone(
            "audio 6000 RTP/AVP 98 0|rtpmap:98 opus/48000/2|ptime:20",
            "video 6002 RTP/AVP 97|rtpmap:97 H264/90000|fmtp:97 packetization-mode=1;profile-level-id=42e01f",
        )
    )
    assert formats(parse(answer)) == [
        ("audio", 30000, "sendrecv", ["98 opus/48000/2"]),
        ("video", 30002, "sendrecv", ["97 H264/90000"]),
    ]
    audio, video = plan.streams
    assert (audio.to_sip, audio.to_browser) == ({111: 98}, {98: 111})
    assert (video.to_sip, video.to_browser) == ({109: 97}, {97: 109})
    assert audio.sip_rtp == Address("192.0.2.20", 6000)
    assert plan.remote_ice is not None


@pytest.mark.parametrize(
    ("line", "host", "answered", "browser_sends", "sip_sends"),
    [
        ("audio 4000 RTP/AVP 0|sendonly", "192.0.2.20", "recvonly", False, True),
        ("audio 4000 RTP/AVP 0|inactive", "192.0.2.20", "inactive", False, False),
        ("audio 4000 RTP/AVP 0|recvonly", "192.0.2.20", "sendonly", True, False),
        ("audio 4000 RTP/AVP 0", "0.0.0.0", "recvonly", False, True),
    ],
)
def test_hold(line: str, host: str, answered: str, browser_sends: bool, sip_sends: bool) -> None:
    call = Call()
    call.final(phone("audio 4000 RTP/AVP 0"))
    answer, plan = call.reoffer(phone(line, host=host))
    assert formats(parse(answer))[0][2] == answered
    assert (plan.streams[0].browser_sends, plan.streams[0].sip_sends) == (browser_sends, sip_sends)
    answer, plan = call.reoffer(phone("audio 4000 RTP/AVP 0"))
    assert formats(parse(answer))[0][2] == "sendrecv"
    assert (plan.streams[0].browser_sends, plan.streams[0].sip_sends) == (True, True)


def test_the_version_goes_up_only_with_a_change() -> None:
    call = Call()
    call.final(phone("audio 4000 RTP/AVP 0"))
    same, hold = phone("audio 4000 RTP/AVP 0"), phone("audio 4000 RTP/AVP 0|inactive")
    answers = [call.reoffer(text)[0] for text in (same, same, hold, hold, same)]
    assert [version(text) for text in (call.offer, *answers)] == ["1", "2", "2", "3", "3", "4"]
    assert {parse(text).origin.session_id for text in (call.offer, *answers)} == {"4711"}


def test_video_may_be_switched_off_and_on_again() -> None:
    call = Call()
    call.final(G711_AND_VP8_ANSWER)
    off, plan = call.reoffer(G711_ANSWER)
    assert [media.port for media in parse(off).media] == [30000, 0]
    assert not plan.streams[1].to_sip
    on, plan = call.reoffer(G711_AND_VP8_ANSWER)
    assert [media.port for media in parse(on).media] == [30000, 30002]
    assert plan.streams[1].to_sip == {96: 96}


def test_a_codec_that_the_browser_was_not_answered_with_cannot_come_later() -> None:
    call = Call()
    call.final(phone("audio 4000 RTP/AVP 0"))
    with pytest.raises(RemoteError, match="488"):
        call.reoffer(phone("audio 4000 RTP/AVP 8"))
    answer, _ = call.reoffer(phone("audio 4000 RTP/AVP 8 0"))
    assert parse(answer).media[0].formats == ("0",)


def test_avpf_is_answered_with_avpf_and_the_feedback_that_both_have() -> None:
    call = Call()
    call.final(G711_AND_VP8_ANSWER)
    feedback = "rtcp-fb:96 nack|rtcp-fb:96 nack sli|rtcp-fb:* ccm fir|rtcp-fb:96 ccm tmmbr"
    answer, _ = call.reoffer(phone("audio 4000 RTP/AVPF 0", f"video 4002 RTP/AVPF 96|rtpmap:96 VP8/90000|{feedback}"))
    audio, video = parse(answer).media
    assert (audio.protocol, video.protocol) == ("RTP/AVPF", "RTP/AVPF")
    assert video.values("rtcp-fb") == ["96 ccm fir", "96 nack"]


@pytest.mark.parametrize("text", ["", "v=0", "nonsense", "v=0\r\n\r\n"])
def test_malformed_descriptions_are_bad_requests(text: str) -> None:
    for read in (BrowserOffers, Call().final, Call().early):
        with pytest.raises(RemoteError, match="400 Bad Session Description"):
            read(text)


def test_all_that_a_description_of_ours_says_of_ice_is_ours() -> None:
    text = Call().final(sdp("kamailio_opus_answer"))
    assert re.findall(r"a=ice-(?:ufrag|pwd):(.*)\r", text) == ["relayufrag", "relay-password-of-22-chars"] * 2
