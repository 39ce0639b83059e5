"""How a pod starts: the operators' port first, then NATS, then what NATS stores; the same for all services.

A pod whose NATS is away, or has no leader yet, lives, is not ready, and says why. Were it ended for that, by its
liveness probe or by itself, it would be started again later and later, and be away for longer than NATS.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import nats.errors
import nats.js.errors
import structlog

from . import health
from .bus import Bus
from .drain import Drain
from .errors import DeadlineExceeded, LocalError
from .replicas import Replicas
from .settings import CommonSettings, StreamSettings
from .store import Store, open_store
from .streams import CDR, EVENTS, open_streams
from .tasks import Tasks, cancellable

_log = structlog.get_logger(__name__)

T = TypeVar("T")
_PAUSE = 0.5
_NO_CLUSTER = 10074  # the server's code for replicas that a server alone cannot have


class Start:
    """A pod from its first moment on, till `ready` and after."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.ops_address = ""
        self.not_ready: Callable[[], str] = self._lacks
        self._drain: Drain | None = None
        self._must_drain = False
        self._lacking = ""
        self._tasks = Tasks("start")

    def _lacks(self) -> str:
        return self.bus.not_ready() or self._lacking or "starting"

    def ready(self, not_ready: Callable[[], str], drain: Drain) -> None:
        """The pod has all that it needs: from now on it says what it lacks, and drains if it is, or was, asked."""
        self.not_ready, self._drain = not_ready, drain
        if self._must_drain:
            drain.begin()

    def drain(self) -> None:
        """Have the pod drain, as soon as it can."""
        self._must_drain = True
        if self._drain is not None:
            self._drain.begin()

    async def insist(self, what: str, work: Callable[[], Awaitable[T]]) -> T:
        """Return what `work` returns, which is begun anew until NATS can do it; till then the pod lacks `what`."""
        self._lacking = f"no {what}"
        done = await cancellable(self._insist(what, work), "start", what)
        self._lacking = ""
        return done

    async def _insist(self, what: str, work: Callable[[], Awaitable[T]]) -> T:
        said: set[str] = set()
        while True:
            try:
                return await work()
            except (nats.errors.Error, nats.js.errors.Error, DeadlineExceeded) as error:
                _raise_hopeless(error)
                self._lacking = why = f"no {what}: {error}"
            if why not in said:
                _log.warning("not started yet", why=why)
            said.add(why)
            await asyncio.sleep(_PAUSE)

    async def open_store(self, settings: StreamSettings) -> Store:
        """Open the buckets and, where events are told, the streams."""
        store = await self.insist("store", lambda: open_store(self.bus, settings.kv_replicas))
        streams = [f"KV_{bucket.name}" for bucket in dataclasses.fields(Store)]
        if settings.events:
            await self.insist("streams", lambda: open_streams(self.bus, settings))
            streams += EVENTS, CDR
        self._tasks.spawn(Replicas(self.bus.jetstream(), settings.kv_replicas, streams).watch(), "replicas")
        return store

    async def aclose(self) -> None:
        """End; the last thing that a pod does."""
        await self._tasks.aclose()
        await self.bus.aclose()


def _raise_hopeless(error: Exception) -> None:
    if isinstance(error, nats.js.errors.APIError) and error.err_code == _NO_CLUSTER:
        raise LocalError("CORDBOARD_KV_REPLICAS: the NATS server is alone, and keeps one of everything") from error


@contextlib.asynccontextmanager
async def starting(settings: CommonSettings) -> AsyncIterator[Start]:
    """Serve the operators' port, connect, and begin the block; what it leaves is the last to go."""
    start = Start(Bus(settings))
    ops = health.ops_config(settings.ops_host, settings.ops_port, lambda: start.not_ready(), start.drain)
    async with health.serve(ops, "ops") as start.ops_address:
        await start.bus.open()
        try:
            yield start
        finally:
            await start.aclose()
