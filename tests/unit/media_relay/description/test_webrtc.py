"""The browser's descriptions, read and printed."""

from dataclasses import replace

import pytest
from tests.support.descriptions import FINGERPRINT, LOCAL, sdp

from media_relay.core.description.codecs import Codec, Direction
from media_relay.core.description.sdp import Media, SessionDescription, parse
from media_relay.core.description.webrtc import (
    BrowserDescription,
    BrowserLine,
    describe_answer,
    describe_offer,
    our_role,
    read_description,
)
from media_relay.core.plan import Address, IceCredentials
from shared.errors import RemoteError

AUDIO = BrowserLine("a", "audio", (Codec(111, "opus", 48000, 2, "useinbandfec=1"),), Direction.SENDRECV)
VIDEO = BrowserLine(
    "v", "video", (Codec(96, "VP8", 90000, feedback=frozenset({"nack", "ccm fir"})),), Direction.RECVONLY
)


def read(text: str) -> BrowserDescription:
    return read_description(parse(text))


def kinds(description: BrowserDescription) -> list[str | None]:
    return [stream.kind if stream else None for stream in description.streams]


def test_a_chromium_offer_is_read() -> None:
    offer = read(sdp("chromium_audio_video_offer"))
    assert offer.ice == IceCredentials("Zp4k", "0o3vQ0mC2u1yAz0xYb6sJ1Nn")
    assert offer.setup == "actpass"
    ((algorithm, digest),) = offer.fingerprints
    assert (algorithm, digest[:8]) == ("sha-256", "6F:0A:2E")
    assert kinds(offer) == ["audio", "video", None]
    audio, video, _ = offer.streams
    assert audio and [codec.payload_type for codec in audio.codecs] == [111, 9, 0, 8, 110, 126]
    assert video and [codec.payload_type for codec in video.codecs] == [96, 103, 107, 109, 115, 39]


def test_a_firefox_offer_is_read_its_fingerprint_from_the_session_its_bundled_video_in_spite_of_port_0() -> None:
    offer = read(sdp("firefox_audio_video_offer"))
    assert offer.ice.ufrag == "9b1c2d3e"
    assert offer.fingerprints[0][1].startswith("1B:22:9A:")
    assert kinds(offer) == ["audio", "video"]


def test_a_rejected_line_is_none() -> None:
    text = sdp("chromium_audio_video_answer").replace("m=video 9", "m=video 0")
    assert kinds(read(text)) == ["audio", None]


def test_video_outside_the_bundle_of_audio_is_none() -> None:
    text = sdp("chromium_audio_video_offer")
    assert kinds(read(text.replace("BUNDLE 0 1 2", "BUNDLE 0 2"))) == ["audio", None, None]
    assert kinds(read(text.replace("BUNDLE 0 1 2", "BUNDLE 1 2"))) == ["audio", None, None]
    assert kinds(read(text.replace("a=group:BUNDLE 0 1 2\n", ""))) == ["audio", None, None]


def test_a_second_line_of_a_kind_is_none() -> None:
    text = sdp("firefox_audio_video_offer")
    text += text[text.index("m=video") :].replace("a=mid:1", "a=mid:2")
    assert kinds(read(text.replace("BUNDLE 0 1", "BUNDLE 0 1 2"))) == ["audio", "video", None]


def test_a_bundled_line_may_leave_the_transport_to_another_of_its_group() -> None:
    text = sdp("chromium_audio_video_offer")
    start, end = text.index("a=ice-ufrag"), text.index("a=mid:0")
    assert read(text[:start] + text[end:]).ice.ufrag == "Zp4k"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a=ice-ufrag:", "ice-ufrag"),
        ("a=ice-pwd:", "ice-pwd"),
        ("a=fingerprint:", "fingerprint"),
        ("a=setup:", "setup"),
        ("a=rtcp-mux", "Not Acceptable Here"),
        ("m=", "Not Acceptable Here"),
    ],
)
def test_without_what_a_transport_needs_it_is_not_acceptable(line: str, reason: str) -> None:
    text = "".join(
        kept for kept in sdp("chromium_audio_video_answer").splitlines(keepends=True) if not kept.startswith(line)
    )
    with pytest.raises(RemoteError, match=reason) as caught:
        read(text)
    assert caught.value.status == 488


@pytest.mark.parametrize("setup", ["holdconn", "both"])
def test_a_setup_that_makes_no_connection_is_not_acceptable(setup: str) -> None:
    with pytest.raises(RemoteError, match="setup"):
        read(sdp("chromium_audio_video_offer").replace("actpass", setup))


def test_we_are_the_dtls_server_unless_the_browser_insists() -> None:
    assert our_role("actpass") == "server"
    assert our_role("active") == "server"
    assert our_role("passive") == "client"


def test_an_offer_has_all_that_a_browser_insists_on() -> None:
    offer = describe_offer([AUDIO, VIDEO], LOCAL.transport)
    assert offer.value("group") == "BUNDLE a v"
    assert offer.has("ice-lite")
    for media, line in zip(offer.media, (AUDIO, VIDEO), strict=True):
        assert (media.port, media.protocol) == (10000, "UDP/TLS/RTP/SAVPF")
        assert media.value("mid") == line.mid
        assert media.value("setup") == "actpass"
        assert media.value("fingerprint") == f"sha-256 {FINGERPRINT}"
        assert media.value("ice-ufrag") == "relayufrag"
        assert media.has("rtcp-mux") and media.has("end-of-candidates")
        assert media.values("candidate") == [
            "1 1 udp 2130706175 192.0.2.1 10000 typ host",
            "2 1 udp 2130705919 127.0.0.1 10000 typ host",
        ]
    assert offer.media[0].values("fmtp") == ["111 useinbandfec=1"]
    assert offer.media[1].values("rtcp-fb") == ["96 ccm fir", "96 nack"]
    assert offer.media[1].has("recvonly")


def test_candidates_of_tcp_are_passive_and_come_after_all_others() -> None:
    tcp = tuple(Address(host, 443) for host in ("192.0.2.1", "127.0.0.1"))
    offer = describe_offer([AUDIO], replace(LOCAL.transport, tcp_candidates=tcp))
    candidates = offer.media[0].values("candidate")
    assert candidates[2:] == [
        "3 1 tcp 1520434943 192.0.2.1 443 typ host tcptype passive",
        "4 1 tcp 1520434687 127.0.0.1 443 typ host tcptype passive",
    ]
    priorities = [int(candidate.split()[3]) for candidate in candidates]
    assert priorities == sorted(priorities, reverse=True)


def test_an_answer_keeps_every_line_in_its_place_and_bundles_what_is_taken() -> None:
    offer = parse(sdp("chromium_audio_video_offer"))
    answer = describe_answer(offer, [None, replace(VIDEO, mid="1"), None], LOCAL.transport, "passive")
    assert [(media.kind, media.port, media.value("mid")) for media in answer.media] == [
        ("audio", 0, "0"),
        ("video", 10000, "1"),
        ("application", 0, "2"),
    ]
    assert answer.value("group") == "BUNDLE 1"
    assert answer.media[1].value("setup") == "passive"
    assert answer.media[2].protocol == "UDP/DTLS/SCTP"


def test_an_answer_to_an_offer_without_a_group_has_none() -> None:
    offer = SessionDescription(media=(Media(kind="audio", port=9, protocol="RTP/SAVPF", formats=("111",)),))
    answer = describe_answer(offer, [replace(AUDIO, mid="")], LOCAL.transport, "passive")
    assert not answer.has("group")
    assert not answer.media[0].has("mid")
