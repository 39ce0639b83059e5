"""The SIP side's descriptions, read and printed."""

import pytest
from tests.support.descriptions import phone, sdp

from media_relay.core.description.codecs import Codec, Direction
from media_relay.core.description.rtp_avp import SipLine, SipStream, describe, print_line, read_streams, rejected
from media_relay.core.description.sdp import Attribute, Media, parse
from media_relay.core.plan import Address


def streams(text: str) -> tuple[SipStream | None, ...]:
    return read_streams(parse(text))


def only(text: str) -> SipStream:
    (stream,) = streams(text)
    assert stream is not None
    return stream


def test_a_phones_line_is_read() -> None:
    stream = only(sdp("baresip_audio_offer"))
    assert stream.kind == "audio"
    assert [codec.encoding for codec in stream.codecs] == ["opus", "G722", "PCMU", "PCMA", "telephone-event"]
    assert stream.rtp == Address("192.0.2.20", 24010)
    assert stream.rtcp == Address("192.0.2.20", 24011)
    assert stream.direction == Direction.SENDRECV
    assert stream.packet_time == (Attribute("ptime", "20"),)


def test_rtcp_is_on_the_next_port_unless_the_line_says_where() -> None:
    assert only(phone("audio 4000 RTP/AVP 0")).rtcp == Address("192.0.2.20", 4001)
    assert only(phone("audio 4000 RTP/AVP 0|rtcp:5000")).rtcp == Address("192.0.2.20", 5000)
    assert only(phone("audio 4000 RTP/AVP 0|rtcp:5000 IN IP4 192.0.2.9")).rtcp == Address("192.0.2.9", 5000)


def test_the_lines_own_connection_wins() -> None:
    text = phone("audio 4000 RTP/AVP 0").replace("RTP/AVP 0\r\n", "RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\n")
    assert only(text).rtp == Address("2001:db8::1", 4000)


def test_the_unspecified_address_holds() -> None:
    stream = only(phone("audio 4000 RTP/AVP 0", host="0.0.0.0"))
    assert (stream.rtp, stream.rtcp, stream.direction) == (None, None, Direction.SENDONLY)
    stream = only(phone("audio 4000 RTP/AVP 0|recvonly", host="0.0.0.0"))
    assert stream.direction == Direction.INACTIVE


def test_the_sessions_direction_holds_for_every_line() -> None:
    text = phone("audio 4000 RTP/AVP 0", "video 4002 RTP/AVP 96|rtpmap:96 VP8/90000|sendrecv", attributes="inactive")
    assert [stream.direction for stream in streams(text) if stream] == [Direction.INACTIVE, Direction.SENDRECV]


@pytest.mark.parametrize(
    "line",
    [
        "audio 0 RTP/AVP 0",
        "audio 4000 RTP/SAVP 0",
        "audio 4000 RTP/SAVP 0|crypto:1 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
        "audio 4000 UDP/TLS/RTP/SAVP 0",
        "audio 4000 udp 0",
        "audio 4000 RTP/AVP 18",
        "audio 4000 RTP/AVP 101|rtpmap:101 telephone-event/8000",
        "text 4000 RTP/AVP 98|rtpmap:98 t140/1000",
        "audio 4000 RTP/AVP 0|rtcp:none",
        "audio 4000 RTP/AVP 0|rtcp:0",
        "audio 4000 RTP/AVP 0|rtcp:5000 IN IP4 host.example",
        "audio 4000 RTP/AVP 0|rtcp:5000 IN IP4 224.2.1.1",
        "audio 4000 RTP/AVP 0|rtcp:65536",
        "audio 4000 RTP/AVP 0|rtcp:000001000000",
    ],
)
def test_what_cannot_be_forwarded_is_no_stream(line: str) -> None:
    assert streams(phone(line)) == (None,)


@pytest.mark.parametrize("line", ["audio 65535 RTP/AVP 0", "audio 4000 RTP/AVP 0|rtcp:4001 IN IP4 0.0.0.0"])
def test_rtcp_goes_nowhere_where_there_is_no_port_or_host_for_it(line: str) -> None:
    (stream,) = streams(phone(line))
    assert stream is not None
    assert stream.rtp is not None
    assert stream.rtcp is None


@pytest.mark.parametrize("host", ["phone.example", "224.2.1.1/127", "224.2.1.1", "192.0.2", "ff02::1"])
def test_an_address_that_is_no_hosts_is_no_stream(host: str) -> None:
    assert streams(phone("audio 4000 RTP/AVP 0", host=host)) == (None,)


def test_a_line_without_a_connection_is_no_stream() -> None:
    assert streams(phone("audio 4000 RTP/AVP 0").replace("c=IN IP4 192.0.2.20\r\n", "")) == (None,)


def test_a_line_is_printed_with_its_rtcp_port_and_codecs() -> None:
    codecs = (Codec(111, "opus", 48000, 2, "useinbandfec=1", frozenset({"nack"})), Codec(0, "PCMU", 8000))
    media = print_line(
        SipLine("audio", codecs, Direction.SENDONLY, (30000, 30001), packet_time=(Attribute("ptime", "20"),))
    )
    assert str(describe("192.0.2.1", [media])).splitlines()[3:] == [
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 30000 RTP/AVP 111 0",
        "a=rtcp:30001",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 useinbandfec=1",
        "a=rtpmap:0 PCMU/8000",
        "a=ptime:20",
        "a=sendonly",
    ]


def test_video_says_which_feedback_passes_and_none_that_stays_here() -> None:
    codec = Codec(96, "VP8", 90000, feedback=frozenset({"nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"}))
    media = print_line(SipLine("video", (codec,), Direction.SENDRECV, (30000, 30001), "RTP/AVPF"))
    assert media.protocol == "RTP/AVPF"
    assert media.values("rtcp-fb") == ["96 ccm fir", "96 goog-remb", "96 nack", "96 nack pli"]


def test_a_rejected_line_stays_in_its_place_with_port_0() -> None:
    theirs = Media(kind="video", port=9000, protocol="RTP/SAVP", formats=("96", "97"), attributes=(Attribute("x"),))
    assert rejected(theirs) == Media(kind="video", port=0, protocol="RTP/SAVP", formats=("96", "97"))


def test_an_ipv6_address_is_said_to_be_one() -> None:
    assert "c=IN IP6 2001:db8::1\r\n" in str(describe("2001:db8::1", []))
