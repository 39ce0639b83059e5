"""`python -m signaling`: run a pod until SIGTERM or SIGINT."""

import asyncio
import signal
import sys

import structlog
import uvloop

from shared import logs
from shared.errors import LocalError
from shared.settings import load

from .app import running
from .settings import Settings

_log = structlog.get_logger(__name__)


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings):
        await stop.wait()
        _log.info("stopping")


def main() -> int:
    """Return the exit status: 0 after a signal, 2 where a setting is wrong."""
    try:
        settings = load(Settings, "signaling")
        logs.set_up("signaling", settings)
        uvloop.run(_run(settings))
    except LocalError as error:
        print(f"signaling: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
