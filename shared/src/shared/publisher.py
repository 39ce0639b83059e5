"""Tells other services what happens here, without being in anybody's way (docs/events.md).

`tell` only takes note. What comes within some milliseconds goes out together, and the server's word is asked for of the
last message and of each call detail record: a connection's messages are stored in their order, so the last one speaks
for those before it. A batch without that word is sent again; its ids keep it from being stored twice.
"""

import asyncio
import itertools
import random
import time
from typing import Any

import msgspec
import nats.errors
import structlog

from . import acknowledgement, metrics
from .bus import DEADLINE, Bus
from .messages import stream
from .outbox import Batch, Outbox, Rules
from .requests import Outgoing
from .subjects import told
from .tasks import Tasks

_log = structlog.get_logger(__name__)

RULES = Rules(most=20_000, group=256, gather_seconds=0.05, first_pause=0.25, longest_pause=10.0)
_SERVER_AT_FAULT = 500


class Publisher:
    """One for a pod. `incarnation` is new at each start; `is_on` False: nothing is told to anybody."""

    def __init__(self, bus: Bus, pod: str, incarnation: str, is_on: bool) -> None:
        self.pod = pod
        self.is_on = is_on
        self._bus = bus
        self._prefix = f"{pod}-{incarnation}-"
        self._numbers = itertools.count(1)
        self._outbox: Outbox[stream.Told] = Outbox(RULES, random.random)
        self._tasks = Tasks("publisher")
        self._recorded: dict[str, asyncio.Future[bool]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        metrics.EVENTS_WAITING.set_function(lambda: len(self._outbox))

    def new_id(self) -> str:
        """Return an id that no other event has."""
        return f"{self._prefix}{next(self._numbers)}"

    def tell(self, event: stream.Told) -> None:
        """Let an event go out; where too many wait already it is dropped and counted."""
        if self.is_on:
            self._put(event)

    def tell_now(self, kind: type[stream.Told], **fields: Any) -> None:
        """Tell an event of this pod and this moment."""
        if self.is_on:
            self._put(kind(id=self.new_id(), at=time.time(), pod=self.pod, **fields))

    def record(self, event: stream.CallEnded) -> asyncio.Future[bool]:
        """Tell it, too; the result is whether it is stored: False as soon as a try has failed, though others follow."""
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        is_hopeful = self.is_on and not self._outbox.is_backing_off
        if self.is_on and self._put(event) and is_hopeful:
            self._recorded[event.id] = stored
        else:
            stored.set_result(False)
        return stored

    def _put(self, event: stream.Told) -> bool:
        if not self._outbox.put(event, asyncio.get_running_loop().time()):
            metrics.EVENTS_TOLD.labels("dropped").inc()
            return False
        self._empty.clear()
        if self._timer is None:
            self._arm()
        return True

    async def aclose(self, within: float = DEADLINE) -> None:
        """Let what waits go out, but wait no longer than `within` seconds."""
        try:
            async with asyncio.timeout(within):
                await self._empty.wait()
        except TimeoutError:
            metrics.EVENTS_TOLD.labels("dropped").inc(len(self._outbox))
            _log.warning("events not told", count=len(self._outbox))
        if self._timer is not None:
            self._timer.cancel()
        await self._tasks.aclose()

    def _arm(self) -> None:
        due = self._outbox.next_timer()
        self._timer = None if due is None else asyncio.get_running_loop().call_at(due, self._on_due)

    def _on_due(self) -> None:
        for batch in self._outbox.take(asyncio.get_running_loop().time()):
            self._tasks.spawn(self._send(batch), "send")
        self._arm()

    async def _send(self, batch: Batch[stream.Told]) -> None:
        is_stored = await self._store(batch)
        now = asyncio.get_running_loop().time()
        self._resolve(batch, is_stored)
        if is_stored:
            self._outbox.delivered(batch, now)
            metrics.EVENTS_TOLD.labels("stored").inc(len(batch.messages))
        else:
            self._outbox.failed(batch, now)
            metrics.EVENTS_TOLD.labels("retried").inc(len(batch.messages))
        if not len(self._outbox):
            self._empty.set()
        self._arm()

    def _resolve(self, batch: Batch[stream.Told], is_stored: bool) -> None:
        for event in batch.messages:
            stored = self._recorded.pop(event.id, None)
            if stored is not None and not stored.done():
                stored.set_result(is_stored)

    async def _store(self, batch: Batch[stream.Told]) -> bool:
        """Return whether a batch needs no further try."""
        if not self._bus.connected:  # what is published meanwhile would take the room of commands
            return False
        last = batch.messages[-1]
        messages = (_outgoing(event, event is last) for event in batch.messages)
        try:
            replies = await self._bus.requests.ask_all(messages, DEADLINE)
            failures = [acknowledgement.read(reply.data).error for reply in replies]
        except (nats.errors.Error, msgspec.MsgspecError) as error:
            _log.warning("events not stored yet", count=len(batch.messages), error=repr(error))
            return False
        for failure in failures:
            if failure is not None and failure.code >= _SERVER_AT_FAULT:
                _log.warning("events not stored yet", count=len(batch.messages), error=failure.description)
                return False
            if failure is not None:
                metrics.EVENTS_TOLD.labels("refused").inc()
                _log.error("event refused", error=failure.description)
        return True


def _outgoing(event: stream.Told, is_last: bool) -> Outgoing:
    return Outgoing(
        told(stream.kind_of(event)),
        stream.encode(event),
        {"Nats-Msg-Id": event.id},
        is_last or isinstance(event, stream.CallEnded),
    )
