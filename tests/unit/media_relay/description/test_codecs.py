"""Codecs and directions."""

import pytest
from tests.support.descriptions import line

from media_relay.core.description.codecs import (
    MAX_CODECS,
    Codec,
    Direction,
    h264_profile,
    match,
    read_codecs,
    read_direction,
)
from media_relay.core.description.sdp import Attribute

AUDIO = "rtpmap:111 opus/48000/2|fmtp:111 minptime=10;useinbandfec=1|rtpmap:126 telephone-event/8000"


def h264(number: int, fmtp: str) -> Codec:
    return Codec(number, "H264", 90000, fmtp=fmtp)


def numbers(codecs: tuple[Codec, ...]) -> list[int]:
    return [codec.payload_type for codec in codecs]


def test_codecs_keep_the_order_of_the_line_their_parameters_and_their_feedback() -> None:
    video = line(
        "rtpmap:96 VP8/90000|rtpmap:97 H264/90000|fmtp:97 packetization-mode=1|rtcp-fb:* ccm fir|rtcp-fb:97 nack pli",
        "97",
        "96",
        kind="video",
    )
    assert read_codecs(video) == (
        Codec(97, "H264", 90000, 1, "packetization-mode=1", frozenset({"ccm fir", "nack pli"})),
        Codec(96, "VP8", 90000, 1, "", frozenset({"ccm fir"})),
    )


def test_static_numbers_need_no_rtpmap() -> None:
    found = read_codecs(line("", "0", "8", "9", "18"))
    assert [(codec.payload_type, codec.encoding) for codec in found] == [(0, "PCMU"), (8, "PCMA"), (9, "G722")]
    assert all(codec.is_static for codec in found)


def test_an_rtpmap_overrides_the_static_meaning() -> None:
    (codec,) = read_codecs(line("rtpmap:0 opus/48000/2", "0"))
    assert (codec.encoding, codec.is_static) == ("opus", False)


@pytest.mark.parametrize(
    "rtpmap",
    [
        "red/48000/2",
        "CN/8000",
        "opus/48000",
        "opus/48000/1",
        "G729/8000",
        "telephone-event/16000",
        "opus",
        "opus/x/2",
        "opus/48000/x",
        "",
    ],
)
def test_what_is_not_passed_through_is_left_out(rtpmap: str) -> None:
    assert numbers(read_codecs(line(f"rtpmap:63 {rtpmap}|{AUDIO}", "63", "111"))) == [111]


@pytest.mark.parametrize("rtpmap", ["rtx/90000", "ulpfec/90000", "VP9/90000", "AV1/90000", "opus/48000/2"])
def test_video_lines_have_video_codecs_only(rtpmap: str) -> None:
    assert read_codecs(line(f"rtpmap:97 {rtpmap}", "97", kind="video")) == ()


def test_events_alone_are_no_codec() -> None:
    assert read_codecs(line(AUDIO, "126")) == ()
    assert numbers(read_codecs(line(AUDIO, "126", "111"))) == [126, 111]


def test_other_kinds_and_numbers_that_are_none_have_no_codecs() -> None:
    assert read_codecs(line(AUDIO, "111", kind="text")) == ()
    assert read_codecs(line(AUDIO, "webrtc-datachannel", "128", "-1", "1111")) == ()


def test_a_number_that_stands_twice_counts_once_and_there_is_an_end() -> None:
    assert numbers(read_codecs(line(AUDIO, "111", "111"))) == [111]
    maps = "|".join(f"rtpmap:{number} opus/48000/2" for number in range(35, 128))
    assert len(read_codecs(line(maps, *map(str, range(35, 128))))) == MAX_CODECS


def test_names_are_compared_without_case() -> None:
    assert match(Codec(96, "OPUS", 48000, 2), [Codec(111, "opus", 48000, 2)]) == Codec(111, "opus", 48000, 2)


def test_events_match_by_clock_rate() -> None:
    ours = [Codec(110, "telephone-event", 48000), Codec(126, "telephone-event", 8000)]
    assert match(Codec(101, "telephone-event", 8000), ours) == ours[1]
    assert match(Codec(101, "telephone-event", 16000), ours) is None


def test_the_same_number_wins_among_equals() -> None:
    ours = [h264(103, "profile-level-id=42e01f"), h264(109, "profile-level-id=42e01f")]
    assert match(h264(109, "profile-level-id=42e00d"), ours) == ours[1]
    assert match(h264(99, "profile-level-id=42e00d"), ours) == ours[0]


def test_h264_needs_the_same_packetization_mode() -> None:
    ours = [h264(109, "packetization-mode=1;profile-level-id=42e01f")]
    assert match(h264(99, "profile-level-id=42e01f"), ours) is None
    assert match(h264(99, "profile-level-id=42E01F; packetization-mode=1"), ours) == ours[0]


def test_h264_prefers_the_exact_profile_and_takes_baseline_for_its_constrained_part() -> None:
    baseline, constrained = h264(103, "profile-level-id=42001f"), h264(109, "profile-level-id=42e01f")
    assert match(h264(99, "profile-level-id=42801F"), [constrained, baseline]) == baseline
    assert match(h264(99, "profile-level-id=42801F"), [constrained]) == constrained
    assert match(h264(99, ""), [constrained]) == constrained  # RFC 6184 §8.1: baseline, level 1
    assert match(h264(99, "profile-level-id=640c1f"), [constrained, baseline]) is None


@pytest.mark.parametrize(
    ("level_id", "profile"),
    [
        ("42e01f", "constrained-baseline"),
        ("42c01e", "constrained-baseline"),
        ("4d801f", "constrained-baseline"),
        ("42001f", "baseline"),
        ("42801f", "baseline"),
        ("4d001f", "main"),
        ("64001f", "high"),
        ("640c1f", "constrained-high"),
        ("nonsense", "nonsense"),
        ("42", "42"),
    ],
)
def test_h264_profiles(level_id: str, profile: str) -> None:
    assert h264_profile(f"packetization-mode=1;profile-level-id={level_id}") == profile


def test_direction_is_that_of_the_line_then_of_the_session_then_both_ways() -> None:
    sendonly, inactive = (Attribute("sendonly"),), (Attribute("x"), Attribute("inactive"))
    assert read_direction(sendonly, inactive) == Direction.SENDONLY
    assert read_direction((), inactive) == Direction.INACTIVE
    assert read_direction((), ()) == Direction.SENDRECV


@pytest.mark.parametrize(
    ("direction", "reverse", "name"),
    [
        (Direction.SENDONLY, Direction.RECVONLY, "sendonly"),
        (Direction.RECVONLY, Direction.SENDONLY, "recvonly"),
        (Direction.SENDRECV, Direction.SENDRECV, "sendrecv"),
        (Direction.INACTIVE, Direction.INACTIVE, "inactive"),
    ],
)
def test_direction_has_another_end_and_a_name(direction: Direction, reverse: Direction, name: str) -> None:
    assert direction.reverse == reverse
    assert direction.attribute == Attribute(name)
