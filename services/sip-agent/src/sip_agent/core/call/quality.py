"""The quality of a whole call, from the reports that a relay makes of each few seconds of it."""

from dataclasses import dataclass, field

from shared.messages import LegQuality
from shared.messages.stream import LegSummary

_MEASURES = ("loss", "jitter", "round_trip", "mos")


@dataclass
class _Leg:
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    least_mos: float | None = None

    def add(self, report: LegQuality) -> None:
        for name in _MEASURES:
            value = getattr(report, name)
            if value is not None:
                self.sums[name] = self.sums.get(name, 0.0) + value
                self.counts[name] = self.counts.get(name, 0) + 1
        if report.mos is not None:
            self.least_mos = report.mos if self.least_mos is None else min(self.least_mos, report.mos)

    def means(self) -> dict[str, float]:
        return {name: round(self.sums[name] / count, 6) for name, count in self.counts.items()}


class CallQualitySummary:
    """Reports are of equal times, so the mean of a call is the mean of its reports. None of a measure: not measured."""

    def __init__(self) -> None:
        self._legs: dict[tuple[str, str], _Leg] = {}

    def add(self, reports: tuple[LegQuality, ...]) -> None:
        """Take the reports of some seconds."""
        for report in reports:
            self._legs.setdefault((report.side, report.kind), _Leg()).add(report)

    def legs(self) -> tuple[LegSummary, ...]:
        """Return the means of each leg, in the order in which they were first heard of."""
        return tuple(
            LegSummary(side=side, kind=kind, least_mos=leg.least_mos, **leg.means())  # type: ignore[arg-type]  # keys
            for (side, kind), leg in self._legs.items()
        )
