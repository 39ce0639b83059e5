"""What the transaction layer counts for the metrics of the shell: plain numbers, all growing."""

from collections import Counter
from typing import Literal

from sip_agent.core.syntax.message import Message, Request, Response

# RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086, 6665. Peers choose method names: others share one label.
METHODS = frozenset(
    "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE".split()
)


class Counts:
    """Messages by direction and kind, and what went wrong with them."""

    __slots__ = ("requests", "responses", "retransmitted", "repeated", "malformed", "stray", "timed_out", "dropped")

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        """By ("in" or "out", method); the copies of a request are counted below instead."""
        self.responses: Counter[tuple[str, int]] = Counter()
        """By ("in" or "out", status)."""
        self.retransmitted = 0
        """Messages that we sent again."""
        self.repeated = 0
        """Requests that came again while their transaction lived."""
        self.malformed = 0
        self.stray = 0
        """Responses that match no transaction."""
        self.timed_out = 0
        self.dropped = 0
        """Requests that came when there were too many transactions."""

    def note(self, direction: Literal["in", "out"], message: Message) -> None:
        """Count a message."""
        if isinstance(message, Request):
            self.requests[direction, message.method if message.method in METHODS else "other"] += 1
        elif isinstance(message, Response):
            self.responses[direction, message.status] += 1
