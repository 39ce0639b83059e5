"""`python -m sip_agent`: run one agent until SIGTERM or SIGINT."""

import asyncio
import signal
import sys

import structlog
import uvloop

from shared import logs
from shared.errors import LocalError
from shared.settings import load
from sip_agent.app import check, running
from sip_agent.settings import Settings

_log = structlog.get_logger(__name__)


async def _main(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with running(settings):
        await stop.wait()
    _log.info("stopped")


def main() -> int:
    """Return the exit status."""
    try:
        settings = load(Settings, "agent")
        check(settings)
    except LocalError as error:
        print(error, file=sys.stderr)
        return 2
    logs.set_up("sip-agent", settings)
    uvloop.run(_main(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
