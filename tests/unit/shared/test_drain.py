"""A pod drains once, whoever asks."""

import asyncio

from tests.support.pace import turn

from shared.drain import Drain
from shared.tasks import Tasks


class Pod:
    """Counts how often it was told to leave; each time it does so when it may."""

    def __init__(self) -> None:
        self.left = 0
        self.begun = asyncio.Event()
        self.may_leave = asyncio.Event()
        self.tasks = Tasks("test")
        self.drain = Drain(self.tasks, self._leave)

    async def _leave(self) -> None:
        self.begun.set()
        await self.may_leave.wait()
        self.left += 1


async def test_the_end_is_a_drain_if_there_was_none() -> None:
    pod = Pod()
    pod.may_leave.set()
    await pod.drain.finish()
    assert pod.left == 1


async def test_the_end_waits_for_the_drain_that_is_under_way() -> None:
    pod = Pod()
    pod.drain.begin()
    pod.drain.begin()
    await pod.begun.wait()
    end = pod.tasks.spawn(pod.drain.finish(), "end")
    await turn()
    assert not end.done()
    pod.may_leave.set()
    await end
    assert pod.left == 1


async def test_what_has_come_or_stayed_since_the_drain_is_seen_to_at_the_end() -> None:
    pod = Pod()
    pod.may_leave.set()
    pod.drain.begin()
    await pod.tasks.join(1.0)
    assert pod.left == 1
    await pod.drain.finish()
    assert pod.left == 2
