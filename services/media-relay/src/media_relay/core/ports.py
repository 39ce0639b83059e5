"""Which RTP ports may be bound: even ones, each standing for the pair with the next odd port (RFC 3550 §11).

A freed pair rests in quarantine, so that packets still on their way to the old session do not reach a new one.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from .plan import Address


class PortUse(NamedTuple):
    """How many port pairs stand where."""

    used: int
    free: int
    quarantined: int


class PortPool:
    """Hands out the pair that has been free for the longest time."""

    def __init__(self, even_ports: Iterable[int], quarantine_seconds: float) -> None:
        self._free = deque(even_ports)
        self._quarantine_seconds = quarantine_seconds
        self._resting: deque[tuple[float, int]] = deque()  # (free again at, port), oldest first
        self._used: set[int] = set()
        self._strays: dict[int, frozenset[Address]] = {}

    def acquire(self, now: float) -> int | None:
        """Take a pair, or None if there is none."""
        self._end_quarantine(now)
        if not self._free:
            return None
        port = self._free.popleft()
        self._used.add(port)
        return port

    def release(self, port: int, now: float, strays: frozenset[Address] = frozenset()) -> None:
        """Put a pair to rest; `strays` are the sources that may go on sending to it."""
        self._used.remove(port)
        self._resting.append((now + self._quarantine_seconds, port))
        self._strays[port] = strays

    def strays(self, port: int) -> frozenset[Address]:
        """Return the peers of the session that had the port last."""
        return self._strays.get(port, frozenset())

    def use(self, now: float) -> PortUse:
        """Return how many pairs stand where."""
        self._end_quarantine(now)
        return PortUse(len(self._used), len(self._free), len(self._resting))

    def _end_quarantine(self, now: float) -> None:
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])


def even_ports(first: int, last: int) -> range:
    """Return the even ports whose pair lies in the range, both ends included."""
    return range(first + first % 2, last, 2)
