"""When sessions are measured, and what becomes of it."""

from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from tests.support.descriptions import LOCAL, sdp
from tests.support.source_statistics import source

from media_relay.core.description.browser_offers import BrowserOffers
from media_relay.core.description.sdes import FarSideKeys
from media_relay.core.packet import rtcp
from media_relay.core.session import MediaSession, Owner
from media_relay.core.statistics import SourceStatistics
from media_relay.watches.quality import QualityWatch
from shared.messages import Event, MediaQuality
from shared.messages.media import Side


class World:
    """A watch with a clock of its own, and what the data path would know."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sources: dict[str, tuple[SourceStatistics, ...]] = {}
        self.joined: frozenset[int] = frozenset()
        self.asked: list[tuple[float, str]] = []
        self.sent: list[tuple[str, int, Side, bytes]] = []
        self.told: list[tuple[str, Event]] = []
        tell = lambda agent, event: self.told.append((agent, event))  # noqa: E731
        random = lambda count: bytes(range(count))  # noqa: E731
        self.watch = QualityWatch(self, tell, lambda: self.now, lambda: 1.8e9, random, period=5.0)

    def statistics(self, media_id: str, /) -> tuple[SourceStatistics, ...]:
        self.asked.append((self.now, media_id))
        return self.sources.get(media_id, ())

    def bridged(self, media_id: str, /) -> frozenset[int]:
        return self.joined

    def send_rtcp(self, media_id: str, stream: int, side: Side, packet: bytes, /) -> None:
        self.sent.append((media_id, stream, side, packet))

    def begin(self, media_id: str) -> MediaSession:
        session = ringing()
        answer(session)
        self.watch.begin(media_id, session)
        return session

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(4 * seconds)):
            self.now += 0.25
            self.watch.take_turns()


def ringing() -> MediaSession:
    negotiation = BrowserOffers(sdp("chromium_audio_video_offer"))
    negotiation.offer(LOCAL)
    return MediaSession(Owner("call", "agent"), "browser", negotiation, FarSideKeys((), tuple), 0.0, 30.0)


def answer(session: MediaSession) -> None:
    session.answer("sip", sdp("kamailio_opus_answer"), provisional=False, epoch=1, now=0.0)


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"cordboard_media_relay_{name}", labels) or 0.0


@pytest.fixture
def world() -> World:
    return World()


def test_each_session_has_its_turn_a_period_after_the_one_before(world: World) -> None:
    world.begin("m1")
    world.pass_time(2)
    world.begin("m2")
    world.begin("m1")  # connected once more
    world.pass_time(10)
    assert world.asked == [(105.0, "m1"), (107.0, "m2"), (110.0, "m1"), (112.0, "m2")]


def test_a_session_that_ended_is_not_measured_and_may_come_again(world: World) -> None:
    world.begin("m1")
    world.pass_time(1)
    world.watch.end("m1")
    world.begin("m1")
    world.pass_time(5)
    assert world.asked == [(106.0, "m1")]


def test_what_is_measured_goes_to_the_agent_and_to_the_metrics(world: World) -> None:
    before = metric("loss_ratio_count", side="browser", kind="audio"), metric("mos_count", side="browser", kind="audio")
    world.begin("m1")
    browser = source(packets=90, highest_sequence=100, jitter=480.0, last_heard=104.0)
    phone = source("sip", 0x51, last_heard=104.0, reported_at=104.0, reported_loss=0.0, round_trip=0.02)
    world.sources["m1"] = (browser, phone)
    world.pass_time(5)
    ((agent, event),) = world.told
    assert agent == "agent"
    assert isinstance(event, MediaQuality)
    assert (event.media_id, event.call_id, event.unheard) == ("m1", "call", ())
    assert [(leg.side, leg.loss, leg.jitter, leg.round_trip) for leg in event.legs] == [
        ("browser", 0.1, 0.01, 0.02),
        ("sip", 0.0, 0.0, None),
    ]
    after = metric("loss_ratio_count", side="browser", kind="audio"), metric("mos_count", side="browser", kind="audio")
    assert after == (before[0] + 1, before[1] + 1)


def test_one_way_audio_and_silence_are_counted_once(world: World) -> None:
    def counts() -> tuple[float, float]:
        return metric("one_way_audio_total", side="sip"), metric("silence_total")

    one_way, silence = counts()
    world.begin("m1")
    for _ in range(4):
        world.sources["m1"] = (source(last_heard=world.now + 4.0),)
        world.pass_time(5)
    assert counts() == (one_way + 1, silence)
    assert cast(Any, world.told[-1][1]).unheard == ("sip",)
    world.pass_time(15)
    assert counts() == (one_way + 1, silence + 1)
    assert cast(Any, world.told[-1][1]).unheard == ("browser", "sip")


def test_a_call_that_is_not_answered_is_told_of_to_nobody(world: World) -> None:
    session = ringing()
    world.watch.begin("m1", session)
    world.sources["m1"] = (source(last_heard=104.0),)
    world.pass_time(20)
    assert world.told == []
    answer(session)
    world.pass_time(15)
    assert world.told != []


def test_a_side_without_rtcp_is_spoken_for_and_that_is_counted(world: World) -> None:
    before = metric("own_reports_total", to="browser")
    world.begin("m1")
    for packets in (250, 500, 750):
        phone = source("sip", 0x51, packets=packets, last_heard=world.now + 4.0, reported_at=world.now)
        world.sources["m1"] = (phone,)
        world.pass_time(5)
    ((media_id, stream, side, packet),) = world.sent
    assert (media_id, stream, side) == ("m1", 0, "browser")
    assert rtcp.parse(packet) == (0x51, ())
    assert metric("own_reports_total", to="browser") == before + 1
