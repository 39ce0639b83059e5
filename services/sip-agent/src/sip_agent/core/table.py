"""State machines by table: `{(state, input): (action, next state)}`, for calls and registrations.

The table is the specification. An input that it does not list for the present state changes nothing, and the
caller is told so, because a peer may send anything at any time.
"""

import enum
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar


class Label(enum.Enum):
    """A state or an input. Its members are single objects, so their identity serves as their hash.

    `Enum` has a function of Python for it, which each look-up in a table would call twice.
    """

    __hash__ = object.__hash__


S = TypeVar("S")
E = TypeVar("E")

Rows: TypeAlias = Mapping[tuple[S, E], tuple[Callable[..., "S | None"], S]]


class TableMachine(Generic[S, E]):
    """One machine. An action runs before its state is entered, and may return another state instead."""

    __slots__ = ("_rows", "state")

    def __init__(self, rows: Rows[S, E], state: S) -> None:
        self._rows = rows
        self.state = state

    def step(self, owner: object, given: E, *facts: Any) -> bool:
        """Give an input with its facts to the action of `owner`; return False where the table has no row for it."""
        row = self._rows.get((self.state, given))
        if row is None:
            return False
        action, following = row
        other = action(owner, *facts)
        self.state = following if other is None else other
        return True
