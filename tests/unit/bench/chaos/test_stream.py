"""What counts as a gap, and what does not."""

import math

import pytest
from bench.chaos.stream import PERIOD, Ear, Packet, gap_between, packet_of, read


def sent_on_time(number: int, late: float = 0.001) -> Packet:
    """A packet of a sender that is never late."""
    return Packet(number, number * PERIOD, number * PERIOD + late)


def test_a_packet_is_read_as_it_was_made() -> None:
    assert read(packet_of(70000, 12.5, 4711), 12.6) == Packet(70000, 12.5, 12.6)


def test_packets_in_a_row_are_no_gap() -> None:
    assert gap_between(sent_on_time(1), sent_on_time(2)) == 0.0


def test_a_delay_that_a_jitter_buffer_makes_up_for_is_no_gap() -> None:
    assert gap_between(sent_on_time(1), sent_on_time(2, late=0.05)) == 0.0


def test_a_longer_delay_is_one() -> None:
    assert gap_between(sent_on_time(1), sent_on_time(2, late=0.1)) == pytest.approx(0.099)


def test_each_packet_that_is_missing_counts() -> None:
    assert gap_between(sent_on_time(1), sent_on_time(2 + 10)) == pytest.approx(10 * PERIOD)


def test_a_sender_that_pauses_is_not_the_networks_fault() -> None:
    paused = Packet(2, 2 * PERIOD + 1.0, 2 * PERIOD + 1.0)
    assert gap_between(sent_on_time(1, late=0.0), paused) == 0.0


def test_what_two_ways_bring_is_heard_once() -> None:
    ear = Ear()
    for number in (1, 2, 1, 2, 3):
        ear.hear(sent_on_time(number))
    assert [packet.number for packet in ear.heard] == [1, 2, 3]


def test_gaps_before_the_fault_do_not_count() -> None:
    ear = Ear()
    for number in (1, 20, 21, 31, 32):
        ear.hear(sent_on_time(number))
    assert ear.gap_since(20.5 * PERIOD) == pytest.approx(9 * PERIOD)


def test_who_hears_nothing_more_has_a_gap_without_end() -> None:
    ear = Ear()
    ear.hear(sent_on_time(1))
    assert ear.gap_since(1.0) == math.inf


def test_an_ear_knows_whether_enough_has_come_of_late() -> None:
    ear = Ear()
    for number in (1, 2, 3):
        ear.hear(sent_on_time(number))
    assert ear.has_heard(2, since=1.5 * PERIOD)
    assert not ear.has_heard(3, since=1.5 * PERIOD)
    assert not ear.has_heard(4, since=0.0)


def test_a_report_for_the_port_before_is_not_heard() -> None:
    ear = Ear()
    ear.take(packet_of(1, 10.0, 7), 10.0)
    ear.take(bytes([0x80, 200, 0, 6]) + b"\xff" * 24, 10.01)  # a sender report
    ear.take(packet_of(2, 10.0 + PERIOD, 7), 10.0 + PERIOD)
    assert [packet.number for packet in ear.heard] == [1, 2]
