"""What one socket may ask for: a token bucket of messages, and a run of errors.

Time comes in as `now`, in seconds of any steady clock.
"""

MESSAGES_PER_SECOND = 50
ERRORS_IN_A_ROW = 10
CALLS_AT_ONCE = 16


class TokenBucket:
    """Takes `rate` a second on average and `burst` at once."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled_at = now

    def take(self, now: float) -> bool:
        """Take one token; False if there is none."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class ErrorRun:
    """Counts a page's errors since its last good request."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._length = 0

    def good(self) -> None:
        """A request was right: the run is over."""
        self._length = 0

    def bad(self) -> bool:
        """Count an error; True if that is one too many."""
        self._length += 1
        return self._length >= self._most
