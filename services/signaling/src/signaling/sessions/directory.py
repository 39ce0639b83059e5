"""The session records in KV: made at log-in, moved by a resume, marked when the socket is lost, deleted at the end.

Whoever changes a record shows the revision it decided on. `Held` is a socket's claim to its session: it stands as long
as the record has the token hash that this socket's log-in or resume wrote.
"""

import base64
import hashlib
import hmac
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import nats.errors
import structlog

from shared.errors import RemoteError
from shared.kv import Conflict, Entry
from shared.records import SessionRecord
from shared.store import Store

from ..core.errors import bad_resume_token, no_such_session
from ..core.sweep import Seen, Sight

_log = structlog.get_logger(__name__)
_TOKEN_BYTES = 32
_TRIES = 8  # against other writers, or a KV replica that lags behind


@dataclass(frozen=True)
class Held:
    """A session's record as this pod wrote it, and the revision it has."""

    record: SessionRecord
    revision: int


def token_hash(token: str) -> str:
    """Return what the record keeps of a resume token."""
    return hashlib.sha256(token.encode()).hexdigest()


@asynccontextmanager
async def _kv() -> AsyncIterator[None]:
    """Without KV nothing can be promised to a page: it is told 503 and tries again."""
    try:
        yield
    except (TimeoutError, nats.errors.Error, OSError) as error:
        _log.warning("session records are out of reach", error=f"{type(error).__name__} {error}")
        raise RemoteError(503, "Service Unavailable") from error


class Directory:
    """Reads and writes the records for one pod."""

    def __init__(
        self, store: Store, pod: str, random_bytes: Callable[[int], bytes], wall_clock: Callable[[], float]
    ) -> None:
        self._sessions = store.sessions
        self._accounts = store.accounts
        self._pod = pod
        self._random_bytes = random_bytes
        self._wall_clock = wall_clock

    def _new_token(self) -> str:
        return base64.urlsafe_b64encode(self._random_bytes(_TOKEN_BYTES)).rstrip(b"=").decode()

    async def create(self, session_id: str, aor: str, agent: str, epoch: int) -> tuple[Held, str]:
        """Write a new session; return it and its resume token."""
        token = self._new_token()
        record = SessionRecord(
            session_id=session_id,
            aor=aor,
            pod=self._pod,
            agent=agent,
            epoch=epoch,
            resume_hash=token_hash(token),
            created_at=self._wall_clock(),
        )
        async with _kv():
            return Held(record, await self._sessions.create(session_id, record)), token

    async def take(self, session_id: str, token: str, next_token: str) -> tuple[Held, Held]:
        """Take a session over with its resume token, which `next_token` replaces: return it before and after."""
        async with _kv():
            for _ in range(_TRIES):
                entry = await self._sessions.get(session_id)
                if entry is None:
                    raise no_such_session()
                if not hmac.compare_digest(entry.record.resume_hash, token_hash(token)):
                    raise bad_resume_token()
                record = msgspec.structs.replace(
                    entry.record, pod=self._pod, resume_hash=token_hash(next_token), detached_at=None
                )
                try:
                    revision = await self._sessions.update(session_id, record, entry.revision)
                except Conflict:  # the older socket's loss was noted meanwhile, or the token was used: look again
                    continue
                return Held(entry.record, entry.revision), Held(record, revision)
        raise RemoteError(503, "Service Unavailable")

    async def give_back(self, before: Held, after: Held) -> Held | None:
        """Undo `take`: nothing has changed for a page whose request was refused."""
        detached_at = before.record.detached_at or self._wall_clock()
        record = msgspec.structs.replace(before.record, detached_at=detached_at)
        async with _kv():
            try:
                return Held(record, await self._sessions.update(record.session_id, record, after.revision))
            except Conflict:
                return None

    async def is_held(self, held: Held) -> bool:
        """Whether no other socket has taken the session since."""
        return await self._newest(held) is not None

    async def _newest(self, held: Held) -> Entry[SessionRecord] | None:
        async with _kv():
            entry = await self._sessions.get(held.record.session_id)
        if entry is None or entry.record.resume_hash != held.record.resume_hash:
            return None
        return entry

    async def detach(self, held: Held) -> Held | None:
        """Note that the socket is lost; None if the session is not this socket's any more."""
        return await self._change(held, detached_at=self._wall_clock())

    async def note_owner(self, held: Held, agent: str, epoch: int) -> Held | None:
        """Note that another agent has the account; None if the session is not this socket's any more."""
        return await self._change(held, agent=agent, epoch=epoch)

    async def _change(self, held: Held, **fields: Any) -> Held | None:
        newest: Entry[SessionRecord] | None = Entry(held.record, held.revision)
        while newest is not None:
            record = msgspec.structs.replace(newest.record, **fields)
            try:
                async with _kv():
                    return Held(record, await self._sessions.update(record.session_id, record, newest.revision))
            except Conflict:
                newest = await self._newest(held)
        return None

    async def delete(self, held: Held) -> bool:
        """Forget the session if it is still as `held`."""
        async with _kv():
            try:
                await self._sessions.delete(held.record.session_id, held.revision)
            except Conflict:
                return False
        return True

    async def forget(self, held: Held) -> None:
        """Forget the session if it is still this socket's, whatever else has changed in its record."""
        newest: Entry[SessionRecord] | None = Entry(held.record, held.revision)
        while newest is not None and not await self.delete(Held(newest.record, newest.revision)):
            newest = await self._newest(held)

    async def forget_unseen(self, session_id: str) -> None:
        """Forget a session whose log-in failed without a word of whether its record was written."""
        async with _kv():
            entry = await self._sessions.get(session_id)
        if entry is not None:
            await self.delete(Held(entry.record, entry.revision))

    async def owner(self, session_id: str) -> tuple[str, int] | None:
        """Return the agent that owns the account now and its epoch, as far as KV knows."""
        async with _kv():
            entry = await self._accounts.get(session_id)
        return None if entry is None else (entry.record.owner, entry.record.epoch)

    async def owner_of_orphan(self, session_id: str) -> tuple[str, int] | None:
        """Return the owner of an account that needs a session; one that was opened without a socket needs none."""
        async with _kv():
            entry = await self._accounts.get(session_id)
        return None if entry is None or not entry.record.pod else (entry.record.owner, entry.record.epoch)

    async def accounts(self) -> set[str]:
        """Return the ids of the sessions that agents have accounts for, or had a second ago."""
        async with _kv():
            return await self._accounts.listed()

    async def look(self, before: Sight) -> Sight:
        """Return what there is of every session. What has been as it is since `before` is not read again.

        A session that is not in `before` is found, whatever its revision; one that is, and whose change was missed, is
        not: so whoever acts on one reads it again.
        """
        async with _kv():
            there = await self._sessions.listed()
            sessions = {session_id: seen for session_id, seen in before.sessions.items() if session_id in there}
            revision = before.revision
            async for change in self._sessions.changes(revision):
                # No more than what came: whoever answers may be a replica that lags.
                revision, record = change.revision, change.record
                if record is None:
                    sessions.pop(change.name, None)
                else:
                    sessions[change.name] = _seen(Held(record, revision))
            for session_id in there - sessions.keys():  # what has come meanwhile, or was missed
                if (held := await self.read(session_id)) is not None:
                    sessions[session_id] = _seen(held)
        return Sight(sessions, revision)

    async def read(self, session_id: str) -> Held | None:
        """Return a session, None where it is forgotten."""
        async with _kv():
            entry = await self._sessions.get(session_id)
        return None if entry is None else Held(entry.record, entry.revision)


def _seen(held: Held) -> Seen:
    return Seen(held.revision, sys.intern(held.record.pod), held.record.detached_at)
