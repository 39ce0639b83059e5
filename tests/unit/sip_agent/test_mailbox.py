"""Order within a session."""

import asyncio

import pytest

from shared.errors import RemoteError
from shared.tasks import Tasks
from sip_agent.mailbox import Mailbox


async def test_work_is_done_in_order_though_the_first_takes_longer() -> None:
    tasks = Tasks("test")
    mailbox = Mailbox(tasks, "m")
    done: list[int] = []
    gate = asyncio.Event()

    async def slow() -> None:
        await gate.wait()
        done.append(1)

    async def quick() -> None:
        done.append(2)

    mailbox.post(slow)
    last = tasks.spawn(mailbox.ask(quick), "ask")
    gate.set()
    await last
    assert done == [1, 2]
    await tasks.aclose()
    assert len(tasks) == 0


async def test_an_error_goes_to_the_one_who_asked_and_the_next_work_is_done() -> None:
    tasks = Tasks("test")
    mailbox = Mailbox(tasks, "m")

    async def refuse() -> None:
        raise RemoteError(486, "Busy Here")

    async def value() -> int:
        return 7

    async def bug() -> None:
        raise ValueError("a bug")

    with pytest.raises(RemoteError, match="486"):
        await mailbox.ask(refuse)
    mailbox.post(bug)
    assert await mailbox.ask(value) == 7


async def test_who_asks_an_idle_mailbox_does_the_work_and_what_comes_meanwhile_waits() -> None:
    tasks = Tasks("test")
    mailbox = Mailbox(tasks, "m")
    done: list[str] = []

    turn = asyncio.get_running_loop().create_future()

    async def asked() -> None:
        mailbox.post(posted)
        asyncio.get_running_loop().call_soon(turn.set_result, None)
        await turn
        assert len(tasks) == 0
        done.append("asked")

    async def posted() -> None:
        done.append("posted")

    await mailbox.ask(asked)
    await mailbox.ask(posted)
    assert done == ["asked", "posted", "posted"]
