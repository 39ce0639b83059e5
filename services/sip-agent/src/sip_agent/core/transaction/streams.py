"""The streams of all connections, divided into messages (RFC 3261 §18.3), and how long a message may take to come."""

from sip_agent.core.events import Flow
from sip_agent.core.syntax.parser import Received, StreamParser


class Streams:
    """A message that has begun is to be complete within `patience` seconds: a few bytes must not hold a connection."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._parsers: dict[Flow, StreamParser] = {}
        self._late_at: dict[Flow, float] = {}  # the earliest first, for all have the same time

    def feed(self, data: bytes, flow: Flow, now: float) -> tuple[list[Received], bool]:
        """Take the next bytes; give what they complete, and whether the stream is of no more use."""
        parser = self._parsers.get(flow)
        if parser is None:
            parser = self._parsers[flow] = StreamParser()
        received = parser.feed(data)
        if received or not parser.is_within_message:
            self._late_at.pop(flow, None)
        if parser.is_within_message:
            self._late_at.setdefault(flow, now + self._patience)
        if parser.broken:
            self.forget(flow)
        return received, parser.broken

    def forget(self, flow: Flow) -> None:
        """A connection has ended, or will be ended."""
        self._parsers.pop(flow, None)
        self._late_at.pop(flow, None)

    def next_timer(self) -> float | None:
        """When `take_late` is to be called."""
        return next(iter(self._late_at.values()), None)

    def take_late(self, now: float) -> list[Flow]:
        """Give the connections whose message took too long, and forget them."""
        late = [flow for flow, at in self._late_at.items() if at <= now]
        for flow in late:
            self.forget(flow)
        return late
