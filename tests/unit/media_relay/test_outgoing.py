"""The numbering of what the SIP side hears, with events in the place of the browser's packets."""

import pytest
from tests.support.native_parts import NativeOutgoingSource

from media_relay.core.outgoing import OutgoingSource
from media_relay.core.packet import rtp
from media_relay.core.packet.rtp import RtpHeader


@pytest.fixture(params=[OutgoingSource, NativeOutgoingSource])
def source(request: pytest.FixtureRequest) -> OutgoingSource | NativeOutgoingSource:
    made: OutgoingSource | NativeOutgoingSource = request.param()
    return made


def of_browser(number: int, ssrc: int = 0xB1) -> RtpHeader:
    """A header of a packet of 20 ms."""
    return RtpHeader(0, number & 0xFFFF, ssrc, 160 * number & 0xFFFFFFFF, 12)


def send_event(source: OutgoingSource, now: float, packets: int) -> list[RtpHeader]:
    """Begin an event, send so many packets and end it."""
    source.begin_event(8000, now)
    sent = [
        rtp.parse(source.event_packet(101, b"\1\x0a\0\xa0", marker=place == 0, later=0)) for place in range(packets)
    ]
    source.end_event()
    return [header for header in sent if header is not None]


def test_without_events_the_browsers_numbers_stay(source: OutgoingSource) -> None:
    numbers = [7, 8, 10, 9, 65535, 0, 300]
    assert [source.admit(of_browser(number), 0.0) for number in numbers] == numbers


def test_an_event_is_numbered_on_and_stands_where_the_media_would_be(source: OutgoingSource) -> None:
    source.admit(of_browser(65534), 10.0)
    sent = send_event(source, 10.5, 3)
    assert [header.sequence_number for header in sent] == [65535, 0, 1]
    assert {header.timestamp for header in sent} == {160 * 65534 + 4000}
    assert {header.ssrc for header in sent} == {0xB1}


def test_the_media_goes_on_without_a_gap_or_a_number_twice(source: OutgoingSource) -> None:
    source.admit(of_browser(100), 0.0)
    source.begin_event(8000, 0.02)
    assert source.admit(of_browser(101), 0.02) is None
    for _ in range(7):
        source.event_packet(101, b"", marker=False, later=0)
    source.end_event()
    assert source.admit(of_browser(108), 0.16) == 108
    assert source.admit(of_browser(102), 0.16) is None  # late
    assert source.admit(of_browser(110), 0.2) == 110
    assert source.admit(of_browser(109), 0.2) == 109
    assert [header.sequence_number for header in send_event(source, 0.3, 2)] == [111, 112]
    assert source.admit(of_browser(116), 0.4) == 113


def test_late_packets_are_recognised_only_so_long_as_numbers_do_not_come_round(source: OutgoingSource) -> None:
    source.admit(of_browser(0), 0.0)
    send_event(source, 0.0, 3)
    numbers = [source.admit(of_browser(number), 0.0) for number in range(1, 70000)]
    assert numbers == [(number + 3) & 0xFFFF for number in range(1, 70000)]


def test_the_next_event_is_later_though_no_media_came_between(source: OutgoingSource) -> None:
    source.admit(of_browser(0), 0.0)
    first, second = send_event(source, 1.0, 1), send_event(source, 1.25, 1)
    assert second[0].timestamp - first[0].timestamp == 2000


def test_a_segment_is_later_than_its_event(source: OutgoingSource) -> None:
    source.admit(of_browser(0xFFFFFFFF // 160), 0.0)
    source.begin_event(48000, 0.0)
    header = rtp.parse(source.event_packet(101, b"", marker=False, later=65280))
    assert header is not None
    assert header.timestamp == (160 * (0xFFFFFFFF // 160) + 65280) & 0xFFFFFFFF


def test_another_source_of_the_browser_keeps_its_numbers(source: OutgoingSource) -> None:
    source.admit(of_browser(1), 0.0)
    send_event(source, 0.0, 5)
    assert source.admit(of_browser(4000, ssrc=0xB2), 0.2) == 4000
    assert source.admit(of_browser(4001, ssrc=0xB2), 0.2) == 4001


def test_a_browser_that_has_sent_nothing_has_a_source_all_the_same(source: OutgoingSource) -> None:
    sent = send_event(source, 5.0, 2)
    assert [(header.sequence_number, header.ssrc) for header in sent] == [(1, 1), (2, 1)]
    assert source.admit(of_browser(9), 5.1) == 9


def test_a_source_that_comes_again_uses_no_number_twice(source: OutgoingSource) -> None:
    """Not those that an event has had: they would be encrypted with one keystream (RFC 3711 §9.1)."""
    used = [source.admit(of_browser(number), 0.0) for number in (100, 101)]
    used += [header.sequence_number for header in send_event(source, 0.1, 5)]  # 102 to 106
    used += [source.admit(of_browser(number), 0.2) for number in (102, 103)]
    assert source.admit(of_browser(4000, ssrc=0xB2), 0.3) == 4000
    used += [source.admit(of_browser(number), 0.4) for number in (104, 105)]
    assert source.admit(of_browser(4001, ssrc=0xB2), 0.5) == 4001
    used += [header.sequence_number for header in send_event(source, 0.6, 2) if header.ssrc == 0xB1]
    used += [source.admit(of_browser(number), 0.7) for number in (107, 106)]
    assert used == list(range(100, 111)) + [112, 111]


def test_nor_after_an_event_that_stood_at_its_end(source: OutgoingSource) -> None:
    source.admit(of_browser(100), 0.0)
    assert [header.sequence_number for header in send_event(source, 0.1, 5)][-1] == 105
    source.admit(of_browser(4000, ssrc=0xB2), 0.2)
    assert source.admit(of_browser(101), 0.3) == 106


def test_one_that_comes_again_far_ahead_goes_on_there(source: OutgoingSource) -> None:
    source.admit(of_browser(100), 0.0)
    send_event(source, 0.1, 5)
    assert source.admit(of_browser(101), 0.2) == 106
    source.admit(of_browser(4000, ssrc=0xB2), 0.3)
    assert source.admit(of_browser(40101), 1000.0) == 40106
    assert [header.sequence_number for header in send_event(source, 1000.1, 1)] == [40107]
