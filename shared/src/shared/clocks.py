"""How far the clocks of other pods are from our own, by the time that they tell now and then in a heartbeat.

Commands expire by the clock, within a second or two, so a pod whose clock is that much ahead refuses all of them. What
is on its way comes late and never early: of the last few of a pod, the one that came soonest tells the most.
No I/O and no clock of its own: `ours` and `now` come in.
"""

from collections import deque
from dataclasses import dataclass, field

TOLERATED = 0.5
TOLD_EVERY = 20  # heartbeats, which is five seconds
_KEPT = 3
_GONE_AFTER = 30.0


@dataclass
class _Clock:
    told: float = 0.0
    heard_at: float = 0.0
    ahead: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))  # by how much ours was, as it came
    is_off: bool = False

    def difference(self) -> float:
        """Return by how much ours is ahead, as far as is sure: one that is behind, and one that is slow, look alike."""
        least = min(self.ahead)
        return least if least < 0 or len(self.ahead) == _KEPT else 0.0


class Clocks:
    """Of the pods that are heard."""

    def __init__(self) -> None:
        self._pods: dict[str, _Clock] = {}

    def hear(self, pod: str, told: float, ours: float, now: float) -> float | None:
        """Take note of a pod's time; return by how much it is ahead of us if that is news, and too much."""
        clock = self._pods.setdefault(pod, _Clock())
        clock.heard_at = now
        if told == clock.told:  # the same heartbeat, by another subscription
            return None
        clock.told = told
        clock.ahead.append(ours - told)
        difference = clock.difference()
        was_off, clock.is_off = clock.is_off, abs(difference) > TOLERATED
        return -difference if clock.is_off and not was_off else None

    def largest(self, now: float) -> float:
        """Return the largest difference, forgetting pods that are not heard any more."""
        self._pods = {pod: clock for pod, clock in self._pods.items() if now - clock.heard_at < _GONE_AFTER}
        return max((abs(clock.difference()) for clock in self._pods.values()), default=0.0)

    def clear(self) -> None:
        """Forget all."""
        self._pods.clear()
