"""A KV record that this agent owns: written by compare-and-swap, through short outages, never over another owner's."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

import nats.errors
import structlog

from shared.kv import Bucket, Conflict
from shared.records import AccountRecord, CallRecord

_log = structlog.get_logger(__name__)

T = TypeVar("T", bound=AccountRecord | CallRecord)
RETRY_EVERY = 0.25


class OwnedRecord(Generic[T]):
    """`may_act` ends the retries: without the lease there is nothing to write."""

    __slots__ = ("_bucket", "_name", "_agent", "_may_act", "_revision")

    def __init__(
        self, bucket: Bucket[T], name: str, agent: str, may_act: Callable[[], bool], revision: int = 0
    ) -> None:
        self._bucket = bucket
        self._name = name
        self._agent = agent
        self._may_act = may_act
        self._revision = revision

    async def save(self, record: T) -> None:
        """Write; raise `Conflict` where the record is another agent's by now."""
        while True:
            try:
                if await self._write(record):
                    return
            except nats.errors.Error as error:
                await self._pause(error)

    async def _write(self, record: T) -> bool:
        try:
            if self._revision:
                self._revision = await self._bucket.update(self._name, record, self._revision)
            else:
                self._revision = await self._bucket.create(self._name, record)
        except Conflict:
            await self._find_own(record.epoch)
            return False
        return True

    async def _find_own(self, epoch: int) -> None:
        # A write whose acknowledgement was lost looks like somebody else's: ours has our name and epoch.
        entry = await self._bucket.get(self._name)
        if entry is None or entry.record.owner != self._agent or entry.record.epoch != epoch:
            raise Conflict(self._name)
        self._revision = entry.revision

    async def _pause(self, error: Exception) -> None:
        if not self._may_act():
            raise error
        _log.warning("record not written yet", name=self._name, error=repr(error))
        await asyncio.sleep(RETRY_EVERY)

    async def delete(self, epoch: int) -> None:
        """Remove the record, once NATS is there; nothing where it is another's.

        That needs no lease: compare-and-swap leaves alone what somebody else has made of it, and nobody else would
        remove what an agent leaves whose lease ran out while NATS was away.
        """
        while self._revision:
            try:
                await self._remove(epoch)
            except Conflict:  # another's by now, or gone
                self._revision = 0
            except nats.errors.Error as error:
                _log.warning("record not removed yet", name=self._name, error=repr(error))
                await asyncio.sleep(RETRY_EVERY)

    async def _remove(self, epoch: int) -> None:
        try:
            await self._bucket.delete(self._name, self._revision)
        except Conflict:
            await self._find_own(epoch)
        else:
            self._revision = 0
