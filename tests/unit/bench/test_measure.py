"""What the benches print is what they measured."""

from bench.__main__ import row
from bench.measure import ROUNDS, Figure, measure


def test_work_is_warmed_up_once_and_counted_in_every_round() -> None:
    runs: list[int] = []
    figure = measure("work", 10, lambda: runs.append(1))
    assert len(runs) == ROUNDS + 1
    assert len(figure.microseconds) == ROUNDS


def test_a_row_has_best_median_and_worst() -> None:
    assert row(Figure("sip", (3.0, 1.0, 2.04))).split() == ["sip", "1.0", "2.0", "3.0"]
