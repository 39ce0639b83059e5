"""Pages of a list: their order, their ends, and how much is looked through for one."""

from typing import Any, cast

import pytest

from shared.kv import Bucket, Entry
from shared.records import NameRecord
from signaling.rest.listing import read_all, read_page


class Names:
    """A bucket in memory, which counts what is read; `gone` ends between the list and the look."""

    def __init__(self, count: int, gone: frozenset[str] = frozenset()) -> None:
        self.records = {f"n-{number:04}": record(f"n-{number:04}") for number in reversed(range(count))}
        self.gone = gone
        self.reads = 0

    async def listed(self) -> set[str]:
        return set(self.records)

    async def get(self, name: str) -> Entry[NameRecord] | None:
        self.reads += 1
        return None if name in self.gone else Entry(self.records[name], 1)


def record(name: str) -> NameRecord:
    return NameRecord(call_id=name, name=name, created_at=0.0)


def bucket(names: Names) -> Bucket[NameRecord]:
    return cast(Bucket[NameRecord], names)


async def page(names: Names, limit: int, after: str = "", wanted: Any = lambda _: True) -> tuple[list[str], str]:
    found = await read_page(bucket(names), after, limit, wanted)
    return [one.name for one in found.records], found.next


@pytest.mark.parametrize(
    ("count", "after", "names", "next_"),
    [
        (0, "", [], ""),
        (2, "", ["n-0000", "n-0001"], ""),
        (3, "", ["n-0000", "n-0001"], "n-0001"),
        (3, "n-0001", ["n-0002"], ""),
        (3, "n-0002", [], ""),
    ],
)
async def test_a_page_begins_after_the_one_before(count: int, after: str, names: list[str], next_: str) -> None:
    assert await page(Names(count), 2, after) == (names, next_)


async def test_what_has_ended_meanwhile_is_in_no_page() -> None:
    assert await page(Names(3, frozenset({"n-0001"})), 2) == (["n-0000", "n-0002"], "")


async def test_a_rare_thing_is_looked_for_in_bounded_steps() -> None:
    names = Names(1200)
    found, after = await page(names, 10, wanted=lambda one: one.name == "n-1100")
    assert (found, after, names.reads) == ([], "n-0499", 500)
    found, after = await page(names, 10, after, lambda one: one.name == "n-1100")
    assert (found, after) == ([], "n-0999")
    assert await page(names, 10, after, lambda one: one.name == "n-1100") == (["n-1100"], "")


async def test_all_is_all_in_order() -> None:
    assert [one.name for one in await read_all(bucket(Names(120)))] == sorted(Names(120).records)
