"""Watches how good the media of each session is: measures every few seconds, reports, and speaks RTCP for who does not.

One task goes round all sessions. Each has its own turn, a period after the one before, so that those that began at
different times are not measured at once.
"""

import asyncio
import base64
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from shared.messages import Event, LegQuality, MediaQuality
from shared.messages.media import Side

from .. import metrics
from ..core.quality import SIDES, QualityMeter, QualitySample
from ..core.reports import Reporter
from ..core.session import MediaSession
from ..core.statistics import SourceStatistics

_log = structlog.get_logger(__name__)

_ROUND = 0.25  # seconds: how late a turn may come
# What a joined session gets in the place of a browser's media is the other session's to measure.
_NO_BROWSER: tuple[Side, ...] = ("sip",)


class Measured(Protocol):
    """The part of the data path that is needed here."""

    def statistics(self, media_id: str, /) -> tuple[SourceStatistics, ...]:
        """Return what is known of the session's sources."""

    def bridged(self, media_id: str, /) -> frozenset[int]:
        """Return which of the session's streams go to another session's browser."""

    def send_rtcp(self, media_id: str, stream: int, side: Side, packet: bytes, /) -> None:
        """Send RTCP to that side."""


@dataclass
class _Watched:
    media_id: str
    session: MediaSession
    reporter: Reporter
    meter: QualityMeter
    due: float


class QualityWatch:
    """The sessions whose browsers are connected, and those that have none, by id."""

    def __init__(
        self,
        data_path: Measured,
        tell: Callable[[str, Event], None],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        period: float,
    ) -> None:
        self._data_path = data_path
        self._tell = tell  # an agent, an event
        self._clock = clock
        self._wall_clock = wall_clock
        self._random_bytes = random_bytes
        self._period = period
        self._watched: dict[str, _Watched] = {}
        self._turns: deque[_Watched] = deque()  # by `due`

    def begin(self, media_id: str, session: MediaSession) -> None:
        """Media can flow now: measure from now on. That it can once more changes nothing."""
        if media_id in self._watched:
            return
        sides = _NO_BROWSER if session.is_headless else SIDES
        reporter = Reporter({"browser": self._cname(), "sip": self._cname()}, sides)
        watched = _Watched(media_id, session, reporter, QualityMeter(sides), self._clock() + self._period)
        self._watched[media_id] = watched
        self._turns.append(watched)

    def _cname(self) -> bytes:
        return base64.b64encode(self._random_bytes(12))  # 96 bits (RFC 7022 §4.2)

    def end(self, media_id: str) -> None:
        """The session, or its browser, is gone."""
        self._watched.pop(media_id, None)

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await asyncio.sleep(_ROUND)
            self.take_turns()

    def take_turns(self) -> None:
        """Measure the sessions whose turn has come."""
        now = self._clock()
        while self._turns and self._turns[0].due <= now:
            watched = self._turns.popleft()
            if self._watched.get(watched.media_id) is not watched:
                continue
            self._measure(watched, now)
            watched.due = now + self._period
            self._turns.append(watched)

    def _measure(self, watched: _Watched, now: float) -> None:
        media_id, session = watched.media_id, watched.session
        sources = self._data_path.statistics(media_id)
        bridged = self._data_path.bridged(media_id)
        for report in watched.reporter.make(now, self._wall_clock(), sources, session.streams, bridged):
            metrics.OWN_REPORTS.labels(report.side).inc()
            self._data_path.send_rtcp(media_id, report.stream, report.side, report.packet)
        sample = watched.meter.sample(now, sources, session.streams, session.is_settled)
        _observe(sample.legs)
        if sample.is_news:
            self._warn(media_id, session, sample)
        if session.is_settled and (sample.legs or sample.unheard):
            owner = session.owner
            event = MediaQuality(media_id=media_id, call_id=owner.call_id, legs=sample.legs, unheard=sample.unheard)
            self._tell(owner.agent, event)

    def _warn(self, media_id: str, session: MediaSession, sample: QualitySample) -> None:
        if len(sample.unheard) > 1:
            metrics.SILENCE.inc()
        else:
            metrics.ONE_WAY_AUDIO.labels(sample.unheard[0]).inc()
        _log.warning("not heard", media=media_id, call=session.owner.call_id, sides=sample.unheard)


def _observe(legs: Sequence[LegQuality]) -> None:
    for leg in legs:
        for histogram, value in (
            (metrics.LOSS, leg.loss),
            (metrics.JITTER, leg.jitter),
            (metrics.ROUND_TRIP, leg.round_trip),
            (metrics.MOS, leg.mos),
        ):
            if value is not None:
                histogram.labels(leg.side, leg.kind).observe(value)
