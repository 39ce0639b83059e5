"""How a relay leaves: it takes nothing new, and forwards until the agents have moved its sessions (docs/bus.md)."""

import asyncio
import time

import structlog

from .commands import Commands

_log = structlog.get_logger(__name__)

_LOOK_EVERY = 0.1


async def leave(commands: Commands, seconds: float) -> None:
    """Return when no session is left, or the time is over.

    Also where no other relay is heard: NATS may be away, another one may start, and calls end by themselves.
    """
    if not len(commands):
        return
    _log.info("draining", sessions=len(commands), seconds=seconds)
    until = time.monotonic() + seconds
    while len(commands) and time.monotonic() < until:  # noqa: ASYNC110 - the clock decides
        await asyncio.sleep(_LOOK_EVERY)
    _log.info("drained", sessions_left=len(commands))
