"""Pages by the thousand that go to another pod when theirs leaves, as the SDK does it: web/sdk/connection.js."""

import asyncio
import contextlib
import random
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator

from bench.sockets.page import Page

from shared.tasks import Tasks

from .signaling import resumption

FIRST_DELAY, LONGEST_DELAY, RESUME_FOR = 0.25, 5.0, 30.0
AT_ONCE = 64  # log-ins


class MovingPage:
    """One page, of a host of its own behind a load balancer."""

    def __init__(self, number: int) -> None:
        self.host = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        self.session = ""
        self.away = 0.0  # seconds without a pod
        self.refused: Counter[str] = Counter()
        self._number = number
        self._token = ""
        self._page: Page | None = None

    async def log_in(self, port: int) -> None:
        """Open a session."""
        page = await self._connected(port)
        login = {"login": f"user{self._number}", "password": "secret", "domain": ""}
        reply = await page.ask("login", version=1, sip=login)
        self.session, self._token, self._page = reply["session"], reply["resume_token"], page

    async def move(self, port: int) -> None:
        """Stay where it is until that pod closes the socket, then resume at the other one; fail as the SDK would."""
        assert self._page is not None
        await self._page.closed.wait()
        lost_at = time.monotonic()
        attempt = 0
        async with asyncio.timeout(RESUME_FOR):
            while True:
                await asyncio.sleep(random.random() * min(LONGEST_DELAY, FIRST_DELAY * 2**attempt))
                attempt += 1
                try:
                    page = await self._connected(port)
                    next_token = secrets.token_urlsafe(32)
                    reply = await page.ask("resume", **resumption(self.session, self._token, next_token))
                except (ConnectionError, RuntimeError) as error:
                    self.refused[str(error)] += 1
                    continue
                break
        assert reply["session"] == self.session
        self._page, self.away = page, time.monotonic() - lost_at

    async def _connected(self, port: int) -> Page:
        _, page = await asyncio.get_running_loop().create_connection(lambda: Page(self.host), "127.0.0.1", port)
        await page.opened
        return page

    def leave(self) -> None:
        """Close its socket."""
        if self._page is not None:
            self._page.cut()


@contextlib.asynccontextmanager
async def logged_in(count: int, port: int) -> AsyncIterator[list[MovingPage]]:
    """So many pages at a pod, some of which log in at the same time."""
    pages = [MovingPage(number) for number in range(1, count + 1)]
    coming = iter(pages)
    tasks = Tasks("pages")

    async def some() -> None:
        for page in coming:
            await page.log_in(port)

    await asyncio.gather(*(tasks.spawn(some(), "log-ins") for _ in range(AT_ONCE)))
    yield pages
    for page in pages:
        page.leave()
