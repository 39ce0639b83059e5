"""What tests ask of a real SIP phone, whichever it is."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from .tone import Tone


class ScriptedPhone(Protocol):
    """A phone that has one call unless told otherwise."""

    @property
    def frequency(self) -> int:
        """What it says."""

    async def dial(self, uri: str) -> None:
        """Call `uri`."""

    async def wait_for_ring(self) -> None:
        """Return once a call comes in."""

    async def accept(self) -> None:
        """Answer the call that rings."""

    async def wait_for_answer(self) -> None:
        """Return once the call is established."""

    async def hold(self) -> None:
        """Hold the call."""

    async def resume(self) -> None:
        """Take the call from hold."""

    async def press(self, digit: str) -> None:
        """Send a digit."""

    async def wait_for_digit(self, digit: str) -> None:
        """Return once this digit comes in."""

    async def transfer(self, uri: str) -> None:
        """Let the far side call `uri`, without asking there before."""

    async def hang_up(self) -> None:
        """End the call, or reject it where it rings."""

    async def wait_for_end(self) -> None:
        """Return once the call is over."""

    async def wait_for_tone(self, frequency: float) -> Tone:
        """Return what the phone hears from now on, once it is a clean tone of this pitch."""


Phone = Callable[..., AbstractAsyncContextManager[ScriptedPhone]]
StartPhone = Callable[..., Awaitable[Any]]  # of the kind that is asked for
