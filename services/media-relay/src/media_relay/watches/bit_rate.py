"""Tells browsers each second how much video they may send (REMB), where their far sides do not tell them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from shared.messages.media import Side

from ..core.bit_rate import BitRate, BitRateBounds
from ..core.packet.feedback import receiver_estimate
from ..core.plan import StreamPlan
from ..core.reports import OWN_SSRC
from ..core.statistics import SourceStatistics

_PERIOD = 1.0
_IN_USE = 2.0  # seconds since a source was heard

Sessions = Callable[[], Iterable[tuple[str, Sequence[StreamPlan]]]]


class Rated(Protocol):
    """The part of the data path that is needed here."""

    def statistics(self, media_id: str, /) -> tuple[SourceStatistics, ...]:
        """Return what is known of the session's sources."""

    def send_rtcp(self, media_id: str, stream: int, side: Side, packet: bytes, /) -> None:
        """Send RTCP to that side."""


class BitRateWatch:
    """Goes round all sessions; of those that have no such stream it asks nothing."""

    def __init__(self, data_path: Rated, sessions: Sessions, clock: Callable[[], float], bounds: BitRateBounds) -> None:
        self._data_path = data_path
        self._sessions = sessions
        self._clock = clock
        self._bounds = bounds
        self._rates: dict[tuple[str, int], BitRate] = {}

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await asyncio.sleep(_PERIOD)
            self.tell()

    def tell(self) -> None:
        """Tell each browser once."""
        before, self._rates = self._rates, {}  # of those that are over nothing is kept
        for media_id, streams in self._sessions():
            places = [place for place, stream in enumerate(streams) if stream.wants_bit_rate and stream.browser_sends]
            sources = self._data_path.statistics(media_id) if places else ()
            for place in places:
                key = media_id, place
                self._rates[key] = before.get(key) or BitRate(self._bounds)
                self._tell(key, sources, streams[place])

    def _tell(self, key: tuple[str, int], sources: Sequence[SourceStatistics], stream: StreamPlan) -> None:
        media_id, place = key
        now = self._clock()
        heard = [each for each in sources if (each.side, each.stream) == ("browser", place)]
        source = max(heard, key=lambda each: each.last_heard, default=None)
        if source is None or now - source.last_heard > _IN_USE:
            return
        rate = self._rates[key].update(now, source, stream.sip_bit_rate)
        self._data_path.send_rtcp(media_id, place, "browser", receiver_estimate(OWN_SSRC, source.ssrc, rate))
