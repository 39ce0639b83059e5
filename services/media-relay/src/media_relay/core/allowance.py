"""A bound on a rate: tokens, one a packet, that come back with time."""

import math


class Allowance:
    """Full at the start, and after a pause."""

    def __init__(self) -> None:
        self._tokens = 0.0
        self._filled_at = -math.inf

    def take(self, per_second: float, burst: float, now: float) -> bool:
        """Tell whether there is one left, and take it."""
        self._tokens = min(burst, self._tokens + (now - self._filled_at) * per_second)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
