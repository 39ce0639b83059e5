"""A part's way back to the whole that holds it: weak, so that what has ended is freed at once.

A ring of references is left to Python's cycle collector, which stops everything for as long as it looks: at hundreds of
calls a second that was most of a second, twice a minute.
"""

import weakref
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def back(way: Callable[P, R]) -> Callable[P, R | None]:
    """Return a bound method without keeping its object alive; it does nothing, and gives None, once that is gone."""
    weak = weakref.WeakMethod(way)

    def go(*args: P.args, **kwargs: P.kwargs) -> R | None:
        found = weak()
        return None if found is None else found(*args, **kwargs)

    return go
