"""A reader of the streams for other services: every event in its order, waited for."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from nats.aio.msg import Msg

from shared.bus import Bus
from shared.messages import stream

from .arrivals import Arrivals

E = TypeVar("E", bound=stream.Told)
PATIENCE = 10.0


class Reader:
    """Keeps what it reads; `expect` waits for the next of a kind."""

    def __init__(self) -> None:
        self._arrivals: Arrivals[stream.Told] = Arrivals()

    @property
    def events(self) -> list[stream.Told]:
        """All that it has read."""
        return self._arrivals.all

    async def take(self, msg: Msg) -> None:
        """Note an event."""
        await self._arrivals.add(stream.decode(msg.data))

    async def expect(self, kind: type[E], such: Callable[[E], bool] = lambda _: True) -> E:
        """Return the first event of a kind that was not returned before."""
        return await self._arrivals.first_of(kind, such, PATIENCE)

    def of_call(self, call_id: str) -> list[str]:
        """Return the kinds of a call's events, in their order."""
        return [stream.kind_of(one) for one in self.events if getattr(one, "call_id", "") == call_id]


@contextlib.asynccontextmanager
async def reading(bus: Bus, name: str) -> AsyncIterator[Reader]:
    """Read a stream from its beginning while the block runs."""
    reader = Reader()
    options: dict[str, Any] = {"stream": name, "ordered_consumer": True}
    subscription = await bus.jetstream().subscribe("events.>", cb=reader.take, **options)
    try:
        yield reader
    finally:
        await subscription.unsubscribe()
