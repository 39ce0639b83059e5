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
    """A queue, with a task, only while something is in it: thousands of accounts have nothing to do."""

    __slots__ = ("_tasks", "_name", "_waiting")

    def __init__(self, tasks: Tasks, name: str) -> None:
        self._tasks = tasks
        self._name = name
        self._waiting: deque[Work] | None = None

    def post(self, work: Work) -> None:
        """Do `work` after what was posted before."""
        if self._waiting is not None:
            self._waiting.append(work)
            return
        self._waiting = deque((work,))
        self._tasks.spawn(self._run(self._waiting), self._name)

    async def ask(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work` in its turn; return or raise what it does. If that is now, it needs no task but the asker's."""
        if self._waiting is not None:
            return await self._ask_in_turn(work)
        self._waiting = waiting = deque[Work]()
        try:
            return await work()
        finally:
            if waiting:
                self._tasks.spawn(self._run(waiting), self._name)
            else:
                self._waiting = None

    async def _ask_in_turn(self, work: Callable[[], Awaitable[T]]) -> T:
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

    async def _run(self, waiting: deque[Work]) -> None:
        try:
            while waiting:
                try:
                    await waiting.popleft()()
                except Exception:  # the task boundary: one piece of work failed, the next is no worse for it
                    _log.exception("work failed", mailbox=self._name)
        finally:
            self._waiting = None
