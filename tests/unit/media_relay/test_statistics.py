"""What is known of a source: the same in the Python forwarder's record and in the native one's."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.native_parts import NativeSourceRecord
from tests.support.rtp_packets import receiver_report_of, report_block, rtp_packet, sender_report_at

from media_relay.core.packet import rtp
from media_relay.core.plan import StreamPlan
from media_relay.core.statistics import SourceRecord, SourceRecords, SourceStatistics
from shared.messages.media import Side

Record = SourceRecord | NativeSourceRecord
RECORDS: tuple[Callable[[], Record], ...] = (SourceRecord, NativeSourceRecord)


@pytest.fixture(params=RECORDS)
def record(request: pytest.FixtureRequest) -> Record:
    made: Record = request.param()
    return made


def known(record: Record) -> SourceStatistics:
    return record.statistics(0, "sip", 0x51)


def hear_numbers(record: Record, numbers: Sequence[int]) -> SourceStatistics:
    for count, number in enumerate(numbers):
        record.hear(number, 160 * count, 160, 100.0 + 0.02 * count, 8000)
    return known(record)


@pytest.mark.parametrize(
    ("numbers", "first", "highest", "packets"),
    [
        ([7], 7, 7, 1),
        ([7, 8, 9], 7, 9, 3),
        ([7, 9, 8, 8], 7, 9, 4),  # reordered and doubled
        ([65534, 65535, 0, 1], 65534, 65537, 4),  # a cycle
        ([65534, 0, 65535, 1], 65534, 65537, 4),
        ([1, 2999], 1, 2999, 2),  # lost, not begun anew
        ([1, 2, 30000, 3], 1, 3, 3),  # a stray one
        ([1, 2, 30000, 30001, 30002], 30001, 30002, 2),  # begun anew (RFC 3550 A.1)
        ([200, 101, 201], 200, 201, 3),  # late by less than it takes for that
    ],
)
def test_numbers_are_extended_and_a_restart_is_found(
    record: Record, numbers: list[int], first: int, highest: int, packets: int
) -> None:
    statistics = hear_numbers(record, numbers)
    assert (statistics.first_sequence, statistics.highest_sequence, statistics.packets) == (first, highest, packets)
    assert statistics.last_heard == pytest.approx(100.0 + 0.02 * (len(numbers) - 1))


def test_jitter_is_the_mean_deviation_of_the_transit_times(record: Record) -> None:
    for count in range(400):
        late = 0.005 if count % 2 else 0.0  # 40 units of 8000 Hz, every time
        record.hear(count, 160 * count, 160, 1.0 + 0.02 * count + late, 8000)
    assert known(record).jitter == pytest.approx(40, abs=1.5)  # the arrival is in whole units


def test_a_steady_source_has_no_jitter_across_the_wrap_of_its_timestamp(record: Record) -> None:
    for count in range(100):
        record.hear(count, (0xFFFF_F000 + 960 * count) & 0xFFFF_FFFF, 80, 1.0 + 0.02 * count, 48000)
    assert known(record).jitter < 1.5


def test_packets_of_one_picture_tell_no_jitter(record: Record) -> None:
    for count in range(90):
        record.hear(count, 3000 * (count // 3), 1000, 1.0 + (count // 3) / 30 + 0.004 * (count % 3), 90000)
    assert known(record).jitter < 1.5


def test_events_count_and_tell_no_time(record: Record) -> None:
    for count in range(30):
        is_event = 10 <= count < 15
        timestamp = 77 if is_event else 960 * count  # in a clock of its own
        record.hear(count, timestamp, 80, 1.0 + 0.02 * count, 0 if is_event else 48000)
    statistics = known(record)
    assert (statistics.packets, statistics.last_timestamp) == (30, 960 * 29)
    assert statistics.jitter < 1.5


def test_a_sender_that_begins_anew_has_no_jitter_of_its_new_clock(record: Record) -> None:
    for count in range(10):
        record.hear(count, 160 * count, 160, 1.0 + 0.02 * count, 8000)
    for count in range(3):
        record.hear(40000 + count, 900_000 + 160 * count, 160, 1.2 + 0.02 * count, 8000)
    assert known(record).jitter < 1.5


def test_nothing_is_known_before_it_is_heard_or_reported(record: Record) -> None:
    record.hear(1, 160, 160, 1.0, 8000)
    statistics = known(record)
    assert (statistics.sender_report, statistics.reported_at, statistics.reported_loss) == (None, None, None)
    assert (statistics.reported_jitter, statistics.round_trip) == (None, None)
    assert (statistics.last_heard, statistics.last_timestamp) == (1.0, 160)


def test_the_answer_to_a_sender_report_tells_the_round_trip(record: Record) -> None:
    record.note_sender_report(0x1234_5678, 10.0)
    record.reported(0.25, 80, 0x1234_5678, 65536 // 2, 10.58)
    statistics = known(record)
    assert statistics.round_trip == pytest.approx(0.08)
    assert (statistics.reported_at, statistics.reported_loss, statistics.reported_jitter) == (10.58, 0.25, 80)


@pytest.mark.parametrize(("last_report", "delay", "round_trip"), [(0, 0, None), (7, 0, None), (1, 131072, 0.0)])
def test_what_answers_no_report_of_ours_tells_none_and_none_is_below_zero(
    record: Record, last_report: int, delay: int, round_trip: float | None
) -> None:
    record.note_sender_report(1, 10.0)
    record.reported(0.0, 0, last_report, delay, 11.0)
    assert known(record).round_trip == round_trip


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 0xFFFF_FFFF), st.integers(0, 1000)), max_size=50))
def test_both_records_come_to_the_same(packets: list[tuple[int, int, int]]) -> None:
    now = 5.0
    records = [make() for make in RECORDS]
    for number, timestamp, wait in packets:
        now += wait / 1000
        for record in records:
            record.hear(number, timestamp, wait, now, 48000)
    one, other = (known(record) for record in records)
    assert one == other
    assert records[0].shift == records[1].shift


def test_a_source_that_begins_anew_further_back_goes_on_where_it_stood(record: Record) -> None:
    hear_numbers(record, [40000, 40001, 20000, 20001])
    assert (20001 + record.shift) % 65536 == 40002
    hear_numbers(record, [10000, 10001])
    assert (10001 + record.shift) % 65536 == 40003
    hear_numbers(record, [30000, 30001])  # further on: what is between is lost
    assert (10001 + record.shift) % 65536 == 40003


PLAN = StreamPlan("audio", clock_rate=8000, browser_events={101: 8000}, sip_events={96: 8000})


def heard(records: SourceRecords, side: Side, ssrc: int, payload_type: int = 0) -> None:
    packet = rtp_packet(payload_type, 1, ssrc)
    header = rtp.parse(packet)
    assert header is not None
    records.hear(side, header, packet, 1.0, PLAN).sent()


def found(records: SourceRecords) -> dict[tuple[Side, int], SourceStatistics]:
    """Return what is known of sources that all send the one stream."""
    owners: dict[Side, dict[int, str | None]] = {
        "browser": {0xB1: "stream", 0xB2: None},
        "sip": {0x51: "stream", 0xB1: "stream"},
    }
    return {(each.side, each.ssrc): each for each in records.statistics(owners, ["stream"])}


def test_reports_speak_of_the_own_sources_and_of_the_other_sides() -> None:
    records = SourceRecords()
    heard(records, "browser", 0xB1)
    heard(records, "sip", 0x51)
    heard(records, "sip", 0xB1)
    records.read_reports("browser", sender_report_at(0xB1, 0x1_0000, report_block(0x51, 128)), 2.0)
    records.read_reports("sip", receiver_report_of(0x51, report_block(0xB1, 64, last_report=1)), 2.5)
    known = found(records)
    assert known["browser", 0xB1].sender_report == (1, 2.0)
    assert known["browser", 0xB1].round_trip == 0.5
    assert known["browser", 0xB1].reported_loss == 0.25
    assert known["sip", 0x51].reported_loss == 0.5
    assert known["sip", 0xB1].sender_report is None
    assert known["sip", 0xB1].reported_loss is None


def test_a_report_made_here_counts_as_having_passed() -> None:
    records = SourceRecords()
    heard(records, "sip", 0x51)
    records.read_own_reports("browser", sender_report_at(0x51, 0x2_0000), 2.0)
    assert found(records)["sip", 0x51].sender_report == (2, 2.0)


def test_octets_are_counted_as_heard_and_as_sent_and_events_tell_no_time() -> None:
    records = SourceRecords()
    heard(records, "browser", 0xB1, 101)
    heard(records, "sip", 0x51, 96)
    heard(records, "browser", 0xB2)  # of no stream any more
    known = found(records)
    assert set(known) == {("browser", 0xB1), ("sip", 0x51)}
    for each in known.values():
        assert (each.octets, each.sent_packets, each.sent_octets, each.last_timestamp) == (160, 1, 160, 0)
    records.clear()
    assert found(records) == {}
