"""A pod of each kind that is asked to drain, as a preStop hook or a person does it, stays until SIGTERM, then ends."""

import sys
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.support.processes import running
from tests.support.services import Cordboard, Pod, cordboard
from tests.support.signaling import Page
from tests.support.until import until
from websockets.asyncio.client import connect

from shared.tasks import Tasks

PATIENCE = 20.0
AT_ONCE = 5.0  # of the 20 s and more that it has for what is left
HELD = {
    "signaling": "cordboard_signaling_websocket_connections",
    "agent": "cordboard_sip_agent_registrations",
    "relay": "cordboard_media_relay_sessions_active",
}


@pytest.fixture
async def pair() -> AsyncIterator[Cordboard]:
    """Two pods of each kind, the first of which is to go."""
    async with cordboard(signaling=2, agents=2, relays=2) as pair:
        yield pair


async def readiness(pod: Pod) -> tuple[int, str]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{pod.ops_port}/readyz")
    return answer.status_code, answer.text.strip()


async def ask(pod: Pod, *options: str) -> tuple[int, str]:
    """Run the command inside the pod."""
    command = (sys.executable, "-m", "shared.drain", *options)
    async with running("drain", command, env={"CORDBOARD_OPS_PORT": str(pod.ops_port)}) as asked:
        return await asked.wait(), asked.log.strip()


async def has_drained(pod: Pod) -> None:
    """Wait until nothing is left that could move."""

    async def holds_nothing() -> bool:
        return not await held(pod)

    await until(holds_nothing, PATIENCE)


async def held(pod: Pod) -> float:
    """Return how many pages, accounts or sessions it has."""
    figures = await pod.metrics()
    return sum(value for name, value in figures.items() if name.partition(",")[0] == HELD[pod.kind])


async def test_each_drains_stays_so_and_ends_at_a_signal(pair: Cordboard) -> None:
    tasks = Tasks("page")
    old, new = pair.signaling
    async with connect(f"ws://127.0.0.1:{old.port}/ws") as here:
        page = Page(here, tasks)
        account = {"login": "alice", "password": "alice-pw", "domain": ""}
        reply = await page.ask("login", version=1, sip=account)
        assert reply["type"] == "ok", reply
        for pod in (old, pair.agents[0], pair.relays[0]):
            assert await ask(pod) == (0, "draining")
            assert await readiness(pod) == (503, "draining")
        assert await page.close_code() == 1012
    async with connect(f"ws://127.0.0.1:{new.port}/ws") as there:
        back = await Page(there, tasks).resume(reply["session"], reply["resume_token"])
        assert back["session"] == reply["session"]
        for pod in (old, pair.agents[0], pair.relays[0]):
            await has_drained(pod)
        assert await held(pair.agents[1]) == 1
        for pod in (old, pair.agents[0], pair.relays[0]):
            assert pod.process.alive
            assert await readiness(pod) == (503, "draining")
            begin = time.monotonic()
            await pod.stop()
            assert time.monotonic() - begin < AT_ONCE
    await tasks.aclose()


async def test_the_command_waits_first_where_it_is_told_to_and_says_what_is_wrong(pair: Cordboard) -> None:
    relay = pair.relays[0]
    begin = time.monotonic()
    assert await ask(relay, "--after", "0.7") == (0, "draining")
    assert time.monotonic() - begin > 0.7
    async with running("drain", (sys.executable, "-m", "shared.drain"), env={"CORDBOARD_OPS_PORT": ""}) as asked:
        assert await asked.wait() == 2
    assert "CORDBOARD_OPS_PORT is not set" in asked.log
