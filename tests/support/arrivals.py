"""What comes to a test, one thing after the other: kept in its order, and waited for."""

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K")


class Arrivals(Generic[T]):
    """`all` is what has come; `first` and `first_of` return nothing twice."""

    def __init__(self) -> None:
        self.all: list[T] = []
        self._taken: set[int] = set()
        self._changed = asyncio.Condition()

    async def add(self, one: T) -> None:
        """Something has come."""
        async with self._changed:
            self.all.append(one)
            self._changed.notify_all()

    async def first(self, fits: Callable[[T], bool], within: float, what: str) -> T:
        """Return the first that fits and was not returned before, waiting for it; `what` it is called if none comes."""

        def find() -> int | None:
            arrived = enumerate(self.all)
            return next((index for index, one in arrived if index not in self._taken and fits(one)), None)

        async with self._changed:
            try:
                async with asyncio.timeout(within):
                    await self._changed.wait_for(lambda: find() is not None)
            except TimeoutError:
                raise AssertionError(f"no {what}; had {self.all}") from None
            index = find()
            assert index is not None
            self._taken.add(index)
            return self.all[index]

    async def first_of(self, kind: type[K], such: Callable[[K], bool], within: float) -> K:
        """Return the first of a kind."""

        def fits(one: Any) -> bool:
            return isinstance(one, kind) and such(one)

        found = await self.first(fits, within, kind.__name__)
        assert isinstance(found, kind)
        return found
