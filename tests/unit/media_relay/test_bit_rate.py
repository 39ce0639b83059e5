"""How much a browser may send, by what its far side says and reports."""

from dataclasses import replace

import pytest
from tests.support.source_statistics import source

from media_relay.core.bit_rate import BitRate, BitRateBounds
from media_relay.core.statistics import SourceStatistics

BOUNDS = BitRateBounds(least=100_000, most=2_000_000)


class Sending:
    """A browser that sends 100 packets of 1000 octets each second, and a far side that reports each fifth."""

    def __init__(self, bounds: BitRateBounds = BOUNDS, takes: int = 0) -> None:
        self.rate = BitRate(bounds)
        self.takes = takes
        self.now = 10.0
        self.source = source(packets=1, octets=1000, highest_sequence=1)

    def goes_on(self, seconds: int, reported_loss: float | None = None, lost_before: int = 0) -> int:
        """Return what may be sent after so long; `lost_before` packets of a hundred never came to us."""
        rate = 0
        for _ in range(seconds):
            self.now += 1.0
            before = self.source
            packets = before.packets + 100 - lost_before
            self.source = replace(
                before, packets=packets, highest_sequence=before.highest_sequence + 100, octets=1000 * packets
            )
            if reported_loss is not None and self.now % 5 == 0:
                self.source = replace(self.source, reported_at=self.now, reported_loss=reported_loss)
            rate = self.rate.update(self.now, self.source, self.takes)
        return rate


def test_without_reports_it_is_what_the_bounds_and_the_far_side_allow() -> None:
    assert Sending().goes_on(60) == 2_000_000
    assert Sending(takes=500_000).goes_on(60) == 500_000
    assert Sending(takes=5_000_000).goes_on(60) == 2_000_000


def test_a_far_side_that_takes_less_than_the_least_is_believed() -> None:
    sending = Sending(takes=64_000)
    assert sending.goes_on(10) == sending.goes_on(60, reported_loss=0.5) == 64_000


def test_much_loss_brings_it_below_what_was_sent_down_to_the_least() -> None:
    sending = Sending()
    assert sending.goes_on(5, reported_loss=0.2) == 2_000_000  # the first report speaks of an unknown time
    assert sending.goes_on(5, reported_loss=0.2) == pytest.approx(800_000 * 0.9, rel=0.01)
    assert sending.goes_on(5, reported_loss=0.2) == pytest.approx(800_000 * 0.81, rel=0.01)
    assert sending.goes_on(300, reported_loss=0.2) == 100_000


def test_some_loss_holds_it_and_little_lets_it_rise_again() -> None:
    sending = Sending()
    low = sending.goes_on(40, reported_loss=0.2)
    assert sending.goes_on(40, reported_loss=0.05) == low
    assert sending.goes_on(5, reported_loss=0.01) == pytest.approx(low * 1.05**5, rel=0.01)
    assert sending.goes_on(300, reported_loss=0.0) == 2_000_000


def test_what_is_lost_on_the_way_to_us_is_not_the_far_sides_loss() -> None:
    assert Sending().goes_on(60, reported_loss=0.3, lost_before=30) == 2_000_000


def test_a_far_side_that_says_otherwise_begins_anew() -> None:
    sending = Sending(takes=500_000)
    sending.goes_on(60, reported_loss=0.3)
    sending.takes = 0
    assert sending.goes_on(1) == 2_000_000


def test_another_source_is_not_compared_with_the_one_before() -> None:
    sending = Sending()
    sending.goes_on(5, reported_loss=0.3)
    fresh: SourceStatistics = source(ssrc=0xB9, packets=1, octets=1000, highest_sequence=1)
    sending.source = fresh
    assert sending.goes_on(5, reported_loss=0.3) == 2_000_000
