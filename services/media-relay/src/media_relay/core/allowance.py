"""How much is taken of what others may send too much of."""


class Allowance:
    """A token bucket: so much a second, and as much at once as comes in one second."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._tokens = per_second
        self._filled_at = 0.0

    def take(self, now: float) -> bool:
        """Whether one more is taken."""
        self._tokens = min(self._per_second, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
