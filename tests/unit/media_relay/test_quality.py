"""How good media is, from statistics of two moments."""

import pytest
from tests.support.source_statistics import source

from media_relay.core.plan import StreamPlan
from media_relay.core.quality import SIDES, UNHEARD_SECONDS, QualityMeter, QualitySample, mean_opinion_score
from media_relay.core.statistics import SourceStatistics
from shared.messages.media import LegQuality, Side

OPUS = StreamPlan("audio", encoding="opus", clock_rate=48000)
VIDEO = StreamPlan("video", encoding="vp8", clock_rate=90000)


@pytest.mark.parametrize(
    ("loss", "delay", "encoding", "score"),
    [
        (0.0, 0.0, "pcmu", 4.41),
        (0.0, 0.15, "pcmu", 4.33),
        (0.0, 0.4, "pcmu", 3.05),  # from 177 ms on delay weighs heavily
        (0.02, 0.0, "pcmu", 4.235),
        (0.1, 0.1, "opus", 3.29),
        (0.0, 0.0, "g729", 4.104),
        (0.05, 0.0, "g729", 3.34),
        (1.0, 1.0, "pcmu", 1.0),
    ],
)
def test_the_e_model_gives_the_scores_of_g_107(loss: float, delay: float, encoding: str, score: float) -> None:
    assert mean_opinion_score(loss, delay, encoding) == pytest.approx(score, abs=0.006)


def measured(
    *moments: tuple[SourceStatistics, ...], streams: tuple[StreamPlan, ...] = (OPUS,), now: float = 10.0
) -> tuple[LegQuality, ...]:
    """Return the legs of the last moment."""
    meter, legs = QualityMeter(), ()
    for sources in moments:
        legs = meter.sample(now, sources, streams, is_talking=True).legs
    return legs


def test_nothing_measured_is_no_leg() -> None:
    assert measured(()) == ()


def test_a_side_without_reports_has_neither_round_trip_nor_score() -> None:
    (leg,) = measured((source(packets=98, highest_sequence=100, jitter=480.0),))
    assert leg == LegQuality(side="browser", kind="audio", loss=0.02, jitter=0.01)


def test_reports_tell_the_round_trip_of_the_side_that_made_them() -> None:
    phone = source(
        "sip", 0x51, reported_at=9.0, reported_loss=0.1, reported_jitter=960, round_trip=0.06, last_heard=9.5
    )
    browser, sip = measured((source(jitter=96.0), phone))
    assert (browser.side, browser.round_trip, browser.reported_loss, browser.reported_jitter) == (
        "browser",
        0.06,
        0.1,
        0.02,
    )
    assert browser.mos == pytest.approx(mean_opinion_score(0.0, 0.03 + 0.004, "opus"))
    assert (sip.side, sip.round_trip, sip.mos) == ("sip", None, None)


def test_a_report_that_is_too_old_tells_nothing() -> None:
    phone = source("sip", 0x51, reported_at=9.0, reported_loss=0.1, round_trip=0.06)
    legs = measured((source(), phone), (source(packets=200, last_heard=25.0), phone), now=25.0)
    assert legs == (LegQuality(side="browser", kind="audio", loss=0.0, jitter=0.0),)


@pytest.mark.parametrize(
    ("later", "loss"),
    [
        ({"packets": 170, "highest_sequence": 200}, 0.1),
        ({"packets": 205, "highest_sequence": 200}, 0.0),  # duplicates
        ({"packets": 30, "highest_sequence": 60, "first_sequence": 21}, 0.25),  # has begun anew
        ({"packets": 100, "highest_sequence": 100}, None),  # only what does not count
    ],
)
def test_loss_is_that_of_the_time_between(later: dict[str, int], loss: float | None) -> None:
    (leg,) = measured((source(packets=80, highest_sequence=100),), (source(last_heard=15.0, **later),))
    assert leg.loss == loss


def test_a_source_that_fell_silent_is_not_measured() -> None:
    assert measured((source(),), (source(),)) == ()


def test_several_sources_of_a_side_count_together_and_the_latest_tells_the_jitter() -> None:
    (leg,) = measured(
        (
            source(packets=50, highest_sequence=100, jitter=4800.0, last_heard=8.0),
            source(ssrc=0xB2, packets=100, jitter=48.0, last_heard=9.0),
        )
    )
    assert (leg.loss, leg.jitter) == (0.25, 0.001)


def test_kinds_are_told_apart_by_their_stream_and_video_has_no_score() -> None:
    legs = measured(
        (source("sip", 0x51), source("sip", 0x52, 1, jitter=900.0), source("browser", 0xB2, 1, **reported(0.02))),
        streams=(OPUS, VIDEO),
    )
    assert [(leg.side, leg.kind) for leg in legs] == [("browser", "video"), ("sip", "audio"), ("sip", "video")]
    assert (legs[2].jitter, legs[2].round_trip, legs[2].mos) == (0.01, 0.02, None)


def reported(round_trip: float) -> dict[str, float]:
    return {"reported_at": 9.0, "reported_loss": 0.0, "reported_jitter": 0, "round_trip": round_trip}


class Watch:
    """A call on which somebody is heard at certain times."""

    def __init__(self, *streams: StreamPlan, sides: tuple[Side, ...] = SIDES) -> None:
        self.streams = streams or (OPUS,)
        self.meter = QualityMeter(sides)
        self.is_talking = True
        self.heard: dict[Side, SourceStatistics] = {}

    def hear(self, side: Side, now: float, stream: int = 0) -> None:
        self.heard[side] = source(side, stream=stream, last_heard=now)

    def at(self, now: float) -> tuple[tuple[Side, ...], bool]:
        sample: QualitySample = self.meter.sample(now, tuple(self.heard.values()), self.streams, self.is_talking)
        return sample.unheard, sample.is_news


LATER = 10.0 + UNHEARD_SECONDS + 0.1


def test_a_side_that_is_not_heard_any_more_is_one_way_audio_told_as_news_once() -> None:
    watch = Watch()
    watch.hear("browser", 10.0)
    watch.hear("sip", 10.0)
    assert watch.at(10.0) == ((), False)
    watch.hear("browser", LATER)
    assert watch.at(LATER) == (("sip",), True)
    watch.hear("browser", LATER + 5)
    assert watch.at(LATER + 5) == (("sip",), False)
    watch.hear("sip", LATER + 10)
    watch.hear("browser", LATER + 10)
    assert watch.at(LATER + 10) == ((), False)


def test_neither_side_heard_is_silence() -> None:
    watch = Watch()
    assert watch.at(10.0) == ((), False)
    assert watch.at(LATER) == (("browser", "sip"), True)


def test_a_side_that_the_session_has_not_is_neither_missed_nor_a_leg() -> None:
    watch = Watch(sides=("sip",))
    watch.hear("sip", LATER)
    watch.at(10.0)
    watch.hear("sip", LATER + 5)
    assert watch.at(LATER + 5) == ((), False)
    watch.hear("browser", LATER + 5)  # what a joined session is sent in its place
    watch.hear("sip", LATER + 6)
    legs = watch.meter.sample(LATER + 6, tuple(watch.heard.values()), watch.streams, True).legs
    assert [leg.side for leg in legs] == ["sip"]


def test_who_need_not_send_is_not_missed() -> None:
    watch = Watch(StreamPlan("audio", sip_sends=False), VIDEO)
    watch.at(10.0)
    watch.hear("browser", LATER)
    assert watch.at(LATER) == ((), False)


def test_nobody_is_missed_before_the_call_is_answered_nor_at_once_after_a_hold() -> None:
    watch = Watch()
    watch.is_talking = False
    watch.at(10.0)
    assert watch.at(LATER) == ((), False)
    watch.is_talking = True
    assert watch.at(LATER + 1) == ((), False)
    watch.streams = (StreamPlan("audio", browser_sends=False, sip_sends=False),)
    assert watch.at(LATER + 20) == ((), False)
    watch.streams = (OPUS,)
    assert watch.at(LATER + 30) == ((), False)
    assert watch.at(LATER + 30 + UNHEARD_SECONDS + 0.1) == (("browser", "sip"), True)


def test_a_call_without_audio_is_not_silent() -> None:
    watch = Watch(VIDEO)
    watch.at(10.0)
    assert watch.at(LATER) == ((), False)
