"""The frames that wait for a page."""

import asyncio

from signaling.backlog import Backlog


async def test_frames_leave_in_order_and_the_close_comes_last() -> None:
    backlog = Backlog(100)
    assert backlog.put("a") and backlog.put("b")
    backlog.close(1000, "bye")
    backlog.close(1008, "too late")
    assert backlog.put("nowhere")
    assert [await backlog.next(), await backlog.next(), await backlog.next()] == ["a", "b", None]
    assert backlog.closing == (1000, "bye")


async def test_a_full_backlog_takes_nothing_until_it_is_read() -> None:
    backlog = Backlog(10)
    assert backlog.put("x" * 6)
    assert not backlog.put("x" * 5)
    await backlog.next()
    assert backlog.put("x" * 5)


async def test_a_reader_waits_for_the_next_frame() -> None:
    backlog = Backlog(10)
    reading = asyncio.ensure_future(backlog.next())
    asyncio.get_running_loop().call_soon(backlog.put, "a")
    assert await reading == "a"
