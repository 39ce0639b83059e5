"""How a relay leaves: it takes nothing new, and forwards until the agents have moved its sessions (docs/bus.md)."""

import asyncio
import random
import time

import structlog

from shared.presence import Presence

from .commands import Commands

_log = structlog.get_logger(__name__)

_LOOK_EVERY = 0.1


class Others:
    """The other relays of the cluster, as they are heard."""

    def __init__(self, own: str) -> None:
        self.presence = Presence(random.Random())
        self._own = own

    def take_sessions(self) -> bool:
        """Whether there is any that a session could move to."""
        beats = self.presence.live(time.monotonic())
        return any(beat.pod != self._own and not beat.draining for beat in beats)


async def leave(commands: Commands, others: Others, seconds: float) -> None:
    """Return when no session is left, or none can be moved, or the time is over."""
    if not len(commands):
        return
    _log.info("draining", sessions=len(commands), seconds=seconds)
    until = time.monotonic() + seconds
    while len(commands) and time.monotonic() < until and others.take_sessions():  # noqa: ASYNC110 - the clock decides
        await asyncio.sleep(_LOOK_EVERY)
    _log.info("drained", sessions_left=len(commands))
