"""Trial R9: calls come and go for a while, and nothing grows: descriptors, memory, tasks, ports, records.

CORDBOARD_SOAK_SECONDS makes it longer; `make soak` runs it for eight hours.
"""

import asyncio
import os
from pathlib import Path

import pytest
from tests.chaos.pages import Stage, staged
from tests.support.pace import spend
from tests.support.services import Pod
from tests.support.until import until_so

SECONDS = float(os.environ.get("CORDBOARD_SOAK_SECONDS", "5"))
TALKERS = 6
TALK_SECONDS = 0.2
WARM_UP_SECONDS = 2.0  # what is loaded, or kept for later, at the first calls is no leak
GROWTH = 16 * 2**20  # bytes that a process may take more: what malloc has not given back


def descriptors(pod: Pod) -> int:
    return len(os.listdir(f"/proc/{pod.process.pid}/fd"))


def resident(pod: Pod) -> int:
    pages = int(Path(f"/proc/{pod.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def call_again_and_again(stage: Stage, seconds: float) -> int:
    """Let every talker call, be heard and hang up, in turn; return how many calls there were."""
    until = asyncio.get_running_loop().time() + seconds
    calls = 0

    async def talk() -> None:
        nonlocal calls
        page, phone = await stage.caller()
        while asyncio.get_running_loop().time() < until:
            reply = await page.dial("bob")
            assert reply["type"] == "ok", reply
            await page.through()
            await asyncio.gather(page.ear.hears(), phone.ear.hears())
            await spend(TALK_SECONDS)
            await page.hang_up()
            calls += 1
        assert (await page.ask("logout"))["type"] == "ok"

    await asyncio.gather(*(talk() for _ in range(TALKERS)))
    return calls


@pytest.mark.timeout(SECONDS + 120)
async def test_nothing_grows_while_calls_come_and_go() -> None:
    async with staged(AGENT_MAX_CALLS_PER_MINUTE="0", AGENT_MAX_CALLS_PER_DAY="0") as stage:
        cluster = stage.cluster
        await call_again_and_again(stage, WARM_UP_SECONDS)
        await stage.nothing_is_left()
        before = await cluster.resting_state()
        files = {pod.name: descriptors(pod) for pod in cluster.pods}
        memory = {pod.name: resident(pod) for pod in cluster.pods}
        assert await call_again_and_again(stage, SECONDS) >= TALKERS
        await cluster.wait_until_settled(before)
        await until_so(lambda: all(descriptors(pod) <= files[pod.name] for pod in cluster.pods))
        grown = {pod.name: resident(pod) - memory[pod.name] for pod in cluster.pods}
        assert max(grown.values()) < GROWTH, grown
