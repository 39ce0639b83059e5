"""The table that is printed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .load import Ringing

_TITLES = {
    "signaling": "signaling, kill -9",
    "agent": "sip-agent, kill -9",
    "relay": "media-relay, kill -9",
    "host": "a host vanishes",
    "rollout": "roll-out, one more first",
    "rollout-in-place": "roll-out, StatefulSets",
    "nats": "NATS away for 10 s",
}
COLUMNS = (
    "",
    "calls",
    "kept",
    "rang: answered/told/lost",
    "gap at browsers",
    "gap at phones",
    "registered in",
    "two owners",
)
ROW = "{:<25} {:>5} {:>5} {:>24} {:>18} {:>18} {:>15} {:>10}"


@dataclass(frozen=True)
class Row:
    """What one fault did. Gaps, in seconds and sorted, are of calls that were kept."""

    name: str
    calls: int
    kept: int
    ringing: Ringing
    at_browsers: Sequence[float]
    at_phones: Sequence[float]
    restored: Sequence[float]
    two_owners: int
    failures: Sequence[str] = ()  # what is wrong with each call that was not kept

    @property
    def gap_p95_ms(self) -> float:
        """Of all ends."""
        return round(_at([*self.at_browsers, *self.at_phones], 0.95) * 1000, 1)

    def show(self) -> None:
        """Print it."""
        rang = f"{self.ringing.answered}/{self.ringing.told}/{self.ringing.lost}"
        restored = f"{_at(self.restored, 0.5):.2f}/{_at(self.restored, 1):.2f} s"
        figures = (self.calls, self.kept, rang, _gaps(self.at_browsers), _gaps(self.at_phones), restored)
        print(ROW.format(_TITLES[self.name], *figures, self.two_owners), flush=True)
        for failure, count in Counter(self.failures).items():
            print(f"    not kept: {count}, {failure}", flush=True)


def head() -> None:
    """Print what the columns are."""
    print("Gaps: p50/p95/max in ms. Registered in: p50/max, from a death until a living agent is bound.")
    print(ROW.format(*COLUMNS), flush=True)


def result(rows: Sequence[Row]) -> dict[str, float]:
    """Return the figures that count."""
    figures: dict[str, float] = {}
    for row in rows:
        match row.name:
            case "rollout" | "rollout-in-place":  # the worse of the two
                figures["rollout_dropped"] = max(figures.get("rollout_dropped", 0), row.calls - row.kept)
                figures["rollout_gap_p95_ms"] = max(figures.get("rollout_gap_p95_ms", 0.0), row.gap_p95_ms)
            case "nats":
                figures["nats_outage_dropped"] = row.calls - row.kept
            case _:
                figures[f"{row.name}_kept"] = row.kept / row.calls
                figures[f"{row.name}_gap_p95_ms"] = row.gap_p95_ms
    return figures


def _at(figures: Sequence[float], share: float) -> float:
    ordered = sorted(figures)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")


def _gaps(figures: Sequence[float]) -> str:
    return "/".join(f"{_at(figures, share) * 1000:.0f}" for share in (0.5, 0.95, 1))
