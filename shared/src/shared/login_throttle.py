"""Password guessing made slow: after some failures a source must wait before it is heard again, longer each time.

A failure counts for the pair of source and user, so that a user is shut out only where the guesses come from, and for
the source, which may try many users. What a failure costs does not depend on whether the user exists.
"""

from collections.abc import Hashable
from dataclasses import dataclass

FREE = 5  # typing errors, and phones that try an old password first
LONGEST = 60.0
FORGET_AFTER = 600.0
MOST = 10_000


@dataclass(slots=True)
class _Failures:
    number: int
    last_at: float
    free_at: float


class LoginThrottle:
    """A bounded table: where it is full, who failed longest ago is forgotten."""

    def __init__(self, free: int = FREE, longest: float = LONGEST, most: int = MOST) -> None:
        self._free = free
        self._longest = longest
        self._most = most
        self._table: dict[Hashable, _Failures] = {}

    def __len__(self) -> int:
        return len(self._table)

    def must_wait(self, who: Hashable, now: float) -> bool:
        """Whether an answer of `who` is not even to be looked at."""
        known = self._table.get(who)
        return known is not None and now < known.free_at

    def failed(self, who: Hashable, now: float) -> None:
        """Take note of a wrong answer."""
        known = self._table.pop(who, None)
        number = 1 if known is None or now - known.last_at > FORGET_AFTER else known.number + 1
        wait = min(self._longest, 2.0 ** min(number - self._free - 1, 16)) if number > self._free else 0.0
        # At the end: the table is in the order of the last failure.
        self._table[who] = _Failures(number, now, now + wait)
        if len(self._table) > self._most:
            del self._table[next(iter(self._table))]

    def succeeded(self, who: Hashable) -> None:
        """Forget the failures."""
        self._table.pop(who, None)


class Proven:
    """Who has shown a right password and need not wait for the failures of others, as many as there is room for."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._table: dict[Hashable, None] = {}

    def __contains__(self, who: Hashable) -> bool:
        return who in self._table

    def __len__(self) -> int:
        return len(self._table)

    def add(self, who: Hashable) -> None:
        """Take somebody in; who has shown nothing for longest goes."""
        self._table.pop(who, None)
        self._table[who] = None
        if len(self._table) > self._most:
            del self._table[next(iter(self._table))]
