"""What all sockets of one process share, and what the pod says of itself."""

import asyncio
import os
import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from shared import metrics as shared_metrics
from shared.bus import Bus
from shared.ids import new_id
from shared.messages import Heartbeat
from shared.presence import PERIOD, Presence
from shared.publisher import Publisher
from shared.sealing import Seal
from shared.store import Store
from shared.tasks import Tasks

from . import metrics
from .admission import Admission
from .agents import Agents
from .api.auth import Authenticator
from .core.attempts import Attempts
from .core.pace import LEAST_PER_SECOND, Pace
from .core.session import ByeReason
from .hooks.backend import Backend
from .hooks.rest_calls import HeadlessCalls
from .ice import IceServers
from .media import MediaAllocator
from .sessions.directory import Directory
from .sessions.sweeper import Sweeper
from .settings import Settings
from .tokens import Tokens, source_of

_log = structlog.get_logger(__name__)

_DRAIN_SECONDS = 5.0  # for the last pages to read that they are to go, and for their sessions to be detached
_AT_ONCE = 100  # sessions that are brought up to date side by side


@dataclass
class Presences:
    """Who is heard on the bus."""

    agents: Presence = field(default_factory=lambda: Presence(random.Random()))
    relays: Presence = field(default_factory=lambda: Presence(random.Random()))
    signaling: Presence = field(default_factory=lambda: Presence(random.Random()))


class PageGateway(Protocol):
    """One page's socket, as far as the pod knows it."""

    @property
    def is_logged_in(self) -> bool:
        """Whether it has a session."""

    @property
    def is_kept(self) -> bool:
        """Whether its session outlives the socket."""

    async def catch_up(self) -> bool:
        """Learn what was missed; False: it is to be tried again."""

    def end(self, reason: ByeReason) -> None:
        """Say bye and close."""

    def cut(self) -> None:
        """Close without a word."""


class Pod:
    """The parts of one signaling pod. `gateways` are its sockets, `sessions` those that hold a session."""

    def __init__(self, settings: Settings, bus: Bus, store: Store, presences: Presences) -> None:
        self.settings = settings
        self.bus = bus
        self.store = store
        self._incarnation = new_id("i", os.urandom)
        self.publisher = Publisher(bus, settings.pod, self._incarnation, settings.events)
        self.backend = Backend(settings)
        self.presences = presences
        self.tasks = Tasks("signaling")  # each of which ends by itself
        self.tokens = Tokens(settings, source_of(settings))
        self.authenticator = Authenticator(settings, self.tokens)
        self.attempts = Attempts()
        self.admission = Admission(settings)
        self.seal = Seal(settings.secret, settings.second_secret)
        self.ice_servers = IceServers(settings)
        self.directory = Directory(store, settings.pod, os.urandom, time.time)
        self.agents = Agents(bus, presences.agents, self.directory, settings.pod, self.tasks)
        self.headless = HeadlessCalls(bus, store, self.backend, settings.pod)
        self.media = MediaAllocator(bus, presences.relays, self.tasks)
        self.sweeper = Sweeper(
            self.directory,
            self.agents,
            bus,
            presences.signaling,
            self.publisher,
            settings.pod,
            settings.resume_grace_seconds,
            settings.sweep_seconds,
        )
        self.gateways: set[PageGateway] = set()
        self.sessions: dict[str, PageGateway] = {}
        self.draining = False
        self._is_empty = asyncio.Event()
        metrics.CAPACITY.set(settings.capacity)

    def refusal(self, host: str) -> str:
        """Say why no socket of this host is taken, "" if one is."""
        return "draining" if self.draining else self.admission.refusal(host)

    def count(self) -> None:
        """Bring the gauges up to date."""
        metrics.WEBSOCKETS.set(len(self.gateways))
        metrics.SESSIONS.set(len(self.sessions))
        metrics.UNAUTHENTICATED.set(self.admission.strangers)
        if self.draining and not self.gateways:
            self._is_empty.set()

    def heartbeat(self) -> Heartbeat:
        """Return what the bus is told every 250 ms."""
        return Heartbeat(
            kind="signaling",
            pod=self.settings.pod,
            load=len(self.gateways),
            capacity=self.settings.capacity,
            draining=self.draining,
            incarnation=self._incarnation,
        )

    def not_ready(self) -> str:
        """Say why no log-in and no call could succeed here, "" if they can."""
        if self.draining:
            return "draining"
        if why := self.bus.not_ready():
            return why
        now = time.monotonic()
        missing = [
            what
            for what, presence in (("sip-agent", self.presences.agents), ("media-relay", self.presences.relays))
            if not presence.live(now)
        ]
        return f"not heard: {', '.join(missing)}" if missing else ""

    async def keep_in_step(self) -> None:
        """For ever: whenever nobody could hear this pod, or it could hear nobody, bring its sessions up to date."""
        was_heard, reconnects = True, self.bus.reconnects
        while True:
            await asyncio.sleep(PERIOD)
            is_heard = self.presences.signaling.is_live(self.settings.pod, time.monotonic())
            if is_heard and not (was_heard and self.bus.reconnects == reconnects):
                reconnects = self.bus.reconnects
                await self._catch_up()
            was_heard = is_heard

    async def _catch_up(self) -> None:
        behind = list(self.sessions.values())
        give_up_at = time.monotonic() + self.settings.resume_grace_seconds
        while behind and self.bus.connected and time.monotonic() < give_up_at:
            again: list[PageGateway] = []
            for start in range(0, len(behind), _AT_ONCE):
                some = behind[start : start + _AT_ONCE]
                done = await asyncio.gather(*(gateway.catch_up() for gateway in some))
                again += [gateway for gateway, is_done in zip(some, done, strict=True) if not is_done]
            behind = again
            await asyncio.sleep(PERIOD)

    async def _ask_to_move(self) -> None:
        """Say bye to the pages, so many at a time that the other pods have room for them.

        Those that are not logged in have nothing to lose. Those whose session ends with the socket are the last.
        """
        loop = asyncio.get_running_loop()
        for gateway in [one for one in self.gateways if not one.is_logged_in]:
            gateway.end("draining")
        pages = deque(sorted((one for one in self.gateways if one.is_logged_in), key=lambda one: not one.is_kept))
        pace = Pace(len(pages), self.settings.drain_seconds, loop.time(), LEAST_PER_SECOND)
        _log.info("draining", pages=len(pages))
        while True:
            for _ in range(pace.take(loop.time())):
                if (gateway := pages.popleft()) in self.gateways:
                    gateway.end("draining")
            due = pace.next_timer()
            if due is None or not self.gateways:
                return
            await asyncio.sleep(due - loop.time())

    async def drain(self) -> None:
        """Take nothing new and have every page resume elsewhere; return when their sockets are detached."""
        self.draining = True
        shared_metrics.DRAINING.set(1)
        await self._ask_to_move()
        self.count()
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._is_empty.wait()
        except TimeoutError:
            for gateway in self.gateways:
                gateway.cut()  # its page reads nothing, not even that
            await self._is_empty.wait()
