"""Work that is done one piece after the other: the order of what concerns one session, without a lock."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from shared.tasks import Tasks

_log = structlog.get_logger(__name__)

T = TypeVar("T")
Work = Callable[[], Awaitable[None]]


class Mailbox:
    """A queue with a task only while something is in it."""

    def __init__(self, tasks: Tasks, name: str) -> None:
        self._tasks = tasks
        self._name = name
        self._waiting: deque[Work] = deque()
        self._is_running = False

    def post(self, work: Work) -> None:
        """Do `work` after what was posted before."""
        self._waiting.append(work)
        if not self._is_running:
            self._is_running = True
            self._tasks.spawn(self._run(), self._name)

    async def ask(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work` in its turn; return or raise what it does."""
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def answered() -> None:
            try:
                value = await work()
            except Exception as error:  # the boundary to the one who asked, who handles it
                if not result.done():
                    result.set_exception(error)
            else:
                if not result.done():
                    result.set_result(value)

        self.post(answered)
        return await result

    async def _run(self) -> None:
        try:
            while self._waiting:
                try:
                    await self._waiting.popleft()()
                except Exception:  # the task boundary: one piece of work failed, the next is no worse for it
                    _log.exception("work failed", mailbox=self._name)
        finally:
            self._is_running = False
