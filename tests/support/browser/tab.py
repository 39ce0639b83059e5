"""A page of a real browser, whichever browser it is."""

import asyncio
import base64
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tests.support.tone import Samples, Tone, best_tone

PRELOAD = (Path(__file__).parent / "preload.js").read_text()
HEAR_SECONDS = 30.0


class Tab(Protocol):
    """One page in a profile of its own."""

    console: list[str]

    async def goto(self, url: str) -> None:
        """Load a page and wait until it is there."""

    async def reload(self) -> None:
        """Load the page anew, as a person does, and wait until it is there."""

    async def evaluate(self, function: str, *args: Any) -> Any:
        """Call a JavaScript function with JSON arguments; return its JSON result, awaiting a promise."""

    async def screenshot(self, width: int, height: int) -> bytes:
        """Return what the page looks like, as PNG."""

    async def close(self) -> None:
        """Close the page, as a person does who closes the tab."""


class Browser(Protocol):
    """A running browser."""

    async def tab(self, preload: str = "") -> Tab:
        """Open a page; `preload` runs before the scripts of whatever it loads, after our own preload.js."""


async def hear(tab: Tab) -> tuple[Samples, int] | None:
    """Return the next third of a second of what the page hears and its rate; None while there is no remote audio."""
    sound = await tab.evaluate("() => harness.listen()")
    if sound is None:
        return None
    return np.frombuffer(base64.b64decode(sound["pcm"]), dtype="<f4").astype(np.float64), int(sound["rate"])


async def wait_for_tone(tab: Tab, frequency: float, within: float = HEAR_SECONDS) -> Tone:
    """Return what the page hears once it is a clean tone of this pitch."""
    heard: list[Tone] = []
    try:
        async with asyncio.timeout(within):
            while not (heard and heard[-1].is_clean(frequency)):
                if (sound := await hear(tab)) and (tone := best_tone(*sound)):
                    heard.append(tone)
    except TimeoutError:
        best = max(heard, key=lambda tone: tone.snr_db, default=None)
        raise AssertionError(f"the page does not hear {frequency} Hz; the best of {len(heard)} was {best}") from None
    return heard[-1]


async def wait_for_silence(tab: Tab, within: float = HEAR_SECONDS) -> None:
    """Return once the page hears silence."""
    try:
        async with asyncio.timeout(within):
            while (sound := await hear(tab)) is None or best_tone(*sound) is not None:
                pass
    except TimeoutError:
        raise AssertionError(f"the page hears {best_tone(*sound) if sound else 'nothing at all'}") from None
