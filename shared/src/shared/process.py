"""A service as a process: settings, logs, signals, exit status. The same for all services.

SIGTERM and SIGINT end it in order, also while it still waits for NATS. Exit status: 0 after a signal, 2 where a
setting or the place it runs in is wrong.
"""

import asyncio
import gc
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import structlog
import uvloop

from . import logs, metrics
from .errors import LocalError
from .settings import CommonSettings, load, masked
from .tasks import Tasks

_log = structlog.get_logger(__name__)

S = TypeVar("S", bound=CommonSettings)


def run(service: str, prefix: str, settings: type[S], running: Callable[[S], AbstractAsyncContextManager[Any]]) -> int:
    """Run a service, which lives inside the context `running(settings)`, until a signal; return the exit status."""
    try:
        values = load(settings, prefix)
        logs.set_up(service, values)
        metrics.tell_build(service)
        _raise_file_limit()
        _spare_the_collector()
        uvloop.run(_until_signal(running(values), masked(values)))
    except LocalError as error:
        print(f"{service}: {error}", file=sys.stderr)
        return 2
    return 0


def _raise_file_limit() -> None:
    """A call has four sockets, a page one; the soft limit is there for programs that use select()."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _spare_the_collector() -> None:
    """What is there at the start stays; and of what comes, little is in cycles: look for these seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


async def _until_signal(running: AbstractAsyncContextManager[Any], shown: dict[str, Any]) -> None:
    stop = asyncio.Event()
    tasks = Tasks("process")

    async def live() -> None:
        async with running:
            started.set()
            await stop.wait()

    started = asyncio.Event()
    life = tasks.spawn(live(), "life")

    def on_signal() -> None:
        _log.info("stopping")
        stop.set()
        if not started.is_set():
            life.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    _log.info("starting", **shown)
    await asyncio.wait([life])
    _log.info("stopped", tasks=len(asyncio.all_tasks()) - 1)
    if not life.cancelled():
        life.result()
