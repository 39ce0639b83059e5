"""How many pages a pod that leaves asks to move, and when: all at once would find no room elsewhere.

Time comes in as `now`, in seconds of any steady clock.
"""

import math

STEP = 0.05  # seconds between those that are asked together
LEAST_PER_SECOND = 200.0  # a seventh of the log-ins that a core can do (docs/performance.md)


class Pace:
    """`count` pages within `seconds`, and sooner where `least` a second suffice."""

    def __init__(self, count: int, seconds: float, now: float, least: float) -> None:
        self._count = count
        self._per_step = max(least * STEP, count * STEP / max(seconds, STEP))
        self._begin = now
        self._asked = 0
        self._next = now

    def take(self, now: float) -> int:
        """Return how many more are to be asked now; those that a late call has missed are among them."""
        steps = int((now - self._begin) / STEP + 1e-6) + 1
        due = min(self._count, math.ceil(steps * self._per_step - 1e-6))
        more, self._asked = due - self._asked, due
        self._next = self._begin + steps * STEP
        return more

    def next_timer(self) -> float | None:
        """Return when `take` is due again, None if all have been asked."""
        return self._next if self._asked < self._count else None
