"""A reader of the streams for other services: every event in its order, waited for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from nats.aio.msg import Msg

from shared.bus import Bus
from shared.messages import stream

E = TypeVar("E", bound=stream.Told)
PATIENCE = 10.0


class Reader:
    """Keeps what it reads; `expect` waits for the next of a kind."""

    def __init__(self) -> None:
        self.events: list[stream.Told] = []
        self._arrived = asyncio.Condition()
        self._taken: set[int] = set()

    async def take(self, msg: Msg) -> None:
        """Note an event."""
        async with self._arrived:
            self.events.append(stream.decode(msg.data))
            self._arrived.notify_all()

    async def expect(self, kind: type[E], such: Callable[[E], bool] = lambda _: True) -> E:
        """Return the first event of a kind that was not returned before."""

        def find() -> int | None:
            events = enumerate(self.events)
            return next((i for i, one in events if i not in self._taken and isinstance(one, kind) and such(one)), None)

        async with self._arrived:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._arrived.wait_for(lambda: find() is not None)
            except TimeoutError:
                raise AssertionError(f"no {kind.__name__}; read {self.events}") from None
            index = find()
            assert index is not None
            self._taken.add(index)
            found = self.events[index]
        assert isinstance(found, kind)
        return found

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
