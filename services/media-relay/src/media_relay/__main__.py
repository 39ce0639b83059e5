"""`python -m media_relay`: settings from the environment, SIGTERM and SIGINT end it."""

import asyncio
import resource
import signal
import sys

import structlog
import uvloop

from shared import logs
from shared.errors import LocalError
from shared.settings import load, masked

from . import app
from .settings import RelaySettings

_log = structlog.get_logger(__name__)


def main() -> int:
    """Run the service; return the exit status."""
    try:
        settings = load(RelaySettings, "relay")
    except LocalError as error:
        print(error, file=sys.stderr)
        return 2
    logs.set_up("media-relay", settings)
    _raise_file_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_main(settings))


async def _main(settings: RelaySettings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(app.run(settings, stop))

    def on_signal() -> None:
        _log.info("stopping")
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    _log.info("starting", **masked(settings))
    try:
        await running
    except LocalError as error:
        _log.error("cannot run", error=str(error))
        return 1
    _log.info("stopped", tasks=len(asyncio.all_tasks()) - 1)
    return 0


def _raise_file_limit() -> None:
    """A call needs two to four sockets; the soft limit is there for programs that use select()."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
