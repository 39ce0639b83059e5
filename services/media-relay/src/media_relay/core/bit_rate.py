"""How much a browser is told that it may send of a video stream (REMB), where its far side does not tell it.

The most is what the far side has said that it takes, within the bounds of the operator. Below that, the rate follows
the far side's reports as the loss-based controller of draft-ietf-rmcat-gcc-02 §6 does: it falls where more than a tenth
is lost, and rises where less than a fiftieth is. Only what is lost behind the relay counts: for what is lost before it,
the browser is asked again.
"""

from dataclasses import dataclass

from .quality import lost_since
from .statistics import SourceStatistics

_HIGH_LOSS, _LOW_LOSS = 0.1, 0.02
_RISE = 1.05  # a second


@dataclass(frozen=True)
class BitRateBounds:
    """In bit/s. A far side that takes less than the least is believed."""

    least: int
    most: int


class BitRate:
    """Of one stream."""

    def __init__(self, bounds: BitRateBounds) -> None:
        self._bounds = bounds
        self._most = self._rate = 0.0
        self._before: tuple[float, SourceStatistics] | None = None  # when the last report was seen, and what was known

    def update(self, now: float, source: SourceStatistics, sip_bit_rate: int) -> int:
        """Return what the browser may send as `source`; the far side takes `sip_bit_rate`, 0: it does not say."""
        most = min(self._bounds.most, sip_bit_rate or self._bounds.most)
        if most != self._most:
            self._most = self._rate = most
        if self._before is not None and self._before[1].ssrc != source.ssrc:
            self._before = None
        if source.reported_at is not None and (
            self._before is None or source.reported_at != self._before[1].reported_at
        ):
            self._follow(now, source)
            self._before = now, source
        self._rate = min(max(self._rate, self._bounds.least), most)
        return int(self._rate)

    def _follow(self, now: float, source: SourceStatistics) -> None:
        """Take a new report into account."""
        if self._before is None:
            return  # it speaks of a time of which nothing else is known
        since, before = self._before
        loss = _loss_behind_us(source, before)
        if loss > _HIGH_LOSS:
            sent = 8 * (source.octets - before.octets) / (now - since)
            self._rate = min(self._rate, sent) * (1 - loss / 2)
        elif loss < _LOW_LOSS:
            self._rate *= _RISE ** (now - since)


def _loss_behind_us(source: SourceStatistics, before: SourceStatistics) -> float:
    """Return which share of what came here did not come there; the report speaks of the whole way."""
    since = lost_since(source, before)
    came = min(1.0, since.received / since.expected) if since.expected > 0 else 1.0
    arrived = 1 - (source.reported_loss or 0.0)
    return max(0.0, 1 - arrived / came) if came > 0 else 0.0
