"""Finding the sources in RTCP compound packets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.rtp_packets import picture_loss_indication, receiver_report, sender_report

from media_relay.core.packet import rtcp

GOODBYE = bytes.fromhex("81cb0001 00000001")


@pytest.mark.parametrize(
    ("packet", "sender", "about"),
    [
        (receiver_report(1), 1, ()),
        (receiver_report(1, (2, 3)), 1, (2, 3)),
        (sender_report(1, (2,)), 1, (2,)),
        (sender_report(1) + GOODBYE, 1, ()),
        (picture_loss_indication(1, 2), 1, (2,)),
        (receiver_report(1, (2,)) + picture_loss_indication(1, 3), 1, (2, 3)),
        (bytes.fromhex("80c90000"), None, ()),
        (bytes.fromhex("80c90000") + receiver_report(1, (2,)), None, (2,)),  # SRTCP would not take 1 for its SSRC
    ],
)
def test_sender_and_the_sources_spoken_of_are_found(packet: bytes, sender: int | None, about: tuple[int, ...]) -> None:
    assert rtcp.parse(packet) == rtcp.RtcpSources(sender, about)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        receiver_report(1)[:3],
        receiver_report(1)[:7],
        receiver_report(1) + b"\x80\xc9",
        b"\x40" + receiver_report(1)[1:],  # version 1
        receiver_report(1) + b"\x80\x6f\x00\x00",  # RTP after it
        b"\xa0" + receiver_report(1)[1:] + GOODBYE,  # padding before the end
    ],
)
def test_malformed_packets_are_refused(packet: bytes) -> None:
    assert rtcp.parse(packet) is None


def test_report_blocks_that_are_counted_but_missing_are_not_read() -> None:
    assert rtcp.parse(b"\x9f" + receiver_report(1)[1:]) == rtcp.RtcpSources(1, ())


@given(st.binary(max_size=80))
def test_any_bytes_are_parsed_or_refused(packet: bytes) -> None:
    sources = rtcp.parse(packet)
    assert sources is None or len(packet) % 4 == 0


def test_a_picture_loss_indication_is_a_compound_packet_about_its_source() -> None:
    packet = rtcp.picture_loss_indication(1, 0xB2)
    assert rtcp.parse(packet) == (1, (0xB2,))
    assert packet == receiver_report(1) + picture_loss_indication(1, 0xB2)
