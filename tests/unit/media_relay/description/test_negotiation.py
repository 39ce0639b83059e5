"""What both ways of setting up a call have in common."""

from dataclasses import replace

import pytest
from tests.support.descriptions import phone

from media_relay.core.description.codecs import Codec, Direction
from media_relay.core.description.negotiation import Issuer, Leg, Numbered, is_held, pair, stream_plan
from media_relay.core.description.rtp_avp import describe, read_streams
from media_relay.core.description.sdp import parse
from media_relay.core.plan import StreamPlan

PCMU, PCMA = Codec(0, "PCMU", 8000), Codec(8, "PCMA", 8000)
EVENTS = Codec(101, "telephone-event", 8000)


def leg() -> Leg:
    return Leg("audio", 0, (Numbered(PCMU, 0, 0),), Direction.SENDRECV, (30000, 30001))


def test_the_version_counts_changes_and_the_session_id_stays() -> None:
    issuer = Issuer("4711", "2001:db8::1")
    one, other = describe("192.0.2.1", []), describe("192.0.2.2", [])
    issued = [issuer.issue(description) for description in (one, one, other, one)]
    assert [text.split("\r\n")[1] for text in issued] == [
        f"o=- 4711 {version} IN IP6 2001:db8::1" for version in (1, 1, 2, 3)
    ]


def test_pairs_are_in_the_order_of_the_other_side_and_take_each_of_ours_once() -> None:
    twice = Codec(100, "PCMU", 8000)
    assert pair([PCMA, PCMU, twice, EVENTS], [PCMU, PCMA, EVENTS]) == [(PCMA, PCMA), (PCMU, PCMU), (EVENTS, EVENTS)]


def test_events_alone_are_no_pair() -> None:
    assert pair([EVENTS, PCMA], [EVENTS, PCMU]) == []


def test_a_stream_that_the_other_side_rejects_is_stopped() -> None:
    assert stream_plan(leg(), None, []) == StreamPlan("audio", browser_sends=False, sip_sends=False)


def test_each_side_gets_the_number_that_it_asked_for() -> None:
    (stream,) = read_streams(parse(phone("audio 4000 RTP/AVP 0")))
    plan = stream_plan(leg(), stream, [(Numbered(PCMU, 1, 2), Numbered(PCMU, 3, 4))])
    assert plan.to_sip == {1: 4}
    assert plan.to_browser == {3: 2, 4: 2}


@pytest.mark.parametrize(
    ("line", "codecs", "clock_rate", "encoding"),
    [
        ("audio 4000 RTP/AVP 0", (EVENTS, PCMU), 8000, "pcmu"),
        ("audio 4000 RTP/AVP 96|rtpmap:96 opus/48000/2", (Codec(96, "OPUS", 48000, 2), PCMU), 48000, "opus"),
        ("video 4000 RTP/AVP 96|rtpmap:96 VP8/90000", (Codec(96, "VP8", 90000),), 90000, "vp8"),
    ],
)
def test_a_stream_goes_by_the_clock_of_the_first_media_codec(
    line: str, codecs: tuple[Codec, ...], clock_rate: int, encoding: str
) -> None:
    (stream,) = read_streams(parse(phone(line)))
    pairs = [(Numbered(codec, 1, 1), Numbered(codec, 1, 1)) for codec in codecs]
    plan = stream_plan(leg(), stream, pairs)
    assert (plan.clock_rate, plan.encoding) == (clock_rate, encoding)


@pytest.mark.parametrize(
    ("ours", "browser_sends", "sip_sends"),
    [("SENDRECV", True, True), ("SENDONLY", False, False), ("RECVONLY", False, True), ("INACTIVE", False, False)],
)
def test_who_is_held_by_us_neither_hears_the_browser_nor_is_heard(
    ours: str, browser_sends: bool, sip_sends: bool
) -> None:
    (stream,) = read_streams(parse(phone("audio 4000 RTP/AVP 0")))
    plan = stream_plan(leg(), stream, [(Numbered(PCMU, 0, 0), Numbered(PCMU, 0, 0))], Direction[ours])
    assert (plan.browser_sends, plan.sip_sends) == (browser_sends, sip_sends)


@pytest.mark.parametrize(
    ("lines", "host", "held"),
    [
        (("audio 4000 RTP/AVP 0",), "192.0.2.20", False),
        (("audio 4000 RTP/AVP 0|sendonly",), "192.0.2.20", True),
        (("audio 4000 RTP/AVP 0|inactive",), "192.0.2.20", True),
        (("audio 4000 RTP/AVP 0|recvonly",), "192.0.2.20", False),
        (("audio 4000 RTP/AVP 0",), "0.0.0.0", True),
        (("audio 4000 RTP/AVP 0|sendonly", "video 4002 RTP/AVP 96|rtpmap:96 VP8/90000"), "192.0.2.20", False),
        (("audio 4000 RTP/AVP 0|sendonly", "video 4002 RTP/AVP 96|rtpmap:96 VP8/90000|inactive"), "192.0.2.20", True),
    ],
)
def test_hold_is_every_stream_that_we_would_send_unwanted(lines: tuple[str, ...], host: str, held: bool) -> None:
    streams = [stream for stream in read_streams(parse(phone(*lines, host=host))) if stream]
    assert is_held([(Direction.SENDRECV, stream) for stream in streams]) is held


def test_a_stream_that_we_do_not_send_says_nothing_of_hold() -> None:
    (stream,) = read_streams(parse(phone("audio 4000 RTP/AVP 0|inactive")))
    assert [is_held([(Direction.RECVONLY, stream)], before) for before in (True, False)] == [True, False]


def test_what_each_side_reads_is_what_it_says_of_a_video_codec() -> None:
    vp8 = replace(leg(), kind="video")
    for feedback, takes in (("", False), ("|rtcp-fb:96 nack pli", False), ("|rtcp-fb:* nack", True)):
        (stream,) = read_streams(parse(phone("video 4000 RTP/AVPF 96|rtpmap:96 VP8/90000" + feedback)))
        assert stream
        mute = Numbered(replace(stream.codecs[0], feedback=frozenset()), 96, 96)
        told = Numbered(stream.codecs[0], 96, 96)
        plans = [stream_plan(vp8, stream, [pair]) for pair in ((told, mute), (mute, told))]
        assert [(plan.answers_nack, plan.sip_takes_nack) for plan in plans] == [(takes, False), (False, takes)]


def test_a_browser_is_told_how_much_it_may_send_where_the_sip_side_does_not_tell_it() -> None:
    vp8 = replace(leg(), kind="video")
    for feedback, is_told in (("", False), ("|rtcp-fb:96 goog-remb", True)):
        (stream,) = read_streams(parse(phone("video 4000 RTP/AVPF 96|rtpmap:96 VP8/90000" + feedback)))
        assert stream
        codec = replace(stream.codecs[0], feedback=frozenset({"goog-remb"}))
        pair = Numbered(codec, 96, 96), Numbered(stream.codecs[0], 96, 96)
        assert stream_plan(vp8, stream, [pair]).wants_bit_rate is not is_told
        deaf = Numbered(replace(codec, feedback=frozenset()), 96, 96), pair[1]
        assert not stream_plan(vp8, stream, [deaf]).wants_bit_rate


@pytest.mark.parametrize(
    ("bandwidth", "fmtp", "takes"),
    [
        ("", "", 0),
        ("b=TIAS:500000", "", 500_000),
        ("", "|fmtp:96 profile-level-id=42e00d", 768_000),
        ("b=TIAS:500000", "|fmtp:96 profile-level-id=42e00d", 500_000),
        ("b=TIAS:900000", "|fmtp:96 profile-level-id=42e00d", 768_000),
    ],
)
def test_what_the_sip_side_takes_is_the_least_of_what_it_says(bandwidth: str, fmtp: str, takes: int) -> None:
    text = phone("video 4000 RTP/AVP 96|rtpmap:96 H264/90000" + fmtp) + bandwidth
    (stream,) = read_streams(parse(text))
    assert stream
    pair = Numbered(Codec(96, "H264", 90000), 96, 96), Numbered(stream.codecs[0], 96, 96)
    assert stream_plan(replace(leg(), kind="video"), stream, [pair]).sip_bit_rate == takes


def test_the_sip_side_takes_picture_loss_indications_if_it_says_so_of_a_video_codec() -> None:
    video = "video 4000 RTP/AVPF 96|rtpmap:96 VP8/90000"
    vp8 = replace(leg(), kind="video")
    for feedback, takes in (("", False), ("|rtcp-fb:96 nack", False), ("|rtcp-fb:* nack pli", True)):
        (stream,) = read_streams(parse(phone(video + feedback)))
        assert stream
        numbered = Numbered(stream.codecs[0], 96, 96)
        assert stream_plan(vp8, stream, [(numbered, numbered)]).sip_takes_pli is takes
