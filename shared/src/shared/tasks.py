"""Tasks that somebody keeps, awaits and hears of: the only place that may call `asyncio.create_task`."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from . import metrics

_log = structlog.get_logger(__name__)

_CANCEL_AGAIN = 1.0

T = TypeVar("T")

_running: Counter[str] = Counter()  # by owner; read when Prometheus asks, for tasks come and go by thousands


class Tasks:
    """The tasks of one owner. A task that fails is logged with its traceback and counted, never lost."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._live: set[asyncio.Task[Any]] = set()
        metrics.TASKS.labels(owner).set_function(lambda: _running[owner])
        metrics.from_zero(metrics.TASK_FAILURES, owner)

    def __len__(self) -> int:
        return len(self._live)

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start `work`; the task is kept until it ends."""
        task = asyncio.create_task(work, name=f"{self._owner}:{name}")  # noqa: TID251 - see the module's docstring
        self._live.add(task)
        _running[self._owner] += 1
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._live.discard(task)
        _running[self._owner] -= 1
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            metrics.TASK_FAILURES.labels(self._owner).inc()
            _log.error("task failed", task=task.get_name(), exc_info=error)

    async def join(self, deadline: float) -> None:
        """Wait until all have ended, but not longer than `deadline` seconds."""
        if self._live:
            await asyncio.wait(self._live, timeout=deadline)

    async def aclose(self) -> None:
        """Cancel what still runs and wait for its end."""
        live = {task for task in self._live if task is not asyncio.current_task()}
        while live:
            for task in live:
                task.cancel()
            # More than once: `asyncio.wait_for` of Python 3.11 drops a cancellation that comes in the same turn of the
            # loop as its result (bpo-37658), and nats-py waits with it.
            _, live = await asyncio.wait(live, timeout=_CANCEL_AGAIN)


async def cancellable(work: Coroutine[Any, Any, T], owner: str, name: str) -> T:
    """Await `work`, which may lose a cancellation; `Tasks.aclose` says why."""
    tasks = Tasks(owner)
    try:
        return await asyncio.shield(tasks.spawn(work, name))
    finally:
        await tasks.aclose()
