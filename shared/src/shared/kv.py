"""NATS KV buckets that hold one type of record each, changed by compare-and-swap.

A revision is what `get` and every write return. A write against an older one raises `Conflict`: read again,
decide again. Never decide on a read alone: an old leader may serve stale ones for 10 s.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import APIError, KeyNotFoundError, NoStreamResponseError
from nats.js.kv import KeyValue

from . import acknowledgement, metrics
from .errors import CordboardError, LocalError
from .ids import kv_key, name_of_key
from .listing import subjects
from .records import VERSION, Record
from .requests import Requests

T = TypeVar("T", bound=Record)
LEASE_TTL = 12.0  # longer than the 5-7 s that KV writes stop when a stream leader is killed
USAGE_TTL = 90_000.0  # after the last write: longer than the day that it counts
BURIED_TTL = 90_000.0  # of a dead agent's lease: longer than anybody is cut off and comes back
ENDING_TTL = 600.0
REQUEST_TTL = 86_400.0
MARKER_SECONDS = 1.0  # how long a deleted name is still known as deleted; the least that NATS takes
EXPECTED = "Nats-Expected-Last-Subject-Sequence"
_TTL = "Nats-TTL"  # in whole seconds
_WRONG_LAST_SEQUENCE = (10071, 10164)  # the server's codes for a revision that is not the newest
DEADLINE = 2.0
_CHANGE_TRIES = 20
_CHANGE_PAUSE = 0.002  # at most, after the first try; then twice as long each time
_CHANGE_PAUSE_MOST = 0.25


class Conflict(CordboardError):
    """Another writer came first."""


@dataclass(frozen=True)
class Entry(Generic[T]):
    """A record and the revision to give back with its next write."""

    record: T
    revision: int


_encoder = msgspec.json.Encoder()


class Bucket(Generic[T]):
    """One bucket. Names are of any characters."""

    def __init__(
        self, requests: Requests, js: JetStreamContext, kv: KeyValue, name: str, decoder: msgspec.json.Decoder[T]
    ) -> None:
        self._requests = requests
        self._js = js
        self._kv = kv
        self._name = name
        self._decoder = decoder

    def _key(self, name: str) -> str:
        return kv_key(name)

    async def get(self, name: str) -> Entry[T] | None:
        """Return the record, or None where there is none."""
        try:
            entry = await self._kv.get(self._key(name))
        except KeyNotFoundError:
            return None
        # nats-py 2.16 gives an expiry marker as an entry without a value.
        if not entry.value or entry.revision is None:
            return None
        return Entry(self._decode(entry.value, name), entry.revision)

    def _decode(self, data: bytes, name: str) -> T:
        try:
            record = self._decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise LocalError(f"{self._name}/{name}: {error}") from error
        if record.v != VERSION:
            raise LocalError(f"{self._name}/{name}: version {record.v} is not ours")
        return record

    async def create(self, name: str, record: T, ttl: float = 0.0) -> int:
        """Write a record where there is none; raise `Conflict` where there is one. With `ttl` it ends after that."""
        try:
            return await self.update(name, record, 0, ttl)
        except Conflict:
            marker = await self._marker(name)
            if marker is None:
                raise
        return await self.update(name, record, marker, ttl)

    async def _marker(self, name: str) -> int | None:
        """Return the revision of what a deleted, or expired, record leaves for a while; None where one is live."""
        try:
            entry = await self._kv.get(self._key(name))
        except KeyNotFoundError as error:
            return None if error.entry is None else int(error.entry.revision)
        return entry.revision if not entry.value else None

    async def update(self, name: str, record: T, revision: int, ttl: float = 0.0) -> int:
        """Write over the record that has `revision`; raise `Conflict` if it is not the newest."""
        headers = self._expecting(name, revision)
        if ttl:
            headers[_TTL] = str(math.ceil(ttl))
        return await self._publish(name, _encoder.encode(record), headers)

    def _expecting(self, name: str, revision: int) -> dict[str, str]:
        return {EXPECTED: str(revision)}

    async def _publish(self, name: str, value: bytes, headers: dict[str, str]) -> int:
        return await write(self._requests, self._name, self._key(name), value, headers)

    async def put(self, name: str, record: T, ttl: float = 0.0) -> None:
        """Write a record in the place of whatever there is; raise `Conflict` if somebody else does so, too."""
        entry = await self.get(name)
        if entry is None:
            await self.create(name, record, ttl)
        else:
            await self.update(name, record, entry.revision, ttl)

    async def delete(self, name: str, revision: int | None = None) -> None:
        """Remove a record; with `revision`, only if it is still the newest."""
        await self._publish(name, b"", removal(revision))

    async def change(
        self,
        name: str,
        decide: Callable[[T | None], T | None],
        chance: Callable[[], float],
        *,
        ttl: Callable[[T], float] = lambda _: 0.0,
        known: Entry[T] | None = None,
    ) -> Entry[T] | None:
        """Write what `decide` makes of a record, anew on what another writer has put there first; return what is there.

        `decide` gets None where there is no record, and gives None where there is to be none. `known` saves the first
        read. Raise `Conflict` if others always come first.
        """
        for attempt in range(_CHANGE_TRIES):
            entry, known = known or await self.get(name), None
            new = decide(None if entry is None else entry.record)
            try:
                return await self._replace(name, entry, new, ttl)
            except Conflict:
                # At random: those who fought must not all come back at once, or one loses every time.
                await asyncio.sleep(chance() * min(_CHANGE_PAUSE * 2**attempt, _CHANGE_PAUSE_MOST))
        raise Conflict(f"{self._name}/{name}")

    async def _replace(
        self, name: str, entry: Entry[T] | None, new: T | None, ttl: Callable[[T], float]
    ) -> Entry[T] | None:
        if new is None:
            if entry is not None:
                await self.delete(name, entry.revision)
            return None
        if entry is None:
            return Entry(new, await self.create(name, new, ttl(new)))
        if new == entry.record:
            return entry
        return Entry(new, await self.update(name, new, entry.revision, ttl(new)))

    async def names(self) -> list[str]:
        """Return the names of all records, in no order."""
        return list(await self.revisions())

    async def listed(self) -> set[str]:
        """Return the names of all records; where that is faster, also of those that were removed in the last second."""
        return set(await self.revisions())

    async def revisions(self) -> dict[str, int]:
        """Return the names of all records with their revisions, of which nothing is read."""
        prefix = f"$KV.{self._name}."
        found = await subjects(self._js, f"KV_{self._name}", f"{prefix}>")
        return {name_of_key(subject.removeprefix(prefix)): revision for subject, revision in found.items()}


async def write(requests: Requests, bucket: str, key: str, value: bytes, headers: dict[str, str]) -> int:
    """Write a key. Not by nats-py, whose layers for this cost more than all the rest of a write."""
    try:
        reply = await requests.ask(f"$KV.{bucket}.{key}", value, DEADLINE, headers)
    except nats.errors.NoRespondersError as error:
        raise NoStreamResponseError from error
    written = acknowledgement.read(reply.data)
    if written.error is None:
        return written.seq
    if written.error.err_code in _WRONG_LAST_SEQUENCE:
        metrics.KV_CONFLICTS.labels(bucket).inc()
        raise Conflict(f"{bucket}/{name_of_key(key)}")
    raise APIError.from_error(msgspec.structs.asdict(written.error))


def removal(revision: int | None) -> dict[str, str]:
    """Return the headers of what removes a key; with `revision`, only if it is still the newest."""
    # Not by nats-py: its `delete` leaves a marker for ever, and its `purge` compares no revision.
    headers = {"KV-Operation": "PURGE", "Nats-Rollup": "sub", _TTL: str(int(MARKER_SECONDS))}
    if revision is not None:
        headers[EXPECTED] = str(revision)
    return headers
