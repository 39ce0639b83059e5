"""CPU time of a piece of work, by the process clock: what else runs on the machine does not count."""

import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 7


@dataclass(frozen=True)
class Figure:
    """CPU microseconds per unit, one for each round."""

    name: str
    microseconds: tuple[float, ...]


def measure(name: str, units: int, work: Callable[[], None]) -> Figure:
    """Run `work`, which does `units` units, once to warm up and then `ROUNDS` times."""
    work()
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time_ns()
        work()
        rounds.append((time.process_time_ns() - started) / 1000 / units)
    return Figure(name, tuple(rounds))
