"""A signaling pod that leaves has its pages moved to another one, some at a time, so that none is refused there."""

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.moving_pages import MovingPage, logged_in
from tests.support.processes import free_ports, start
from tests.support.services import Pod
from tests.support.signaling import SECRET, Stage, eventually, stage

from shared.tasks import Tasks

PAGES = 2000
LONGEST = (
    10.0  # seconds without a pod, of any page, a third of what a session has; of most it is the first delay and a bit
)


@pytest.fixture
async def here(nats_url: str) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


async def signaling(here: Stage, name: str) -> Pod:
    """Start a pod as a process, its limits as they are by default."""
    ops_port, port = free_ports(), free_ports()
    env = {
        "CORDBOARD_NATS_URL": here.nats_url,
        "CORDBOARD_SECRET": SECRET,
        "CORDBOARD_POD": name,
        "CORDBOARD_OPS_PORT": str(ops_port),
        "CORDBOARD_SIGNALING_HOST": "127.0.0.1",
        "CORDBOARD_SIGNALING_PORT": str(port),
        "CORDBOARD_LOG_LEVEL": "warning",
    }
    pod = Pod("signaling", name, ops_port, port, await start(name, (sys.executable, "-m", "signaling"), env=env), env)
    await pod.wait_until_ready()
    return pod


async def move_all(pages: list[MovingPage], old: Pod, new: Pod) -> float:
    """Let a pod leave; return how long it took until the last page was at the other one."""
    tasks = Tasks("moving")
    moving = [tasks.spawn(page.move(new.port), "page") for page in pages]
    begin = time.monotonic()
    old.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*moving)
    return time.monotonic() - begin


@pytest.mark.alone
async def test_thousands_of_pages_move_and_none_is_refused(here: Stage) -> None:
    old, new = await asyncio.gather(signaling(here, "signaling-1"), signaling(here, "signaling-2"))
    try:
        async with logged_in(PAGES, old.port) as pages:
            took = await move_all(pages, old, new)
            assert await old.process.wait() == 0, old.process.tail()
            away = sorted(page.away for page in pages)
            refused = sum((page.refused for page in pages), Counter[str]())
            print(
                f"{PAGES} pages in {took:.1f} s; away {away[PAGES // 2]:.2f} s, the longest {away[-1]:.2f} s; {refused}"
            )
            assert (await new.metrics())["cordboard_signaling_sessions"] == PAGES
            assert not refused
            assert away[-1] < LONGEST
        await new.stop()
    finally:
        await asyncio.gather(old.process.stop(), new.process.stop())


async def test_pages_go_some_at_a_time_and_strangers_at_once(here: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.pod.LEAST_PER_SECOND", 1.0)
    pod = await here.pod(drain_seconds=4.0)
    pages = [await here.page(pod) for _ in range(4)]
    for page in pages:
        await page.log_in()
    stranger = await here.page(pod)
    begin = time.monotonic()
    drained = here.tasks.spawn(pod.pod.drain(), "drain")
    assert await stranger.close_code() == 1012
    await asyncio.wait([page.closed for page in pages], return_when=asyncio.FIRST_COMPLETED)
    still_there = [page for page in pages if not page.closed.done()]
    assert len(still_there) == 3
    assert (await still_there[-1].ask("ping"))["type"] == "ok"
    late = await here.page(pod)
    assert await late.close_code() == 1013
    await drained
    assert 2.0 < time.monotonic() - begin < 5.0
    assert [await page.close_code() for page in pages] == [1012] * 4


class Gateway:
    """Notes when it is told to end."""

    def __init__(self, ended: list[str], name: str, is_logged_in: bool, is_kept: bool) -> None:
        self.is_logged_in = is_logged_in
        self.is_kept = is_kept
        self._ended, self._name = ended, name

    def end(self, reason: str) -> None:
        self._ended.append(self._name)


async def test_pages_whose_calls_end_with_their_socket_are_the_last_to_go(here: Stage) -> None:
    pod = await here.pod(drain_seconds=0.0)
    ended: list[str] = []
    gateways: Any = [
        Gateway(ended, "in the language of WCS", is_logged_in=True, is_kept=False),
        Gateway(ended, "our own", is_logged_in=True, is_kept=True),
        Gateway(ended, "stranger", is_logged_in=False, is_kept=True),
    ]
    pod.pod.gateways |= set(gateways)
    await pod.pod._ask_to_move()
    pod.pod.gateways.clear()
    assert ended == ["stranger", "our own", "in the language of WCS"]


async def test_a_drain_ends_with_the_last_page_however_it_went(here: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.pod.LEAST_PER_SECOND", 0.1)
    pod = await here.pod(drain_seconds=60.0)
    pages = [await here.page(pod) for _ in range(3)]
    for page in pages:
        await page.log_in()
    drained = here.tasks.spawn(pod.pod.drain(), "drain")
    for page in pages:
        await page.socket.close()
    await eventually(drained.done)
    assert not pod.pod.gateways
