"""How many REGISTERs are under way at one registrar: thousands of accounts may want to register in the same moment.

After a restart of this agent or of the registrar they come as fast as the registrar answers, and to one that does not
answer at a modest rate.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

MOST = 64
HELD_MOST = 2.0  # then the next may go, though there was no answer

Go = Callable[[], None]


class RegistrarTurns:
    """`go` stands for whoever asks, and is called once it is its turn, if that was not so at once."""

    def __init__(self, most: int = MOST, held_most: float = HELD_MOST) -> None:
        self._most = most
        self._held_most = held_most
        self._live: dict[str, dict[Go, asyncio.TimerHandle]] = {}
        self._waiting: dict[str, deque[Go]] = {}

    def ask(self, registrar: str, go: Go) -> bool:
        """Return whether it is the turn of `go` now."""
        is_now = len(self._live.get(registrar, ())) < self._most
        if is_now:
            self._let(registrar, go)
        else:
            self._waiting.setdefault(registrar, deque()).append(go)
        return is_now

    def over(self, registrar: str, go: Go) -> None:
        """A turn is over, or not wanted any more; nothing where it has been taken away before."""
        live = self._live.get(registrar, {})
        timer = live.pop(go, None)
        if timer is None:
            with contextlib.suppress(KeyError, ValueError):
                self._waiting[registrar].remove(go)
            return
        timer.cancel()
        waiting = self._waiting.get(registrar)
        if waiting:
            following = waiting.popleft()
            self._let(registrar, following)
            following()
        elif not live:
            del self._live[registrar]
            self._waiting.pop(registrar, None)

    def _let(self, registrar: str, go: Go) -> None:
        timer = asyncio.get_running_loop().call_later(self._held_most, self.over, registrar, go)
        self._live.setdefault(registrar, {})[go] = timer
