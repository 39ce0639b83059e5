"""A 2xx to an INVITE, sent again until its ACK (RFC 3261 §13.3.1.4; RFC 6026 leaves it to the core).

No transaction does this: the 2xx and its ACK are end to end, and every hop between may lose either.
"""

from dataclasses import dataclass

from sip_agent.core.transaction.timers import Timers


@dataclass
class Acceptance:
    """When the 2xx with `cseq` is due again, and when its sender gives up."""

    cseq: int
    timers: Timers
    due_at: float
    gives_up_at: float
    interval: float

    @classmethod
    def sent(cls, cseq: int, timers: Timers, now: float) -> "Acceptance":
        """The 2xx was sent for the first time."""
        return cls(cseq, timers, now + timers.t1, now + 64 * timers.t1, timers.t1)

    def next_timer(self) -> float:
        """When `is_due` must be asked."""
        return min(self.due_at, self.gives_up_at)

    def is_over(self, now: float) -> bool:
        """Whether no ACK came in time: the dialog is to be ended with BYE."""
        return now >= self.gives_up_at

    def is_due(self, now: float) -> bool:
        """Whether to send the 2xx again now; if so, the next time is set."""
        if now < self.due_at or self.is_over(now):
            return False
        self.interval = min(2 * self.interval, self.timers.t2)
        self.due_at = now + self.interval
        return True
