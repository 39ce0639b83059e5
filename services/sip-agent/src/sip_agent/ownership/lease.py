"""The agent's lease: one KV key, renewed; what the agent owns is its own only while the renewal is acknowledged.

A cut-off agent believes itself connected for as long as the cut lasts (measured), so it counts from its last
acknowledged renewal and fences itself when the lease may have ended for the others. Who takes over what it had marks
the lease first, by compare-and-swap (`bury`): so an agent that finds its lease merely ended has lost nothing, and goes
on; one that finds it marked has lost everything. One that finds another process there, which has its pod's name, has
lost the name as well: it ends.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec
import nats.errors
import nats.js.errors
import structlog

from shared.errors import LocalError
from shared.kv import BURIED_TTL, LEASE_TTL, Bucket, Conflict
from shared.records import AgentLease
from sip_agent import metrics

_log = structlog.get_logger(__name__)

RENEW_EVERY = 2.0
LOOK_EVERY = 0.5  # while a former self may still have the lease


async def _nothing() -> None:
    """What is done for an agent that owns nothing."""


async def _untold(_: AgentLease) -> None:
    """What is done where nobody keeps account of lives."""


class Lease:
    """Held from `acquire` to `release`. `held()` is asked before anything is sent for an account.

    `on_buried` is to drop all that the agent owned; then it begins a new life, as `new_incarnation` says,
    of which `on_begin` is told first. `on_superseded` is to end this process: another one has the pod's name.
    `owns_address`: we are bound to the record's address, so that a former self that was there is dead.
    """

    def __init__(
        self,
        bucket: Bucket[AgentLease],
        record: AgentLease,
        new_incarnation: Callable[[], str],
        owns_address: bool = False,
    ) -> None:
        self._bucket = bucket
        self._new_incarnation = new_incarnation
        self._owns_address = owns_address
        self._revision = 0
        self._acknowledged_at = float("-inf")
        self.record = record
        self.has_former = False  # a former life of this pod left its lease behind
        self.on_buried: Callable[[], Awaitable[None]] = _nothing
        self.on_begin: Callable[[AgentLease], Awaitable[None]] = _untold
        self.is_superseded = False  # for good
        self.on_superseded: Callable[[], object] = lambda: None

    @property
    def incarnation(self) -> str:
        """Of this life of the agent."""
        return self.record.incarnation

    def held(self) -> bool:
        """Whether the last acknowledged renewal is younger than the lease's life."""
        return time.monotonic() - self._acknowledged_at < LEASE_TTL

    async def acquire(self) -> None:
        """Take the lease once no other process can have it; raise `LocalError` if one goes on renewing it.

        A pod's id is its own, so a lease that is there is a former self's, which may live: cut off, or on a lost node.
        """
        agent = self.record.agent
        ended_by = time.monotonic() + LEASE_TTL + RENEW_EVERY
        while not await self._try_to_acquire():
            if time.monotonic() >= ended_by:
                raise LocalError(f"another process is {agent}: CORDBOARD_POD must be unique")
            await asyncio.sleep(LOOK_EVERY)

    async def _try_to_acquire(self) -> bool:
        asked_at = time.monotonic()
        agent = self.record.agent
        try:
            entry = await self._bucket.get(agent)
            if entry is None:
                self._revision = await self._bucket.create(agent, self.record, LEASE_TTL)
            else:
                if not self.has_former:
                    self.has_former = True
                    _log.info("a former self has left its lease", agent=agent, address=entry.record.address)
                if not self._is_over(entry.record):
                    return False
                self._revision = await self._bucket.update(agent, self.record, entry.revision, LEASE_TTL)
        except Conflict:  # it was renewed, or marked, in this moment
            return False
        self._acknowledged(asked_at)
        return True

    def _is_over(self, former: AgentLease) -> bool:
        """Whether a former self is known to be dead though its lease has not ended."""
        is_here = self._owns_address and former.address == self.record.address
        return former.is_dead or is_here or former.incarnation == self.incarnation

    def _acknowledged(self, asked_at: float) -> None:
        # Counted from the question, not the answer: the server's clock started somewhere between.
        self._acknowledged_at = asked_at
        metrics.LEASE_HELD.set(1)
        metrics.LEASE_RENEWALS.labels("ok").inc()

    async def renew_for_ever(self) -> None:
        """Renew until cancelled, or superseded; a failed renewal is tried again sooner."""
        pause = RENEW_EVERY
        while not self.is_superseded:
            await asyncio.sleep(pause)
            pause = RENEW_EVERY if await self._renew() else RENEW_EVERY / 4

    async def _renew(self) -> bool:
        asked_at = time.monotonic()
        try:
            if await self._write():
                self._acknowledged(asked_at)
                return True
        except (Conflict, LocalError, nats.errors.Error, nats.js.errors.Error) as error:
            _log.warning("lease not renewed", error=repr(error))
        metrics.LEASE_RENEWALS.labels("failed").inc()
        metrics.LEASE_HELD.set(self.held())
        return False

    async def _write(self) -> bool:
        try:
            self._revision = await self._bucket.update(self.record.agent, self.record, self._revision, LEASE_TTL)
        except Conflict:
            await self._find_own()
            return False
        return True

    async def _find_own(self) -> None:
        # A renewal whose acknowledgement was lost raises the revision; an expired lease has none.
        entry = await self._bucket.get(self.record.agent)
        if entry is None:
            await self._take_anew()
        elif entry.record.is_dead:  # as what we were, or as another one that had our name meanwhile
            await self._live_again()
        elif entry.record.incarnation != self.incarnation:
            await self._give_way(entry.record)
        else:
            self._revision = entry.revision

    async def _take_anew(self) -> None:
        """By `create`, so that a burial of the same moment is a conflict: nobody has taken anything of ours."""
        asked_at = time.monotonic()
        self._revision = await self._bucket.create(self.record.agent, self.record, LEASE_TTL)
        self._acknowledged(asked_at)

    async def _give_way(self, other: AgentLease) -> None:
        """Another process has our name: it takes what we owned. Two that both want it would go on for ever."""
        self._fence()
        self.is_superseded = True
        _log.error("another process has the lease: this one ends", incarnation=self.incarnation, other=other.address)
        await self.on_buried()
        self.on_superseded()

    def _fence(self) -> None:
        """Hold it no more, whatever was acknowledged."""
        self._acknowledged_at = float("-inf")
        metrics.LEASE_HELD.set(0)

    async def _live_again(self) -> None:
        """Others have taken, or are taking, what we owned."""
        self._fence()
        _log.error("taken for dead: all accounts are dropped", incarnation=self.incarnation)
        await self.on_buried()
        anew = msgspec.structs.replace(self.record, incarnation=self._new_incarnation())
        await self.on_begin(anew)
        self.record = anew
        await self.acquire()

    async def release(self) -> None:
        """Give the lease back, so that others need not wait for its end."""
        self._fence()
        try:
            await self._bucket.delete(self.record.agent, self._revision)
        except Conflict:  # a renewal without its acknowledgement: it ends by itself; or another's mark, which must stay
            _log.info("lease not given back", agent=self.record.agent)


async def find_live(bucket: Bucket[AgentLease], agent: str) -> AgentLease | None:
    """Return the lease that an agent holds, None if it holds none."""
    entry = await bucket.get(agent)
    return None if entry is None or entry.record.is_dead else entry.record


async def bury(bucket: Bucket[AgentLease], dead: AgentLease, is_proven: bool) -> bool:
    """Mark the lease of an agent that is taken for dead; return False if it has shown to be alive.

    After this no renewal of that incarnation succeeds. `is_proven`: it is dead even though its lease has not ended yet.
    """
    mark = msgspec.structs.replace(dead, is_dead=True)
    while True:
        entry = await bucket.get(dead.agent)
        if entry is not None and (entry.record.is_dead or entry.record.incarnation != dead.incarnation):
            return True  # another was first, or its pod has started anew
        try:
            if entry is None:
                await bucket.create(dead.agent, mark, BURIED_TTL)
            elif is_proven:
                await bucket.update(dead.agent, mark, entry.revision, BURIED_TTL)
            else:
                return False
        except Conflict:
            continue
        return True
