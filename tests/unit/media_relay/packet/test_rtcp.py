"""Finding the sources in RTCP compound packets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.rtp_packets import (
    picture_loss_indication,
    receiver_report,
    receiver_report_of,
    report_block,
    sender_report,
    sender_report_at,
)

from media_relay.core.packet import rtcp

NTP = 0x1122_3344_5566_7788
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
    if sources is not None:
        assert {block.ssrc for block in rtcp.read_reports(packet).blocks} <= set(sources.about)


def test_reports_are_read_wherever_in_a_compound_packet_they_are() -> None:
    block = report_block(0x51, fraction_lost=64, jitter=80, last_report=0x2233_4455, delay=6554, highest=0x1_0007)
    packet = sender_report_at(0xB1, 0x1122_3344_5566_7788, block) + receiver_report_of(0xB2, block + block) + GOODBYE
    reports = rtcp.read_reports(packet)
    assert reports.sent == ((0xB1, 0x3344_5566),)
    assert reports.blocks == (rtcp.ReportBlock(0x51, 64, 0x1_0007, 80, 0x2233_4455, 6554),) * 3


def test_reports_that_are_cut_off_are_not_read() -> None:
    assert rtcp.read_reports(b"\x9f" + receiver_report(1)[1:]) == ((), ())
    assert rtcp.read_reports(bytes.fromhex("80c80001 00000001")) == ((), ())


def test_a_picture_loss_indication_is_a_compound_packet_about_its_source() -> None:
    packet = rtcp.picture_loss_indication(1, 0xB2)
    assert rtcp.parse(packet) == (1, (0xB2,))
    assert packet == receiver_report(1) + picture_loss_indication(1, 0xB2)


def test_sender_reports_can_tell_other_counts() -> None:
    before = sender_report_at(1, NTP, report_block(3)) + sender_report_at(2, NTP) + receiver_report(1, (2,)) + GOODBYE
    after = rtcp.with_sender_counts(before, {1: (5, 1 << 32 | 6)}.get)
    assert len(after) == len(before)
    assert after[20:28] == (5).to_bytes(4, "big") + (6).to_bytes(4, "big")
    assert after[:20] + bytes(8) + after[28:] == before
