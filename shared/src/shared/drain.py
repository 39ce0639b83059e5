"""How a pod drains: once, whoever asks first, `POST /drain` or the signal that ends the process afterwards.

`python -m shared.drain` asks the pod that it runs in: for preStop hooks and people, in images without curl.
"""

import argparse
import asyncio
import http.client
import os
import time
from collections.abc import Awaitable, Callable

from .settings import CommonSettings, load
from .tasks import Tasks


class Drain:
    """`leave` takes nothing new any more, and returns when what can move has moved. It may be called again."""

    def __init__(self, tasks: Tasks, leave: Callable[[], Awaitable[None]]) -> None:
        self._tasks = tasks
        self._leave = leave
        self._under_way: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Drain, and stay: who asks again changes nothing."""
        if self._under_way is None:
            self._under_way = self._tasks.spawn(self._run(), "drain")

    async def finish(self) -> None:
        """Return when nothing is left that could move: at once, if all had moved before."""
        if self._under_way is not None and not self._under_way.done():
            await asyncio.wait({self._under_way})  # its time began when it did
        else:
            await self._leave()

    async def _run(self) -> None:
        await self._leave()


def main() -> None:
    """Ask, and return at once: the pod drains from now on until SIGTERM comes, or after."""
    arguments = argparse.ArgumentParser(prog="python -m shared.drain", description="Have this pod drain, and stay so.")
    arguments.add_argument("--after", type=float, default=0.0, metavar="SECONDS", help="wait so long before")
    time.sleep(arguments.parse_args().after)
    settings = load(CommonSettings, "ops", os.environ)
    if not settings.ops_port:
        arguments.error("CORDBOARD_OPS_PORT is not set")
    host = "::1" if ":" in settings.ops_host else "127.0.0.1"  # it takes this from nowhere else
    pod = http.client.HTTPConnection(host, settings.ops_port, timeout=10)
    pod.request("POST", "/drain")
    answer = pod.getresponse()
    print(answer.read().decode(), end="")
    if answer.status != http.client.ACCEPTED:
        arguments.exit(1)


if __name__ == "__main__":
    main()
