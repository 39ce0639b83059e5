"""A clock that stands until the test moves it, in place of an event loop's."""

import math
from collections.abc import Callable


class Timer:
    """What `call_at` gives."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when, self.callback, self.is_cancelled = when, callback, False

    def cancel(self) -> None:
        """Do not ring."""
        self.is_cancelled = True


class Clock:
    """The part of an event loop that is a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(when, callback))
        return self.timers[-1]

    def run(self, until: float = math.inf) -> None:
        """Move on until no timer is armed, or none that rings before then."""
        while armed := [timer for timer in self.timers if not timer.is_cancelled]:
            assert len(armed) == 1
            if armed[0].when > until:
                self.now = until
                return
            self.timers.clear()
            self.now = max(self.now, armed[0].when)
            armed[0].callback()
