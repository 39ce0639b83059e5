"""NATS KV buckets that hold one type of record each, changed by compare-and-swap.

A revision is what `get` and every write return. A write against an older one raises `Conflict`: read again,
decide again. Never decide on a read alone: an old leader may serve stale ones for 10 s.
"""

import math
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
import nats.errors
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import APIError, BucketNotFoundError, KeyNotFoundError, NoStreamResponseError
from nats.js.kv import KeyValue

from . import acknowledgement, metrics
from .bus import Bus
from .errors import CordboardError, LocalError
from .ids import kv_key, name_of_key
from .listing import subjects, subjects_at_once
from .records import (
    VERSION,
    AccountRecord,
    AgentLease,
    CallRecord,
    EndingRecord,
    LifeRecord,
    LocationRecord,
    NameRecord,
    Record,
    RequestRecord,
    SessionRecord,
    UsageRecord,
)
from .requests import Requests

T = TypeVar("T", bound=Record)
LEASE_TTL = 12.0  # longer than the 5-7 s that KV writes stop when a stream leader is killed
USAGE_TTL = 90_000.0  # after the last write: longer than the day that it counts
BURIED_TTL = 90_000.0  # of a dead agent's lease: longer than anybody is cut off and comes back
ENDING_TTL = 600.0
REQUEST_TTL = 86_400.0
_MARKER_SECONDS = 1.0  # how long a deleted name is still known as deleted; the least that NATS takes
_EXPECTED = "Nats-Expected-Last-Subject-Sequence"
_TTL = "Nats-TTL"  # in whole seconds
_WRONG_LAST_SEQUENCE = (10071, 10164)  # the server's codes for a revision that is not the newest
DEADLINE = 2.0


class Conflict(CordboardError):
    """Another writer came first."""


@dataclass(frozen=True)
class Entry(Generic[T]):
    """A record and the revision to give back with its next write."""

    record: T
    revision: int


_encoder = msgspec.json.Encoder()


class Bucket(Generic[T]):
    """One bucket. Keys are names of any characters."""

    def __init__(self, requests: Requests, js: JetStreamContext, kv: KeyValue, name: str, record: type[T]) -> None:
        self._requests = requests
        self._js = js
        self._kv = kv
        self._name = name
        self._decoder = msgspec.json.Decoder(record)

    async def get(self, name: str) -> Entry[T] | None:
        """Return the record, or None where there is none."""
        try:
            entry = await self._kv.get(kv_key(name))
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
            entry = await self._kv.get(kv_key(name))
        except KeyNotFoundError as error:
            return None if error.entry is None else int(error.entry.revision)
        return entry.revision if not entry.value else None

    async def update(self, name: str, record: T, revision: int, ttl: float = 0.0) -> int:
        """Write over the record that has `revision`; raise `Conflict` if it is not the newest."""
        headers = {_EXPECTED: str(revision)}
        if ttl:
            headers[_TTL] = str(math.ceil(ttl))
        return await self._publish(name, _encoder.encode(record), headers)

    async def _publish(self, name: str, value: bytes, headers: dict[str, str]) -> int:
        return await _write(self._requests, self._name, kv_key(name), value, headers)

    async def put(self, name: str, record: T, ttl: float = 0.0) -> None:
        """Write a record in the place of whatever there is; raise `Conflict` if somebody else does so, too."""
        entry = await self.get(name)
        if entry is None:
            await self.create(name, record, ttl)
        else:
            await self.update(name, record, entry.revision, ttl)

    async def delete(self, name: str, revision: int | None = None) -> None:
        """Remove a record; with `revision`, only if it is still the newest."""
        await self._publish(name, b"", _removal(revision))

    async def names(self) -> list[str]:
        """Return the names of all records, in no order."""
        return list(await self.revisions())

    async def revisions(self) -> dict[str, int]:
        """Return the names of all records with their revisions, of which nothing is read."""
        prefix = f"$KV.{self._name}."
        found = await subjects(self._js, f"KV_{self._name}", f"{prefix}>")
        return {name_of_key(subject.removeprefix(prefix)): revision for subject, revision in found.items()}


class Index:
    """Names under owners: a bucket of keys `<owner>.<name>` without values, of which one owner's are listed alone."""

    def __init__(self, requests: Requests, bucket: str) -> None:
        self._requests = requests
        self._bucket = bucket

    async def add(self, owner: str, name: str) -> int:
        """Write an entry, whether there is one or not; return its revision."""
        return await _write(self._requests, self._bucket, _index_key(owner, name), b"", {})

    async def remove(self, owner: str, name: str, revision: int | None = None) -> None:
        """Remove an entry; with `revision`, only if it is still the newest: else raise `Conflict`."""
        await _write(self._requests, self._bucket, _index_key(owner, name), b"", _removal(revision))

    async def names(self, owner: str) -> list[str]:
        """Return the names under an owner; also those that were removed within the last second."""
        prefix = f"$KV.{self._bucket}.{kv_key(owner)}."
        found = await subjects_at_once(self._requests, f"KV_{self._bucket}", f"{prefix}*")
        return [name_of_key(subject.removeprefix(prefix)) for subject in found]


def _index_key(owner: str, name: str) -> str:
    return f"{kv_key(owner)}.{kv_key(name)}"


async def _write(requests: Requests, bucket: str, key: str, value: bytes, headers: dict[str, str]) -> int:
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


def _removal(revision: int | None) -> dict[str, str]:
    # Not by nats-py: its `delete` leaves a marker for ever, and its `purge` compares no revision.
    headers = {"KV-Operation": "PURGE", "Nats-Rollup": "sub", _TTL: str(int(_MARKER_SECONDS))}
    if revision is not None:
        headers[_EXPECTED] = str(revision)
    return headers


@dataclass(frozen=True)
class Store:
    """All buckets of a cluster."""

    sessions: Bucket[SessionRecord]
    accounts: Bucket[AccountRecord]
    owned: Index
    lives: Bucket[LifeRecord]
    calls: Bucket[CallRecord]
    locations: Bucket[LocationRecord]
    usage: Bucket[UsageRecord]
    leases: Bucket[AgentLease]
    endings: Bucket[EndingRecord]
    requests: Bucket[RequestRecord]
    names: Bucket[NameRecord]


async def open_store(bus: Bus, replicas: int = 1) -> Store:
    """Open the buckets, making those that are not there yet."""
    js = bus.jetstream()

    async def opened(name: str, ttl: float | None) -> KeyValue:
        config = KeyValueConfig(
            bucket=name,
            replicas=replicas,
            # Also what is short-lived: a server that starts again has forgotten that a bucket in memory ever was.
            storage=StorageType.FILE,
            ttl=ttl,
            limit_marker_ttl=ttl or _MARKER_SECONDS,
        )
        try:
            return await js.key_value(name)
        except BucketNotFoundError:
            return await js.create_key_value(config)

    async def bucket(name: str, record: type[T], ttl: float | None = None) -> Bucket[T]:
        return Bucket(bus.requests, js, await opened(name, ttl), name, record)

    async def index(name: str) -> Index:
        await opened(name, None)
        return Index(bus.requests, name)

    return Store(
        sessions=await bucket("sessions", SessionRecord),
        accounts=await bucket("accounts", AccountRecord),
        owned=await index("owned"),
        lives=await bucket("lives", LifeRecord),
        calls=await bucket("calls", CallRecord),
        locations=await bucket("locations", LocationRecord),
        usage=await bucket("usage", UsageRecord, USAGE_TTL),
        leases=await bucket("leases", AgentLease, BURIED_TTL),
        endings=await bucket("endings", EndingRecord, ENDING_TTL),
        requests=await bucket("requests", RequestRecord, REQUEST_TTL),
        names=await bucket("names", NameRecord, REQUEST_TTL),
    )
