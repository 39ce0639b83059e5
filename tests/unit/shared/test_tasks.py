"""Supervised tasks."""

import asyncio

import pytest

from shared import metrics
from shared.tasks import Tasks


async def test_a_failure_is_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks("test")

    async def fail() -> None:
        raise ValueError("a bug")

    before = metrics.TASK_FAILURES.labels("test")._value.get()
    task = tasks.spawn(fail(), "failing")
    await asyncio.wait([task])
    assert metrics.TASK_FAILURES.labels("test")._value.get() == before + 1
    assert len(tasks) == 0


async def test_tasks_are_counted_by_their_owner() -> None:
    one, other = Tasks("counted"), Tasks("counted")
    gauge = metrics.TASKS.labels("counted")
    for tasks in (one, other):
        tasks.spawn(asyncio.Event().wait(), "waiting")
    assert gauge.collect()[0].samples[0].value == 2
    await one.aclose()
    await other.aclose()
    assert gauge.collect()[0].samples[0].value == 0


async def test_closing_cancels_what_runs() -> None:
    tasks = Tasks("test")
    task = tasks.spawn(asyncio.Event().wait(), "waiting")
    await tasks.aclose()
    assert task.cancelled() and len(tasks) == 0


async def test_joining_waits_for_work_but_not_for_ever() -> None:
    tasks = Tasks("test")
    started = asyncio.Event()
    started.set()
    done = tasks.spawn(started.wait(), "short")
    await tasks.join(5)
    assert done.done()
    tasks.spawn(asyncio.Event().wait(), "endless")
    await tasks.join(0)
    assert len(tasks) == 1
    await tasks.aclose()


async def test_closing_ends_a_task_that_lost_its_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.tasks._CANCEL_AGAIN", 0.01)
    tasks = Tasks("test")
    lost = asyncio.Event()

    async def loses_one() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost.set()
        await asyncio.Event().wait()

    task = tasks.spawn(loses_one(), "forgetful")
    await tasks.join(0)  # it is waiting now
    async with asyncio.timeout(5):
        await tasks.aclose()
    assert lost.is_set() and task.cancelled()
