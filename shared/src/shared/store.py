"""All buckets of a cluster, opened or made."""

from dataclasses import dataclass
from typing import TypeVar

import msgspec
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import BucketNotFoundError
from nats.js.kv import KeyValue

from . import metrics
from .bus import Bus
from .kv import BURIED_TTL, ENDING_TTL, MARKER_SECONDS, REQUEST_TTL, USAGE_TTL, Bucket
from .records import (
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
from .shelves import Index, OwnedBuckets, ShelvedBucket

T = TypeVar("T", bound=Record)


@dataclass(frozen=True)
class Store:
    """All buckets of a cluster."""

    sessions: ShelvedBucket[SessionRecord]
    accounts: ShelvedBucket[AccountRecord]
    owned: Index
    lives: Bucket[LifeRecord]
    calls: OwnedBuckets[CallRecord]  # under their sessions
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
            limit_marker_ttl=ttl or MARKER_SECONDS,
        )
        metrics.from_zero(metrics.KV_CONFLICTS, name)
        try:
            return await js.key_value(name)
        except BucketNotFoundError:
            return await js.create_key_value(config)

    async def bucket(name: str, record: type[T], ttl: float | None = None) -> Bucket[T]:
        return Bucket(bus.requests, js, await opened(name, ttl), name, msgspec.json.Decoder(record))

    async def shelved(name: str, record: type[T]) -> ShelvedBucket[T]:
        return ShelvedBucket(bus.requests, js, await opened(name, None), name, msgspec.json.Decoder(record))

    async def owned(name: str, record: type[T]) -> OwnedBuckets[T]:
        return OwnedBuckets(bus.requests, js, await opened(name, None), name, msgspec.json.Decoder(record))

    async def index(name: str) -> Index:
        await opened(name, None)
        return Index(bus.requests, name)

    return Store(
        sessions=await shelved("sessions", SessionRecord),
        accounts=await shelved("accounts", AccountRecord),
        owned=await index("owned"),
        lives=await bucket("lives", LifeRecord),
        calls=await owned("calls", CallRecord),
        locations=await bucket("locations", LocationRecord),
        usage=await bucket("usage", UsageRecord, USAGE_TTL),
        leases=await bucket("leases", AgentLease, BURIED_TTL),
        endings=await bucket("endings", EndingRecord, ENDING_TTL),
        requests=await bucket("requests", RequestRecord, REQUEST_TTL),
        names=await bucket("names", NameRecord, REQUEST_TTL),
    )
