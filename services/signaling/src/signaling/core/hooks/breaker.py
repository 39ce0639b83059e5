"""A circuit breaker: a web server that fails again and again is left alone for a while, then tried with one post.

    CLOSED ──one failure too many in a row──▶ OPEN ──the rest is over──▶ HALF_OPEN
       ▲                                       ▲  ◀──the trial fails───────┤
       └───────────────────────a success───────┴───────────────────────────┘

Time comes in as `now`, in seconds of any steady clock.
"""

from enum import Enum


class BreakerState(Enum):
    """Whether the web server is asked."""

    CLOSED = "asked"
    OPEN = "left alone"
    HALF_OPEN = "one post is on trial"


class Input(Enum):
    """What may happen."""

    SUCCESS = "it has replied"
    FAILURE = "it has failed"
    LIMIT = "it has failed once too often in a row"
    RESTED = "it was left alone for long enough, and there is something to post"


_St, _In = BreakerState, Input

TABLE: dict[tuple[BreakerState, Input], BreakerState] = {
    (_St.CLOSED, _In.SUCCESS): _St.CLOSED,
    (_St.CLOSED, _In.FAILURE): _St.CLOSED,
    (_St.CLOSED, _In.LIMIT): _St.OPEN,
    (_St.OPEN, _In.SUCCESS): _St.CLOSED,  # of a post from before
    (_St.OPEN, _In.FAILURE): _St.OPEN,
    (_St.OPEN, _In.LIMIT): _St.OPEN,
    (_St.OPEN, _In.RESTED): _St.HALF_OPEN,
    (_St.HALF_OPEN, _In.SUCCESS): _St.CLOSED,
    (_St.HALF_OPEN, _In.FAILURE): _St.OPEN,
    (_St.HALF_OPEN, _In.LIMIT): _St.OPEN,
}


class Breaker:
    """`permits` before each post, then `succeeded` or `failed`."""

    def __init__(self, most_failures: int, rest_seconds: float) -> None:
        self._most = most_failures
        self._rest = rest_seconds
        self._failures = 0
        self._rests_until = 0.0
        self.state = BreakerState.CLOSED

    def permits(self, now: float) -> bool:
        """Whether to post now. After the rest the first who asks is the one on trial."""
        if self.state is BreakerState.OPEN and now >= self._rests_until:
            self._step(Input.RESTED)
            return True
        return self.state is BreakerState.CLOSED

    def succeeded(self) -> None:
        """There was a reply, whatever it says."""
        self._failures = 0
        self._step(Input.SUCCESS)

    def failed(self, now: float) -> None:
        """There was none that says anything."""
        self._failures += 1
        before = self.state
        self._step(Input.LIMIT if self._failures >= self._most else Input.FAILURE)
        if self.state is BreakerState.OPEN and before is not BreakerState.OPEN:
            self._rests_until = now + self._rest

    def _step(self, what: Input) -> None:
        self.state = TABLE[self.state, what]
