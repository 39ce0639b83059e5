"""Gives accounts to agents that have fewer, a few a second: to one that joined, above all (docs/bus.md)."""

import asyncio
import time

import structlog

from shared.messages import Heartbeat
from shared.presence import Presence
from sip_agent.accounts.table import Accounts
from sip_agent.core.takeover.spreading import Load, fair_share, surplus
from sip_agent.ownership.departure import Departure
from sip_agent.ownership.hearing import Hearing

_log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0
MOST_A_LOOK = 16


class Spreading:
    """`own` makes this agent's heartbeat; `agents` are those that are heard."""

    def __init__(self, own: Heartbeat, accounts: Accounts, departure: Departure, agents: Presence) -> None:
        self._agent = own.pod
        self._capacity = own.capacity
        self._accounts = accounts
        self._departure = departure
        self._agents = agents

    async def run(self, hearing: Hearing) -> None:
        """Look for ever, while our own hearing is good."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            is_busy = self._accounts.is_draining or self._accounts.is_settling
            if hearing.is_good(time.monotonic()) and not is_busy:
                await self.look(time.monotonic())

    async def look(self, now: float) -> None:
        """Move some of what is too much. Calls stay where they are, and their accounts with them."""
        own = Load(len(self._accounts), self._capacity)
        beats = [beat for beat in self._agents.live(now) if beat.pod != self._agent and not beat.draining]
        others = [Load(beat.load, beat.capacity) for beat in beats]
        much = min(surplus(own, others), MOST_A_LOOK)
        if not much:
            return
        share = fair_share(own, others) / max(1, own.capacity)
        full = [beat.pod for beat in beats if beat.load >= share * beat.capacity]
        moved = await self._departure.give(much, full)
        _log.info("accounts given to emptier agents", accounts=own.accounts, moved=moved)
