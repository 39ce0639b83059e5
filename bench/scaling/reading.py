"""What pods carried, and what it took: of their shares, of NATS, of the core that makes the load."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.calls.process import Measured

from .shares import Group


@dataclass(frozen=True)
class Reading:
    """`used`: of what their shares allow; `throttled`: of the periods; `nats` in cores; `load`: of the load's core."""

    capacity: float
    used: float
    throttled: float
    load: float
    nats: float = 0.0
    kib_each: float = 0.0


@dataclass(frozen=True)
class Pod:
    """A process and the group that holds it to its share."""

    process: Measured
    group: Group


@dataclass
class Watch:
    """Reads clocks from when it is made until `stop`."""

    pods: Sequence[Pod]
    share: float
    load_core: int
    nats: Measured | None = None
    _before: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self._before = self._clocks()

    def _clocks(self) -> list[float]:
        periods, throttled = map(sum, zip(*(pod.group.periods() for pod in self.pods), strict=True))
        cpu = sum(pod.process.cpu_seconds() for pod in self.pods)
        nats = self.nats.cpu_seconds() if self.nats else 0.0
        return [time.monotonic(), cpu, periods, throttled, nats, *core_ticks(self.load_core)]

    def stop(self, capacity: float, kib_each: float = 0.0) -> Reading:
        """Return what it took meanwhile."""
        passed = [now - before for now, before in zip(self._clocks(), self._before, strict=True)]
        seconds, cpu, periods, throttled, nats, busy, ticks = passed
        return Reading(
            capacity=capacity,
            used=cpu / seconds / (self.share * len(self.pods)),
            throttled=throttled / max(1, periods),
            load=busy / max(1, ticks),
            nats=nats / seconds,
            kib_each=kib_each,
        )


def core_ticks(core: int) -> tuple[int, int]:
    """Return for how long a core has worked, for whomever, and for how long it has been there (proc(5))."""
    lines = Path("/proc/stat").read_text().splitlines()
    ticks = [int(field) for field in next(line for line in lines if line.startswith(f"cpu{core} ")).split()[1:9]]
    idle, waiting = ticks[3:5]
    return sum(ticks) - idle - waiting, sum(ticks)


def most(carries: Callable[[int], bool], fewest: int, steps: Sequence[int]) -> int:
    """Return the highest number that is carried, found in long steps and then in shorter ones; 0 if not even `fewest`.

    From below: what is much too much leaves queues behind that the next try would find.
    """
    best, number = 0, fewest
    for step in steps:
        while carries(number):
            best, number = number, number + step
        number = best + steps[-1] if best else fewest
    return best


def efficiency(of: Sequence[Reading], alone: Sequence[Reading], pods: int) -> float:
    """Return what each of some pods carries beside one that is alone, by the rounds that they have in common."""
    rounds = zip(of, alone, strict=True)
    return statistics.median(together.capacity / (pods * one.capacity) for together, one in rounds)
