"""RTCP in the name of a side that sends none."""

from dataclasses import replace

import pytest
from tests.support.source_statistics import source

from media_relay.core.packet import rtcp
from media_relay.core.plan import Address, StreamPlan
from media_relay.core.quality import SIDES
from media_relay.core.reports import OWN_SSRC, OwnReport, Reporter
from media_relay.core.statistics import SourceStatistics
from shared.messages.media import Side

AUDIO = StreamPlan("audio", Address("192.0.2.1", 4000), clock_rate=8000)
WALL = 1_800_000_000.5
NTP_SECONDS = 1_800_000_000 + 2_208_988_800
MIDDLE = (NTP_SECONDS & 0xFFFF) << 16 | 0x8000


class World:
    """Reports are made at 10, 15, 20 … s, each time of sources that have gone on."""

    def __init__(self, *streams: StreamPlan, to: tuple[Side, ...] = SIDES) -> None:
        self.streams = streams or (AUDIO,)
        self.reporter = Reporter({"browser": b"browser's", "sip": b"phone's"}, to)
        self.bridged: set[int] = set()
        self.now = 5.0

    def make(self, *sources: SourceStatistics) -> list[OwnReport]:
        self.now += 5.0
        return self.reporter.make(self.now, WALL, sources, self.streams, self.bridged)

    def after_patience(self, *sources: SourceStatistics) -> list[OwnReport]:
        """Return the third time's, of sources that were heard all along."""
        for packets in (100, 350):
            assert self.make(*(going_on(each, packets, self.now + 5.0) for each in sources)) == []
        return self.make(*(going_on(each, 600, self.now + 5.0) for each in sources))


def going_on(source: SourceStatistics, packets: int, now: float) -> SourceStatistics:
    """Return it as it is with so many packets; if the other side reports about it, it does so still."""
    last = {"packets": packets, "highest_sequence": packets, "sent_packets": packets, "sent_octets": 160 * packets}
    reported_at = None if source.reported_at is None else now
    return replace(source, **last, last_heard=now, last_timestamp=160 * packets, reported_at=reported_at)


def kinds(packet: bytes) -> list[int]:
    types, position = [], 0
    while position < len(packet):
        types.append(packet[position + 1])
        position += 4 * (int.from_bytes(packet[position + 2 : position + 4], "big") + 1)
    return types


def test_a_phone_that_no_browser_hears_is_told_what_it_sends_and_nobody_else_is() -> None:
    (report,) = World(to=("sip",)).after_patience(source("sip", 0x51))
    assert report[:2] == (0, "sip")
    assert rtcp.parse(report.packet) == (OWN_SSRC, (0x51,))
    assert kinds(report.packet) == [rtcp.RECEIVER_REPORT, rtcp.SOURCE_DESCRIPTION]


def test_a_phone_without_rtcp_is_spoken_for_after_a_while() -> None:
    browser = source("browser", 0xB1, sender_report=(7, 19.5))  # which also hears the phone
    (report,) = World().after_patience(source("sip", 0x51, jitter=33.7), browser)
    assert report[:2] == (0, "browser")
    assert rtcp.parse(report.packet) == (0x51, (0xB1,))
    assert kinds(report.packet) == [rtcp.SENDER_REPORT, rtcp.SOURCE_DESCRIPTION]
    assert report.packet[8:12] == NTP_SECONDS.to_bytes(4, "big")
    assert [int.from_bytes(report.packet[at : at + 4], "big") for at in (16, 20, 24)] == [160 * 600, 600, 160 * 600]
    reports = rtcp.read_reports(report.packet)
    assert reports.sent == ((0x51, MIDDLE),)
    assert reports.blocks == (rtcp.ReportBlock(0xB1, 0, 600, 0, 7, 32768),)
    assert report.packet.endswith(b"\x81\xca\x00\x04\x00\x00\x00\x51\x01\x07phone's\x00\x00\x00")


def test_the_browser_of_a_bridge_is_spoken_for_by_the_session_of_the_other() -> None:
    world = World()
    world.bridged = {0}
    reports = world.after_patience(source("sip", 0x51), source("browser", 0xB1))
    assert [(report.stream, report.side) for report in reports] == [(0, "browser")]


def test_the_clock_of_a_source_goes_on_after_its_last_packet() -> None:
    world = World()
    phone = source("sip", 0x51, reported_at=0.0)
    world.after_patience(phone)
    (report,) = world.make(going_on(phone, 700, world.now + 4.5))
    assert int.from_bytes(report.packet[16:20], "big") == 160 * 700 + 4000


def test_loss_is_told_since_the_last_report_and_since_the_beginning() -> None:
    world = World()
    world.after_patience(source("browser", 0xB1, sender_report=(7, 10.0)))
    lossy = source(
        "browser",
        0xB1,
        sender_report=(7, 20.0),
        packets=650,
        highest_sequence=800,
        jitter=41.9,
        last_heard=world.now + 5,
    )
    ((_, _, packet),) = world.make(lossy)
    (block,) = rtcp.read_reports(packet).blocks
    assert (block.fraction_lost, block.highest_sequence, block.jitter) == (150 * 256 // 200, 800, 41)
    assert int.from_bytes(packet[13:16], "big") == 150


@pytest.mark.parametrize("side", ["browser", "sip"])
def test_who_reports_by_himself_is_not_spoken_for(side: str) -> None:
    world = World()
    for turn in range(10):
        now = 10.0 + 5 * turn
        browser = source("browser", 0xB1, last_heard=now)
        phone = source("sip", 0x51, last_heard=now)
        if side == "sip":
            phone, browser = replace(phone, sender_report=(turn, now - 1)), replace(browser, reported_at=now - 1)
        else:
            browser, phone = replace(browser, sender_report=(turn, now - 1)), replace(phone, reported_at=now - 1)
        for report in world.make(phone, browser):
            assert report.side == side  # it hears what the other side leaves out


def test_reports_of_our_own_are_not_taken_for_the_sides() -> None:
    world = World()
    phone = source("sip", 0x51, reported_at=0.0)
    world.after_patience(phone)
    ours = replace(going_on(phone, 700, world.now + 5), sender_report=(MIDDLE, world.now))
    assert len(world.make(ours)) == 1
    theirs = replace(going_on(phone, 800, world.now + 5), sender_report=(MIDDLE + 1, world.now + 4))
    assert world.make(theirs) == []


def test_a_side_that_stops_to_report_is_spoken_for_again() -> None:
    world = World()
    phone = source("sip", 0x51, reported_at=0.0, sender_report=(1, 10.0))
    made = [world.make(going_on(phone, 100 + n, 10.0 + 5 * n)) for n in range(7)]
    assert [len(reports) for reports in made] == [0, 0, 0, 0, 0, 1, 1]  # reported at 10, old at 25, patience till 35


def test_who_only_receives_is_spoken_for_by_a_receiver_report() -> None:
    (report,) = World().after_patience(source("browser", 0xB1, reported_at=None, sender_report=(7, 19.0)))
    assert report.side == "browser"
    assert rtcp.parse(report.packet) == (OWN_SSRC, (0xB1,))
    assert kinds(report.packet) == [rtcp.RECEIVER_REPORT, rtcp.SOURCE_DESCRIPTION]


def test_both_sides_without_rtcp_hear_of_each_other() -> None:
    reports = World().after_patience(source("browser", 0xB1), source("sip", 0x51))
    assert [(report.side, rtcp.parse(report.packet)) for report in reports] == [
        ("sip", (0xB1, (0x51,))),
        ("browser", (0x51, (0xB1,))),
    ]
    assert all(block.last_report == 0 for report in reports for block in rtcp.read_reports(report.packet).blocks)


def test_nothing_is_sent_to_a_far_side_that_is_not_known() -> None:
    reports = World(replace(AUDIO, sip_rtp=None)).after_patience(source("browser", 0xB1), source("sip", 0x51))
    assert [report.side for report in reports] == ["browser"]


def test_nothing_is_said_of_what_is_not_heard_any_more() -> None:
    world = World()
    world.after_patience(source("browser", 0xB1), source("sip", 0x51))
    gone = [replace(source(side, ssrc), last_heard=world.now) for side, ssrc in (("browser", 0xB1), ("sip", 0x51))]
    world.make(*gone)
    world.make(*gone)
    assert world.make(*gone) == []


def test_each_stream_is_spoken_for_by_itself() -> None:
    video = StreamPlan("video", Address("192.0.2.1", 4002), clock_rate=90000)
    reports = World(AUDIO, video).after_patience(source("sip", 0x51), source("sip", 0x52, 1, reported_at=None))
    assert [(report.stream, rtcp.parse(report.packet)) for report in reports if report.side == "browser"] == [
        (0, (0x51, ())),
        (1, (0x52, ())),
    ]
