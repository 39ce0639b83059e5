"""How good a call's media is, from what is known of its sources at two moments. What was not measured is None.

A leg is the way between the relay and one side. Loss and jitter are those of what the side sends, measured on its
arrival; the round trip comes from the side's answers to sender reports; `reported_*` is what the side itself says of
what it gets, so that speaks of both legs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.messages.media import LegQuality, Side

from .plan import StreamKind, StreamPlan
from .statistics import SourceStatistics

UNHEARD_SECONDS = 6.0  # longer than any pause of a sender that suppresses silence but keeps the far side informed
_REPORT_LIFETIME = 15.0  # seconds for which a report tells of now: two intervals and a half (RFC 3550 §6.2)
SIDES: tuple[Side, ...] = ("browser", "sip")
_KINDS: tuple[StreamKind, ...] = ("audio", "video")

_BEST_R = 93.2  # ITU-T G.107 §7.1: every default, neither delay nor loss
_MOST_IMPAIRMENT = 95.0  # ITU-T G.107 §7.5
_LONG_DELAY = 177.3  # ms; from there on talking gets hard, in the usual approximation of G.107 §7.4


class _Robustness(NamedTuple):
    """Of a codec in the E-model: Ie, what it costs by itself, and Bpl, how well it bears loss."""

    impairment: float
    to_loss: float


# ITU-T G.113 Appendix I, G.711 with concealment. G.722 and Opus have no values on this scale, which is that of narrow
# band; they conceal loss as well as that.
_CONCEALED = _Robustness(0.0, 25.1)
_ROBUSTNESS = {"g729": _Robustness(11.0, 19.0)}


def mean_opinion_score(loss: float, one_way_delay: float, encoding: str) -> float:
    """Return what a listener would say, 1 to 4.4: the E-model (ITU-T G.107) with its defaults. Delay in seconds."""
    impairment, to_loss = _ROBUSTNESS.get(encoding, _CONCEALED)
    percent, delay = 100 * loss, 1000 * one_way_delay
    by_loss = impairment + (_MOST_IMPAIRMENT - impairment) * percent / (percent + to_loss)
    by_delay = 0.024 * delay + max(0.0, 0.11 * (delay - _LONG_DELAY))
    rating = max(0.0, _BEST_R - by_delay - by_loss)
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)  # G.107 Annex B


_Key = tuple[int, Side, int]


@dataclass(frozen=True)
class QualitySample:
    """What a session was like since the sample before."""

    legs: tuple[LegQuality, ...]  # those of which anything was measured
    unheard: tuple[Side, ...]  # who should send audio, and is not heard
    is_news: bool  # nobody was unheard before, or somebody else


class QualityMeter:
    """Of one session; `sides` are those that it has."""

    def __init__(self, sides: Sequence[Side] = SIDES) -> None:
        self._sides = tuple(sides)
        self._before: Mapping[_Key, SourceStatistics] = {}
        self._expected_since: dict[Side, float] = {}
        self._unheard: tuple[Side, ...] = ()

    def sample(
        self, now: float, sources: Sequence[SourceStatistics], streams: Sequence[StreamPlan], is_talking: bool
    ) -> QualitySample:
        """Measure. `is_talking`: media should flow as the plan says."""
        legs = [self._leg(now, sources, streams, side, kind) for side in self._sides for kind in _KINDS]
        self._before = {_key(source): source for source in sources}
        unheard = self._who_is_unheard(now, sources, streams, is_talking)
        is_news = bool(unheard) and unheard != self._unheard
        self._unheard = unheard
        return QualitySample(tuple(leg for leg in legs if leg is not None), unheard, is_news)

    def _leg(
        self,
        now: float,
        sources: Sequence[SourceStatistics],
        streams: Sequence[StreamPlan],
        side: Side,
        kind: StreamKind,
    ) -> LegQuality | None:
        """Return the quality of one side's media of one kind; None if nothing is known of it."""
        of_kind = [each for each in sources if each.stream < len(streams) and streams[each.stream].kind == kind]
        active = [each for each in of_kind if each.side == side and self._was_heard(each)]
        reported = [
            each
            for each in of_kind
            if each.side != side and each.reported_at is not None and now - each.reported_at < _REPORT_LIFETIME
        ]
        if not active and not reported:
            return None
        loss = self._loss(active)
        jitter = _jitter(active, streams)
        latest = max(reported, key=lambda each: each.reported_at or 0.0, default=None)
        round_trip = None if latest is None else latest.round_trip
        mos = None
        if kind == "audio" and loss is not None and jitter is not None and round_trip is not None:
            # One way, and behind it a jitter buffer of twice the jitter.
            mos = mean_opinion_score(loss, round_trip / 2 + 2 * jitter, streams[active[0].stream].encoding)
        return LegQuality(
            side=side,
            kind=kind,
            loss=loss,
            jitter=jitter,
            round_trip=round_trip,
            mos=mos,
            reported_loss=None if latest is None else latest.reported_loss,
            reported_jitter=None if latest is None else _seconds(latest.reported_jitter, latest, streams),
        )

    def _was_heard(self, source: SourceStatistics) -> bool:
        before = self._before.get(_key(source))
        return before is None or source.last_heard > before.last_heard

    def _loss(self, active: Sequence[SourceStatistics]) -> float | None:
        """Return the share of expected packets that did not come (RFC 3550 A.3); duplicates could make it negative."""
        expected = received = 0
        for source in active:
            since = lost_since(source, self._before.get(_key(source)))
            expected += since.expected
            received += since.received
        return max(0, expected - received) / expected if expected > 0 else None

    def _who_is_unheard(
        self, now: float, sources: Sequence[SourceStatistics], streams: Sequence[StreamPlan], is_talking: bool
    ) -> tuple[Side, ...]:
        unheard = []
        for side in self._sides:
            audio = [index for index, stream in enumerate(streams) if stream.kind == "audio" and _sends(stream, side)]
            if not is_talking or not audio:
                self._expected_since.pop(side, None)
                continue
            since = self._expected_since.setdefault(side, now)
            heard = [each.last_heard for each in sources if each.side == side and each.stream in audio]
            if now - max([since, *heard]) > UNHEARD_SECONDS:
                unheard.append(side)
        return tuple(unheard)


class Expected(NamedTuple):
    """Packets of a source between two moments."""

    expected: int
    received: int


def lost_since(source: SourceStatistics, before: SourceStatistics | None) -> Expected:
    """Return what was to be expected of a source since then, and what came; one that has begun anew is a new one."""
    begun = source.first_sequence - 1
    if before is None or before.first_sequence != source.first_sequence or before.packets > source.packets:
        return Expected(source.highest_sequence - begun, source.packets)
    return Expected(source.highest_sequence - before.highest_sequence, source.packets - before.packets)


def _key(source: SourceStatistics) -> _Key:
    return source.stream, source.side, source.ssrc


def _sends(stream: StreamPlan, side: Side) -> bool:
    return stream.browser_sends if side == "browser" else stream.sip_sends


def _jitter(active: Sequence[SourceStatistics], streams: Sequence[StreamPlan]) -> float | None:
    latest = max(active, key=lambda each: each.last_heard, default=None)
    return None if latest is None else _seconds(latest.jitter, latest, streams)


def _seconds(units: float | None, source: SourceStatistics, streams: Sequence[StreamPlan]) -> float | None:
    return None if units is None else units / streams[source.stream].clock_rate
