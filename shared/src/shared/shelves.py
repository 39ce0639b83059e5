"""Buckets that may have a million records, listed fast and found by more than a name; and an index of names.

A server finds subjects fast where it knows how they begin, and looks through all of them else; and it lists a hundred
thousand in one reply. So keys of the buckets begin with one of a few shelves, which the name tells.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from .ids import kv_key, name_of_key
from .kv import EXPECTED, Bucket, Entry, removal, write
from .listing import is_record, last_revision, since, subjects, subjects_at_once
from .records import Record
from .requests import Requests

T = TypeVar("T", bound=Record)
_EXPECTED_OF = f"{EXPECTED}-Subject"  # which may be of any that match (NATS 2.11)
_SHELVES = 64
_AT_ONCE = 4  # shelves: an answer of many names is milliseconds in which nobody else has a turn


@dataclass(frozen=True)
class Change(Generic[T]):
    """What a bucket has of a name since a revision: a record, or None where it was removed."""

    name: str
    revision: int
    record: T | None


class ShelvedBucket(Bucket[T]):
    """One bucket of many records."""

    def _key(self, name: str) -> str:
        return f"{_shelf(name)}.{kv_key(name)}"

    async def revisions(self) -> dict[str, int]:
        """Return the names of all records with their revisions, of which nothing is read."""
        found = await subjects(self._js, f"KV_{self._name}", f"$KV.{self._name}.>")
        return {_last_name(subject): revision for subject, revision in found.items()}

    async def listed(self) -> set[str]:
        """Return the names of all records; also those that were removed in the last second."""
        return set(map(_last_name, await _all_subjects(self._requests, self._name)))

    async def changes(self, after: int) -> AsyncIterator[Change[T]]:
        """Give what was written after a revision, and what was removed of late, in that order.

        Where the bucket is younger than that revision, all of it was written after.
        """
        if after > await last_revision(self._requests, f"KV_{self._name}"):
            after = 0
        async for message in since(self._js, f"KV_{self._name}", f"$KV.{self._name}.>", after):
            name = _last_name(message.subject)
            record = self._decode(message.data, name) if is_record(message) else None
            yield Change(name, message.metadata.sequence.stream, record)


class OwnedBuckets(Generic[T]):
    """Records that each have a name and an owner, found by either; a name is one owner's alone.

    Keys are `<shelf>.<owner>.<name>`: an owner is looked for once on each shelf, a name on its own.
    """

    def __init__(
        self, requests: Requests, js: JetStreamContext, kv: KeyValue, bucket: str, decoder: msgspec.json.Decoder[T]
    ) -> None:
        self._requests = requests
        self._js = js
        self._kv = kv
        self._bucket = bucket
        self._decoder = decoder

    def of(self, owner: str) -> "OwnedBucket[T]":
        """Return the records of one owner."""
        return OwnedBucket(self._requests, self._js, self._kv, self._bucket, self._decoder, owner)

    async def get(self, name: str) -> Entry[T] | None:
        """Return a record of whichever owner."""
        found = await self._find(f"{_shelf(name)}.*.{kv_key(name)}")
        entries = [await self.of(owner).get(name) for owner, _ in found]  # more than one if one was removed of late
        return next((entry for entry in entries if entry is not None), None)

    async def names_of(self, owner: str) -> list[str]:
        """Return the names of one owner's records; also those that were removed within the last second."""
        return [name for _, name in await self._find(f"*.{kv_key(owner)}.*")]

    async def _find(self, key: str) -> list[tuple[str, str]]:
        found = await subjects_at_once(self._requests, f"KV_{self._bucket}", f"$KV.{self._bucket}.{key}")
        return [_owner_and_name(subject) for subject in found]

    async def owners(self) -> dict[str, str]:
        """Return the owners of all records by their names, and of those that were removed in the last second."""
        found = await _all_subjects(self._requests, self._bucket)
        return {name: owner for owner, name in map(_owner_and_name, found)}

    async def names(self) -> list[str]:
        """Return the names of all records, in no order."""
        found = await subjects(self._js, f"KV_{self._bucket}", f"$KV.{self._bucket}.>")
        return [_last_name(subject) for subject in found]


class OwnedBucket(Bucket[T]):
    """The records of one owner of `OwnedBuckets`."""

    def __init__(
        self,
        requests: Requests,
        js: JetStreamContext,
        kv: KeyValue,
        bucket: str,
        decoder: msgspec.json.Decoder[T],
        owner: str,
    ) -> None:
        super().__init__(requests, js, kv, bucket, decoder)
        self._owner = kv_key(owner)

    def _key(self, name: str) -> str:
        return f"{_shelf(name)}.{self._owner}.{kv_key(name)}"

    def _expecting(self, name: str, revision: int) -> dict[str, str]:
        headers = super()._expecting(name, revision)
        if revision == 0:  # nobody has one of that name
            headers[_EXPECTED_OF] = f"$KV.{self._name}.{_shelf(name)}.*.{kv_key(name)}"
        return headers

    async def revisions(self) -> dict[str, int]:
        """Return the names of the owner's records with their revisions, of which nothing is read."""
        found = await subjects(self._js, f"KV_{self._name}", f"$KV.{self._name}.*.{self._owner}.*")
        return {_owner_and_name(subject)[1]: revision for subject, revision in found.items()}


async def _all_subjects(requests: Requests, bucket: str) -> list[str]:
    found: list[str] = []
    shelves = iter(range(_SHELVES))

    async def list_each() -> None:
        for shelf in shelves:  # an iterator that all share
            found.extend(await subjects_at_once(requests, f"KV_{bucket}", f"$KV.{bucket}.{shelf:x}.>"))

    await asyncio.gather(*(list_each() for _ in range(_AT_ONCE)))
    return found


def _shelf(name: str) -> str:
    return f"{zlib.crc32(name.encode()) % _SHELVES:x}"


def _last_name(subject: str) -> str:
    return name_of_key(subject.rpartition(".")[2])


def _owner_and_name(subject: str) -> tuple[str, str]:
    owner, name = subject.split(".")[-2:]
    return name_of_key(owner), name_of_key(name)


class Index:
    """Names under owners: a bucket of keys `<owner>.<name>` without values, of which one owner's are listed alone."""

    def __init__(self, requests: Requests, bucket: str) -> None:
        self._requests = requests
        self._bucket = bucket

    async def add(self, owner: str, name: str) -> int:
        """Write an entry, whether there is one or not; return its revision."""
        return await write(self._requests, self._bucket, _index_key(owner, name), b"", {})

    async def remove(self, owner: str, name: str, revision: int | None = None) -> None:
        """Remove an entry; with `revision`, only if it is still the newest: else raise `Conflict`."""
        await write(self._requests, self._bucket, _index_key(owner, name), b"", removal(revision))

    async def names(self, owner: str) -> list[str]:
        """Return the names under an owner; also those that were removed within the last second."""
        prefix = f"$KV.{self._bucket}.{kv_key(owner)}."
        found = await subjects_at_once(self._requests, f"KV_{self._bucket}", f"{prefix}*")
        return [name_of_key(subject.removeprefix(prefix)) for subject in found]


def _index_key(owner: str, name: str) -> str:
    return f"{kv_key(owner)}.{kv_key(name)}"
