"""One timer that is set again and again, as every core asks for it after each step."""

import asyncio
import time
from collections.abc import Callable


class Alarm:
    """Calls `ring` when the time last set is reached.

    The loop's own timer is left where it is when the new time is later, and looks again when it fires: a core that
    pushes its next time back with every message would else cost two calls of the loop for each.
    """

    __slots__ = ("_ring", "_due", "_fires_at", "_handle")

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._due: float | None = None
        self._fires_at = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def set(self, due: float | None) -> None:
        """Ring at `due`, by the monotonic clock, and not at what was set before; None: not at all."""
        self._due = due
        if due is None:
            self.stop()
        elif self._handle is None or due < self._fires_at:
            self._arm(due)

    def stop(self) -> None:
        """Do not ring."""
        self._due = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, due: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._fires_at = due
        self._handle = asyncio.get_running_loop().call_later(max(0.0, due - time.monotonic()), self._fire)

    def _fire(self) -> None:
        self._handle = None
        due = self._due
        if due is None:
            return
        if time.monotonic() < due:
            self._arm(due)
        else:
            self._due = None
            self._ring()
