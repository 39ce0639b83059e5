"""Whether a relay can carry more: how busy its busiest thread is, and whether it has run out of ports.

One thread moves the packets and another one speaks with everybody: whichever has no time left is the end, however
many cores there are.
"""

from collections.abc import Mapping

_SMOOTHING = 0.3  # share of the newest look: a burst of handshakes is no load
_RELIEF = 0.9  # of the bar, below which it may take more again
PORTS_RETRY = 2.0  # seconds; some are freed, or leave quarantine


class Pressure:
    """`most`: of a core, that the busiest thread may use before nothing more is taken."""

    def __init__(self, most: float) -> None:
        self.busiest = 0.0  # of a core
        self._most = most
        self._used: Mapping[int, float] = {}
        self._looked_at: float | None = None
        self.is_busy = False  # so that nothing more is taken
        self._no_ports_until = 0.0

    def look(self, used: Mapping[int, float], now: float) -> None:
        """Take how many seconds of CPU each thread has used so far."""
        if self._looked_at is not None and now > self._looked_at:
            passed = now - self._looked_at
            share = max((seconds - self._used.get(one, 0.0) for one, seconds in used.items()), default=0.0) / passed
            self.busiest += _SMOOTHING * (share - self.busiest)
        self._used, self._looked_at = used, now
        self.is_busy = self.busiest >= self._most * (_RELIEF if self.is_busy else 1.0)

    def ran_out_of_ports(self, now: float) -> None:
        """There was no port pair for a session."""
        self._no_ports_until = now + PORTS_RETRY

    def is_full(self, now: float) -> bool:
        """Whether new calls should go elsewhere; one that comes all the same may find a port that is free again."""
        return self.is_busy or now < self._no_ports_until


def cores_of_quota(cpu_max: str) -> float | None:
    """Return how many cores a cgroup may use by its `cpu.max`, or quota and period; None: all that there are."""
    quota, _, period = cpu_max.strip().partition(" ")
    if not quota.isdecimal() or not period.isdecimal() or not int(period):
        return None
    return int(quota) / int(period)
