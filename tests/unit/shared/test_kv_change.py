"""Records changed by compare-and-swap; tests/integration/test_kv.py has NATS itself."""

import pytest

from shared.kv import Bucket, Conflict, Entry
from shared.records import UsageRecord

AOR = "alice@example.com"


OTHERS = 100  # what another writer adds


def record(day: int) -> UsageRecord:
    return UsageRecord(aor=AOR, day=day)


class Contested(Bucket[UsageRecord]):
    """One record, to which others write as often as they are told to, each time we are about to."""

    def __init__(self, stored: UsageRecord | None, fights: int = 0) -> None:
        self._name = "usage"
        self.stored = stored
        self.revision = 1
        self.fights = fights
        self.reads = self.writes = 0
        self.ttl = 0.0

    async def get(self, name: str) -> Entry[UsageRecord] | None:
        self.reads += 1
        return None if self.stored is None else Entry(self.stored, self.revision)

    def _put(self, new: UsageRecord | None, revision: int, ttl: float) -> int:
        self.writes += 1
        if self.fights:
            self.fights -= 1
            self.revision += 1
            self.stored = record((self.stored.day if self.stored else 0) + OTHERS)
        if revision != (self.revision if self.stored else 0):
            raise Conflict(AOR)
        self.revision += 1
        self.stored, self.ttl = new, ttl
        return self.revision

    async def create(self, name: str, record: UsageRecord, ttl: float = 0.0) -> int:
        return self._put(record, 0, ttl)

    async def update(self, name: str, record: UsageRecord, revision: int, ttl: float = 0.0) -> int:
        return self._put(record, revision, ttl)

    async def delete(self, name: str, revision: int | None = None) -> None:
        self._put(None, revision or 0, 0.0)


def add(old: UsageRecord | None) -> UsageRecord:
    return record((old.day if old else 0) + 1)


def still() -> float:
    return 0.0


async def test_what_another_wrote_first_is_changed() -> None:
    bucket = Contested(None, fights=2)
    assert await bucket.change(AOR, add, still) == Entry(record(2 * OTHERS + 1), bucket.revision)
    assert bucket.stored == record(2 * OTHERS + 1)


async def test_who_always_loses_gives_up() -> None:
    bucket = Contested(record(0), fights=1000)
    with pytest.raises(Conflict):
        await bucket.change(AOR, add, still)
    assert bucket.writes == 20


async def test_nothing_is_written_where_nothing_changes() -> None:
    for stored in (None, record(1)):
        bucket = Contested(stored)
        await bucket.change(AOR, lambda old: old, still)
        assert (bucket.stored, bucket.writes) == (stored, 0)


async def test_a_record_is_removed_where_there_is_to_be_none() -> None:
    bucket = Contested(record(1), fights=1)
    assert await bucket.change(AOR, lambda old: None, still) is None
    assert (bucket.stored, bucket.writes) == (None, 2)


async def test_a_known_record_is_not_read_until_it_turns_out_to_be_old() -> None:
    bucket = Contested(record(1))
    written = await bucket.change(AOR, add, still, known=Entry(record(1), 1))
    assert (bucket.reads, bucket.stored) == (0, record(2))
    await bucket.change(AOR, add, still, known=Entry(record(1), 1))
    assert (bucket.reads, bucket.stored) == (1, record(3))
    assert written is not None and written.revision == 2


async def test_a_record_lives_as_long_as_it_says() -> None:
    bucket = Contested(record(6))
    await bucket.change(AOR, add, still, ttl=lambda new: float(new.day))
    assert bucket.ttl == 7.0
