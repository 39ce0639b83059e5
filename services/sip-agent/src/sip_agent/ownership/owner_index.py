"""Which accounts an agent owns, to be found when it is dead without looking at those of the others (docs/bus.md).

An entry stands under the owner's incarnation, which never writes again once it is dead. It is written before the record
and removed after it: so entries name all that an incarnation owns, and some that it does not. The record alone decides.
"""

import asyncio
from collections.abc import Callable

import msgspec
import nats.errors
import structlog

from shared.kv import BURIED_TTL, Conflict
from shared.records import AccountRecord, AgentLease, LifeRecord
from shared.store import Store
from sip_agent.ownership.owned import RETRY_EVERY

_log = structlog.get_logger(__name__)


class Holding:
    """The entry of one account of this agent."""

    __slots__ = ("_store", "_incarnation", "_session_id", "_revision")

    def __init__(self, store: Store, incarnation: str, session_id: str, revision: int) -> None:
        self._store = store
        self._incarnation = incarnation
        self._session_id = session_id
        self._revision = revision

    async def release(self) -> None:
        """Remove the entry, unless the record is still that of this life; where NATS is away it stays, too much."""
        try:
            entry = await self._store.accounts.get(self._session_id)
            if entry is None or entry.record.incarnation != self._incarnation:
                await self._store.owned.remove(self._incarnation, self._session_id, self._revision)
        except Conflict:  # the account has come back meanwhile, and with it a newer entry
            return
        except nats.errors.Error as error:
            _log.info("entry not removed", session=self._session_id, error=repr(error))


class OwnerIndex:
    """Entries of accounts, and the lives under which they stand."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # -- of this agent

    async def begin(self, lease: AgentLease) -> None:
        """Say that all accounts of this life will have entries, before it has the first."""
        life = LifeRecord(agent=lease.agent, incarnation=lease.incarnation, address=lease.address)
        try:
            await self._store.lives.create(life.incarnation, life)
        except Conflict:  # an incarnation is nobody else's: it is written, and only the word of that was lost
            _log.info("life has begun already", incarnation=life.incarnation)

    async def hold(self, record: AccountRecord, may_act: Callable[[], bool]) -> Holding:
        """Write the entry of an account whose record is about to be written; `may_act` ends the retries."""
        while True:
            try:
                revision = await self._store.owned.add(record.incarnation, record.session_id)
            except nats.errors.Error as error:
                if not may_act():
                    raise
                _log.warning("entry not written yet", session=record.session_id, error=repr(error))
                await asyncio.sleep(RETRY_EVERY)
            else:
                return Holding(self._store, record.incarnation, record.session_id, revision)

    async def has_looked(self, incarnation: str) -> None:
        """Say that this life has looked through all accounts, or need not."""
        await self._change(incarnation, has_looked=True)

    # -- of others, and of former lives

    async def lives(self) -> list[LifeRecord]:
        """Return all lives: of those that are alive, those that died while nobody was there, those over since a day."""
        entries = [await self._store.lives.get(name) for name in await self._store.lives.names()]
        return [entry.record for entry in entries if entry is not None]

    async def find(self, incarnation: str) -> list[str] | None:
        """Return the sessions under a life, some of which are not its own; None where it wrote no entries."""
        if await self._store.lives.get(incarnation) is None:
            return None
        return await self._store.owned.names(incarnation)

    async def forget(self, incarnation: str, session_id: str) -> None:
        """Remove the entry of a life that is dead, of an account that is not its own."""
        try:
            await self._store.owned.remove(incarnation, session_id)
        except nats.errors.Error as error:
            _log.info("entry not removed", session=session_id, error=repr(error))

    async def end(self, incarnation: str) -> None:
        """Say that nothing is a life's own any more.

        What it wrote while it was cut off may still come: whoever starts within the day looks for that.
        """
        await self._change(incarnation, BURIED_TTL, is_over=True)

    async def _change(self, incarnation: str, ttl: float = 0.0, **changes: bool) -> None:
        try:
            entry = await self._store.lives.get(incarnation)
            if entry is not None and not entry.record.is_over:
                await self._store.lives.update(
                    incarnation, msgspec.structs.replace(entry.record, **changes), entry.revision, ttl
                )
        except (Conflict, nats.errors.Error) as error:  # another has ended it, or will: it is found again
            _log.info("life not changed", incarnation=incarnation, error=repr(error))
