"""The agent's lease: one KV key, renewed; what the agent owns is its own only while the renewal is acknowledged.

A cut-off agent believes itself connected for as long as the cut lasts (measured), so it counts from its last
acknowledged renewal and fences itself when the lease may have ended for the others.
"""

import asyncio
import time

import nats.errors
import nats.js.errors
import structlog

from shared.errors import LocalError
from shared.kv import LEASE_TTL, Bucket, Conflict
from shared.records import AgentLease
from sip_agent import metrics

_log = structlog.get_logger(__name__)

RENEW_EVERY = 2.0


class Lease:
    """Held from `acquire` to `release`. `held()` is asked before anything is sent for an account."""

    def __init__(self, bucket: Bucket[AgentLease], record: AgentLease) -> None:
        self._bucket = bucket
        self._record = record
        self._revision = 0
        self._acknowledged_at = float("-inf")

    def held(self) -> bool:
        """Whether the last acknowledged renewal is younger than the lease's life."""
        return time.monotonic() - self._acknowledged_at < LEASE_TTL

    async def acquire(self) -> None:
        """Take the lease; a pod's id is its own, so one that is there is a former self's."""
        asked_at = time.monotonic()
        try:
            self._revision = await self._bucket.create(self._record.agent, self._record)
        except Conflict:
            entry = await self._bucket.get(self._record.agent)
            if entry is None:
                raise LocalError(f"the lease of {self._record.agent} comes and goes") from None
            self._revision = await self._bucket.update(self._record.agent, self._record, entry.revision)
        self._acknowledged(asked_at)

    def _acknowledged(self, asked_at: float) -> None:
        # Counted from the question, not the answer: the server's clock started somewhere between.
        self._acknowledged_at = asked_at
        metrics.LEASE_HELD.set(1)
        metrics.LEASE_RENEWALS.labels("ok").inc()

    async def renew_for_ever(self) -> None:
        """Renew until cancelled; a failed renewal is tried again sooner."""
        pause = RENEW_EVERY
        while True:
            await asyncio.sleep(pause)
            pause = RENEW_EVERY if await self._renew() else RENEW_EVERY / 4

    async def _renew(self) -> bool:
        asked_at = time.monotonic()
        try:
            if await self._write():
                self._acknowledged(asked_at)
                return True
        except (Conflict, LocalError, nats.errors.Error, nats.js.errors.Error) as error:
            # None of them may end the renewals: the agent would be silent for good.
            _log.warning("lease not renewed", error=repr(error))
        metrics.LEASE_RENEWALS.labels("failed").inc()
        metrics.LEASE_HELD.set(self.held())
        return False

    async def _write(self) -> bool:
        try:
            self._revision = await self._bucket.update(self._record.agent, self._record, self._revision)
        except Conflict:
            await self._find_own()
            return False
        return True

    async def _find_own(self) -> None:
        # A renewal whose acknowledgement was lost raises the revision; an expired lease has none.
        entry = await self._bucket.get(self._record.agent)
        if entry is not None and entry.record.incarnation == self._record.incarnation:
            self._revision = entry.revision
        elif entry is None:
            await self.acquire()
        else:
            _log.error("the lease is held by another incarnation")

    async def release(self) -> None:
        """Give the lease back, so that others need not wait for its end."""
        self._acknowledged_at = float("-inf")
        metrics.LEASE_HELD.set(0)
        await self._bucket.delete(self._record.agent)
