"""Password guessing by pages made slow, where the guesses come from: an agent sees them all come from itself.

Whether a password was right the registrar says, some time after the log-in. Who does not wait for it was wrong.
Time comes in as `now`, in seconds of any steady clock.
"""

from collections import Counter
from typing import NamedTuple

from shared.login_throttle import LoginThrottle

from .errors import PageError

AT_ONCE = 8  # log-ins of a user from one host that nobody has decided on yet
FREE_OF_HOST = 50  # wrong ones of all users of a host: there may be many behind one address


class Attempt(NamedTuple):
    """Who says that he is whom."""

    host: str
    aor: str


class Attempts:
    """Those that are not decided on, and who was wrong lately."""

    def __init__(self) -> None:
        self._open: Counter[Attempt] = Counter()
        self._of_user = LoginThrottle()
        self._of_host = LoginThrottle(free=FREE_OF_HOST)

    def begin(self, attempt: Attempt, now: float) -> None:
        """Take note of an attempt; raise `PageError` 429 where it is to be made later."""
        if self._open[attempt] >= AT_ONCE:
            raise PageError(429, "Too Many Log-ins Of This User At Once")
        if self._of_user.must_wait(attempt, now) or self._of_host.must_wait(attempt.host, now):
            raise PageError(429, "Too Many Failed Log-ins, Try Again Later")
        self._open[attempt] += 1

    def end(self, attempt: Attempt) -> None:
        """It is decided on, or nobody will."""
        self._open[attempt] -= 1
        if self._open[attempt] <= 0:
            del self._open[attempt]

    def right(self, attempt: Attempt) -> None:
        """The password was right."""
        self._of_user.succeeded(attempt)

    def wrong(self, attempt: Attempt, now: float) -> None:
        """It was wrong, or nobody waited to hear so."""
        self._of_user.failed(attempt, now)
        self._of_host.failed(attempt.host, now)
