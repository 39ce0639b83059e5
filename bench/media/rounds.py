"""Windows of load in turn: for comparing relays, and for finding how many calls one carries."""

import random
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .relays import Relay
from .window import Window, play

_FAILURES = 2  # numbers of calls in a row that are not carried, and no more are tried


@dataclass(frozen=True)
class Compared:
    """The windows of some relays, by name; those at the same place are of the same round."""

    windows: Mapping[str, Sequence[Window]]

    def median(self, name: str, figure: Callable[[Window], float]) -> float:
        """Return a figure of a relay."""
        return statistics.median(map(figure, self.windows[name]))

    def ratio(self, name: str, other: str, figure: Callable[[Window], float]) -> float:
        """Return the median of what a figure is to another relay's in the same round."""
        rounds = zip(self.windows[name], self.windows[other], strict=True)
        return statistics.median(figure(one) / figure(another) for one, another in rounds)


def compare(calls: Mapping[Relay, int], core: int, rounds: int, seconds: float) -> Compared:
    """Load relays in turn, in an order that is another one in each round."""
    windows: dict[str, list[Window]] = {relay.name: [] for relay in calls}
    for relay, count in calls.items():
        relay.have(count)
    turns = list(calls)
    for _ in range(rounds):
        random.shuffle(turns)
        for relay in turns:
            windows[relay.name].append(play(relay, calls[relay], core, seconds))
    return Compared(windows)


@dataclass
class Climb:
    """A relay that is given more and more calls."""

    relay: Relay
    steps: Iterable[int]
    best: Window | None = field(init=False, default=None)
    _failures: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.steps = iter(self.steps)

    def go_on(self, core: int, tries: int, seconds: float) -> bool:
        """Try the next number of calls; return whether there is another one to try.

        The host stalls at times, so a number is carried if it is in one of some windows.
        """
        calls = next(iter(self.steps), None)
        if calls is None:
            return False
        for _ in range(tries):
            window = play(self.relay, calls, core, seconds)
            if window.is_carried:
                self.best, self._failures = window, 0
                return True
        self._failures += 1
        return self._failures < _FAILURES


def climb(steps: Mapping[Relay, Iterable[int]], core: int, tries: int, seconds: float) -> dict[str, Window]:
    """Return each relay's window with the most calls that it carries; `RuntimeError` if not even with the fewest."""
    climbs = [Climb(relay, numbers) for relay, numbers in steps.items()]
    climbing = list(climbs)
    while climbing:
        climbing = [each for each in climbing if each.go_on(core, tries, seconds)]
    found = {}
    for each in climbs:
        if each.best is None:
            raise RuntimeError(f"{each.relay.name} carries not even the fewest calls: is the machine this busy?")
        found[each.relay.name] = each.best
    return found
