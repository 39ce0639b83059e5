"""Which browsers are told how much they may send, and how."""

from dataclasses import replace

import pytest
from tests.support.source_statistics import source

from media_relay.core.bit_rate import BitRateBounds
from media_relay.core.packet import feedback
from media_relay.core.plan import StreamPlan
from media_relay.core.statistics import SourceStatistics
from media_relay.watches.bit_rate import BitRateWatch
from shared.messages.media import Side

AUDIO = StreamPlan("audio")
VIDEO = StreamPlan("video", wants_bit_rate=True, sip_bit_rate=500_000)


class World:
    """A watch with a clock of its own, and what the data path would know."""

    def __init__(self) -> None:
        self.now = 10.0
        self.sessions: dict[str, tuple[StreamPlan, ...]] = {"m1": (AUDIO, VIDEO)}
        self.sources: tuple[SourceStatistics, ...] = (source(stream=0), source(stream=1, ssrc=0xB2))
        self.asked: list[str] = []
        self.sent: list[tuple[str, int, Side, bytes]] = []
        self.watch = BitRateWatch(self, self.sessions.items, lambda: self.now, BitRateBounds(100_000, 2_000_000))

    def statistics(self, media_id: str, /) -> tuple[SourceStatistics, ...]:
        self.asked.append(media_id)
        return self.sources

    def send_rtcp(self, media_id: str, stream: int, side: Side, packet: bytes, /) -> None:
        self.sent.append((media_id, stream, side, packet))


@pytest.fixture
def world() -> World:
    return World()


def test_a_browser_is_told_of_its_video(world: World) -> None:
    world.watch.tell()
    assert world.sent == [("m1", 1, "browser", feedback.receiver_estimate(1, 0xB2, 500_000))]


@pytest.mark.parametrize("change", [{"wants_bit_rate": False}, {"browser_sends": False}])
def test_who_is_told_by_the_far_side_or_sends_nothing_is_not_even_looked_at(
    world: World, change: dict[str, bool]
) -> None:
    world.sessions["m1"] = (AUDIO, replace(VIDEO, **change))  # type: ignore[arg-type]
    world.watch.tell()
    assert (world.asked, world.sent) == ([], [])


def test_it_is_told_of_the_source_that_was_heard_last_if_that_was_just_now(world: World) -> None:
    world.sources += (source(stream=1, ssrc=0xB3, last_heard=10.5),)
    world.now = 11.0
    world.watch.tell()
    world.now = 13.0
    world.watch.tell()
    assert [packet for *_, packet in world.sent] == [feedback.receiver_estimate(1, 0xB3, 500_000)]


def test_each_session_goes_by_its_own_reports_and_begins_anew_once_it_was_gone(world: World) -> None:
    def tell(seconds: float, loss: float) -> bytes:
        world.now += seconds
        packets = int(100 * world.now)
        known = source(stream=1, ssrc=0xB2, packets=packets, octets=500 * packets, last_heard=world.now)
        world.sources = (replace(known, reported_at=world.now, reported_loss=loss),)
        world.watch.tell()
        return world.sent[-1][-1]

    first = tell(1.0, 0.5)
    assert tell(1.0, 0.5) == feedback.receiver_estimate(1, 0xB2, 300_000)
    streams = world.sessions.pop("m1")
    world.watch.tell()
    world.sessions["m1"] = streams
    assert tell(1.0, 0.5) == first
