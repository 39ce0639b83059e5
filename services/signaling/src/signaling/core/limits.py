"""What one socket may ask for: token buckets of messages, frames and bytes, and a run of errors.

Time comes in as `now`, in seconds of any steady clock.
"""

MESSAGES_PER_SECOND = 50
FRAMES_PER_SECOND, FRAMES_AT_ONCE = 100, 250  # pings and fragments too
BYTES_PER_SECOND, BYTES_AT_ONCE = 131072, 1048576  # at once: the descriptions of all calls, made anew after a loss
ERRORS_IN_A_ROW = 10
CALLS_AT_ONCE = 16


class TokenBucket:
    """Takes `rate` a second on average and `burst` at once."""

    __slots__ = ("_burst", "_filled_at", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled_at = now

    def take(self, now: float, tokens: float = 1) -> bool:
        """Take tokens; False if there are not so many."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < tokens:
            return False
        self._tokens -= tokens
        return True


class ErrorRun:
    """Counts a page's errors since its last good request."""

    __slots__ = ("_length", "_most")

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
