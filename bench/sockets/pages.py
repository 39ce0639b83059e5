"""Many pages, in a process of their own, told by lines what to do and answering each with a line of JSON.

`python -m bench.sockets.pages HOST PORT` prints `ready`. `open N` opens so many sockets and logs them in; `talk N RATE
SECONDS` lets N of them send so many messages a second, in all, and answers with how long each took.
"""

import asyncio
import json
import resource
import sys
import time
from typing import Any

import uvloop

from shared.tasks import Tasks

from .page import Page

AT_ONCE = 64


class Pages:
    """All that are open."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._pages: list[Page] = []
        self._sent = 0

    async def open(self, count: int) -> dict[str, Any]:
        """Open sockets and log them in, some at a time; return how long it took."""
        first = len(self._pages)
        numbers = iter(range(first, first + count))
        started = time.monotonic()

        async def some() -> None:
            for number in numbers:
                self._pages.append(await self._logged_in(number))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(some())
        return {"seconds": time.monotonic() - started}

    async def _logged_in(self, number: int) -> Page:
        _, page = await asyncio.get_running_loop().create_connection(Page, self._host, self._port)
        await page.opened
        await page.ask("login", version=1, sip={"login": f"user{number}", "password": "secret", "domain": ""})
        return page

    async def talk(self, count: int, rate: float, seconds: float) -> dict[str, Any]:
        """Let pages send messages, evenly spread; return the time from each one's moment to its reply, in ms."""
        tasks = Tasks("pages")
        took: list[float] = []
        speakers = self._pages[-count:]
        started = time.monotonic()
        sending = []
        for number in range(int(rate * seconds)):
            due = started + number / rate
            if (pause := due - time.monotonic()) > 0:
                await asyncio.sleep(pause)
            sending.append(tasks.spawn(self._say(speakers[number % count], due, took), "message"))
        await asyncio.gather(*sending)
        return {"milliseconds": [round(one * 1000, 3) for one in took]}

    async def _say(self, page: Page, due: float, took: list[float]) -> None:
        self._sent += 1
        await page.ask("message", message=f"t-{self._sent:016d}", to="bob", body="Hello")
        took.append(time.monotonic() - due)


async def main(host: str, port: str) -> None:
    """Obey until the input ends."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    pages = Pages(host, int(port))
    print("ready", flush=True)
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        match line.split():
            case ["open", count]:
                answer = await pages.open(int(count))
            case ["talk", count, rate, seconds]:
                answer = await pages.talk(int(count), float(rate), float(seconds))
            case _:
                raise ValueError(line)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
