"""The full phone in a real browser, driven as the simple page is; and what only it has."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .browser.tab import Browser
from .page import STATUS_SECONDS, PhonePage

# What the simple page calls by its name, this one says in words.
_WORDS = {
    "^RING": "^(Ringing|Incoming)",
    "^ESTABLISHED": "^In call",
    "^FINISH": "^Call ended",
    "^FAILED": "^No connection",
    "^BUSY": "^Busy",
    "^HOLD (you|both)": "^On hold($| by both)",
    "^(ESTABLISHED|HOLD the other)": "^(In call|On hold by the other)",
    "^HOLD the other": "^On hold by the other",
}
_SESSION = {"REGISTERED": "^Ready$"}


@dataclass(frozen=True)
class Picture:
    """A picture on the page."""

    width: int
    height: int
    brightness: int  # of its brightest spot, 255 at most


@dataclass
class FullPhone(PhonePage):
    """One open full phone; it plays the call on its stage, and that is what is heard."""

    async def call(self, callee: str) -> None:
        """Leave the call that is over, if it is still seen; type the callee and press Call."""
        # In one go: the page leaves it by itself after a while, and then there is no button any more.
        await self.tab.evaluate(
            "() => { const close = document.getElementById('closeBtn'); if (close.checkVisibility()) close.click(); }"
        )
        await super().call(callee)

    async def wait_for_call(self, pattern: str, within: float = STATUS_SECONDS) -> str:
        """Return what stands on the stage of the call once it is that."""
        return await super().wait_for_call(_WORDS.get(pattern, pattern), within)

    async def wait_for_session(self, pattern: str, within: float = STATUS_SECONDS) -> str:
        """Return how the log-in stands once it is that."""
        return await super().wait_for_session(_SESSION.get(pattern, pattern), within)

    async def wait_for_other(self, pattern: str, within: float = STATUS_SECONDS) -> str:
        """Return what the list of the other calls says once it matches."""
        return await self.wait_for_text("callList", pattern, within)

    async def wait_for_notice(self, pattern: str, within: float = STATUS_SECONDS) -> str:
        """Return the line that tells what came of something once it matches."""
        return await self.wait_for_text("notice", pattern, within)

    async def send_digits(self, digits: str, method: str = "rfc4733") -> None:
        """Press the keys, one after the other."""
        await self._fill(digitsMethod=method)
        if await self.tab.evaluate("() => document.getElementById('keypadBtn').ariaExpanded") != "true":
            await self._press("keypadBtn")
        for digit in digits:
            await self._press_at(f'#keypad [data-key="{digit}"]')
        await self.wait_for_text("digits", f"{re.escape(digits)}$")

    async def second_call(self, callee: str) -> None:
        """Press New call, which leaves the present one as it is, and call."""
        await self._press("secondBtn")
        await self.call(callee)

    async def take_other(self) -> None:
        """Press Answer, or Switch, at the first of the other calls."""
        await self._press_at("#callList .take")

    async def end_other(self) -> None:
        """Press Decline, or End, at the first of the other calls."""
        await self._press_at("#callList .end")

    async def video_call(self, callee: str) -> None:
        """Type the callee and press the button with the camera."""
        await self._fill(callee=callee)
        await self._press("videoCallBtn")

    async def transfer(self, target: str) -> None:
        """Type to whom the call is to go, and wait until it is there."""
        await self._press("transferOpen")
        await self._fill(transferTo=target)
        await self._press("transferBtn")

    async def transfer_to_other(self) -> None:
        """Pick the other call from the list of the dialog."""
        await self._press("transferOpen")
        await self._press_at("#transferCalls button")

    async def send_message(self, text: str, to: str = "") -> None:
        """Write a message, and wait until it is taken."""
        await self._press("messagesTab")
        await self._fill(messageTo=to, messageText=text)
        await self._press("messageBtn")
        await self.wait_for_text("messageList", re.escape(text))

    async def press(self, button: str) -> None:
        """Press a button of the page by its id."""
        await self._press(button)

    async def choose(self, **settings: str | bool) -> None:
        """Set fields of the page by their ids."""
        await self._fill(**settings)

    async def press_at(self, selector: str) -> None:
        """Press the first button that the selector finds."""
        await self._press_at(selector)

    async def label(self, element: str) -> str:
        """Return what a screen reader says of an element that has no text."""
        return str(await self.tab.evaluate("(id) => document.getElementById(id).ariaLabel", element))

    async def is_shown(self, element: str) -> bool:
        """Return whether an element can be seen."""
        return bool(await self.tab.evaluate("(id) => document.getElementById(id).checkVisibility()", element))

    async def sees(self, is_wanted: Callable[[Picture], bool]) -> None:
        """Return once the far side's picture is one that is wanted."""
        seen = None
        try:
            async with asyncio.timeout(STATUS_SECONDS):
                while seen is None or not is_wanted(seen):
                    shown = await self.tab.evaluate("() => harness.picture('remoteVideo')")
                    seen = shown and Picture(**shown)
        except TimeoutError:
            raise AssertionError(f"{self.name} sees {seen}\n{await self.describe()}") from None

    async def type_key(self, key: str) -> None:
        """Press a key of the keyboard, with no field to write in."""
        await self.tab.evaluate(
            """(key) => {
              document.activeElement?.blur();
              document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
            }""",
            key,
        )

    async def past_calls(self) -> list[str]:
        """Return the list of past calls, the latest first: who, and what came of it."""
        calls: list[str] = await self.tab.evaluate(
            """() => [...document.querySelectorAll("#historyList .about")].map(
              (about) => [...about.children].map((one) => one.textContent).join(": ")
            )"""
        )
        return calls


OpenFullPhone = Callable[..., Awaitable[FullPhone]]


async def open_full_phone(browser: Browser, url: str, frequency: float) -> FullPhone:
    """Open the full phone, with a microphone of the test's own, and the browser's camera when it is asked for."""
    media = f"window.cordboardMedia = (video) => harness.media({frequency}, video);"
    tab = await browser.tab(f'harness.player = "remoteAudio"; {media}')
    await tab.goto(f"{url}full/")
    return FullPhone(tab, frequency)
