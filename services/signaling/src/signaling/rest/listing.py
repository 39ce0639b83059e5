"""Lists of records, in pages: in the order of their names, which are random and never change.

A page may be shorter than was asked for, even empty, while there are more: what is looked through for one is bounded.
"""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from shared.kv import Entry
from shared.records import Record
from shared.shelves import OwnedBuckets

T = TypeVar("T", bound=Record)

_LOOKED_THROUGH = 500
_AT_ONCE = 50


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some records; `next` is the name to go on after, empty at the end."""

    records: tuple[T, ...]
    next: str


class Listed(Protocol[T]):
    """A bucket, as far as it is listed."""

    async def listed(self) -> set[str]:
        """Return the names of all records, perhaps some more."""

    async def get(self, name: str) -> Entry[T] | None:
        """Return a record if it is there."""


class OfAllOwners(Generic[T]):
    """Records under owners, as one bucket: each is read where the list has found it."""

    def __init__(self, buckets: OwnedBuckets[T]) -> None:
        self._buckets = buckets
        self._owners: dict[str, str] = {}

    async def listed(self) -> set[str]:
        """Return the names of all records."""
        self._owners = await self._buckets.owners()
        return set(self._owners)

    async def get(self, name: str) -> Entry[T] | None:
        """Return a record that was listed and is there."""
        return await self._buckets.of(self._owners[name]).get(name)


async def read_page(bucket: Listed[T], after: str, limit: int, is_wanted: Callable[[T], bool]) -> Page[T]:
    """Return the first `limit` records with a name after `after`."""
    names = heapq.nsmallest(_LOOKED_THROUGH + 1, (name for name in await bucket.listed() if name > after))
    found: list[T] = []
    for start in range(0, min(len(names), _LOOKED_THROUGH), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        entries = await asyncio.gather(*(bucket.get(name) for name in some))
        for name, entry in zip(some, entries, strict=True):
            if entry is None or not is_wanted(entry.record):  # none: it has ended meanwhile
                continue
            found.append(entry.record)
            if len(found) == limit:
                return Page(tuple(found), name if name != names[-1] else "")
    return Page(tuple(found), names[_LOOKED_THROUGH - 1] if len(names) > _LOOKED_THROUGH else "")


async def read_all(bucket: Listed[T]) -> list[T]:
    """Return all records, in the order of their names."""
    found: list[T] = []
    names = sorted(await bucket.listed())
    for start in range(0, len(names), _AT_ONCE):
        entries = await asyncio.gather(*(bucket.get(name) for name in names[start : start + _AT_ONCE]))
        found += [entry.record for entry in entries if entry is not None]
    return found
