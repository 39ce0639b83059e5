"""The phone page in a real browser: what a person does with it, and what stands on it."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .browser.tab import Browser, Tab, hear, wait_for_silence, wait_for_tone
from .scripted_phone import ScriptedPhone
from .tone import Tone, best_tone

STATUS_SECONDS = 20.0


@dataclass(frozen=True)
class Account:
    """What a person types into the log-in form."""

    login: str
    password: str
    domain: str = ""
    auth_name: str = ""
    outbound_proxy: str = ""
    port: int | None = None
    transport: str = ""
    register: bool = True


@dataclass
class PhonePage:
    """One open page whose microphone hears a sine of `frequency`."""

    tab: Tab
    frequency: float
    name: str = ""
    _closed: bool = False

    async def connect(self, account: Account, expect: str = "REGISTERED", within: float = STATUS_SECONDS) -> str:
        """Fill in the form, press Connect and wait for the session's status."""
        self.name = account.login
        await self._fill(
            sipLogin=account.login,
            sipAuthenticationName=account.auth_name or account.login,
            sipPassword=account.password,
            sipDomain=account.domain,
            sipOutboundProxy=account.outbound_proxy,
            sipPort="" if account.port is None else str(account.port),
            sipTransport=account.transport,
            sipRegisterRequired=account.register,
        )
        await self._press("connectBtn")
        return await self.wait_for_session(expect, within)

    async def call(self, callee: str) -> None:
        """Type the callee and press Call."""
        await self._fill(callee=callee)
        await self._press("callBtn")

    async def answer(self) -> None:
        """Press Answer."""
        await self._press("answerBtn")

    async def hang_up(self) -> None:
        """Press Hangup: it rejects, cancels or ends, as the call stands."""
        await self._press("hangupBtn")

    async def toggle_mute(self) -> None:
        """Press Mute."""
        await self._press("muteBtn")

    async def hold(self) -> None:
        """Press Hold, and wait until the page says that this side holds."""
        await self._press("holdBtn")
        await self.wait_for_call("^HOLD (you|both)")

    async def unhold(self) -> None:
        """Press the same button, which is called Resume by then; the other side may hold on."""
        await self._press("holdBtn")
        await self.wait_for_call("^(ESTABLISHED|HOLD the other)")

    async def send_digits(self, digits: str, method: str = "rfc4733") -> None:
        """Send digits, by `rfc4733` or `info`, and wait until the page says that they are sent."""
        await self._fill(digits=digits, digitsMethod=method)
        await self._press("digitsBtn")
        await self.wait_for_log(f"sent digits {re.escape(digits)}")

    async def transfer(self, target: str) -> None:
        """Ask the other side to call somebody else; what becomes of it is in the log."""
        await self._fill(transferTo=target)
        await self._press("transferBtn")

    async def send_message(self, text: str, to: str = "") -> None:
        """Send a message to the other side of the call, or to `to` while there is none; wait until it is taken."""
        if to:
            await self._fill(callee=to)
        await self._fill(messageText=text)
        await self._press("messageBtn")
        await self.wait_for_log(f"to .*: {re.escape(text)}")

    async def wait_for_log(self, pattern: str, within: float = STATUS_SECONDS) -> str:
        """Return what the page has logged (messages, digits, transfers) once a whole line matches."""
        return await self.wait_for_text("log", f"(?:^|\\n)(?:{pattern})(?:\\n|$)", within)

    async def consult(self, address: str) -> None:
        """Make a second call beside the one that the page shows, and wait until it is answered."""
        failure = await self.tab.evaluate(
            """async (to) => {
              const call = cordboard.session.call(to, { stream: await cordboardMedia() });
              return new Promise((resolve) => {
                call.once("ESTABLISHED", () => resolve(null));
                for (const end of ["BUSY", "FAILED", "FINISH"]) call.once(end, () => resolve(call.end.reason));
              });
            }""",
            address,
        )
        assert failure is None, f"{address}: {failure}\n{await self.describe()}"

    async def transfer_to_consulted(self) -> None:
        """Connect the far side of the shown call with that of the other one; return once they are."""
        await self.tab.evaluate(
            "() => cordboard.call.transferTo(cordboard.calls.find((call) => call !== cordboard.call))"
        )

    async def wait_for_session(self, pattern: str, within: float = STATUS_SECONDS) -> str:
        """Return the session's status once it matches."""
        return await self.wait_for_text("sessionStatus", pattern, within)

    async def wait_for_call(self, pattern: str, within: float = STATUS_SECONDS) -> str:
        """Return the call's status once it matches."""
        return await self.wait_for_text("callStatus", pattern, within)

    async def wait_for_text(self, element: str, pattern: str, within: float = STATUS_SECONDS) -> str:
        """Return the text of an element once it matches."""
        text = await self.tab.evaluate("(...wanted) => harness.text(...wanted)", element, pattern, within * 1000)
        assert text is not None, f"{element} did not become {pattern!r} in {within} s\n{await self.describe()}"
        return str(text)

    async def hears(self, frequency: float) -> Tone:
        """Return what is heard once it is a clean tone of this pitch."""
        try:
            return await wait_for_tone(self.tab, frequency)
        except AssertionError as error:
            raise AssertionError(f"{self.name}: {error}\n{await self.describe()}") from error

    async def hears_all_along(self, frequency: float, what: Awaitable[object]) -> None:
        """Let something happen: each third of a second of it, and the one after it, must hold this tone, clean."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_finished(what))
            is_last = False
            while not is_last:
                is_last = task.done()
                sound = await hear(self.tab)
                tone = best_tone(*sound) if sound else None
                assert tone, f"{self.name} hears nothing\n{await self.describe()}"
                assert tone.is_clean(frequency), f"{self.name} hears {tone}\n{await self.describe()}"

    async def hears_silence(self) -> None:
        """Return once there is sound to listen to, and it is silence."""
        try:
            await wait_for_silence(self.tab)
        except AssertionError as error:
            raise AssertionError(f"{self.name}: {error}\n{await self.describe()}") from error

    async def stats(self, kind: str) -> list[dict[str, Any]]:
        """Return the reports of one type of getStats(), of all open connections."""
        reports: list[dict[str, Any]] = await self.tab.evaluate("(type) => harness.stats(type)", kind)
        return reports

    async def sees_moving_pictures(self, frames: int = 10) -> None:
        """Return once so many more frames of the far side's video were decoded."""
        seen = await self.tab.evaluate("(...wanted) => harness.frames(...wanted)", frames, STATUS_SECONDS * 1000)
        assert seen, f"{self.name} sees no moving pictures\n{await self.describe()}"

    async def lose_socket(self) -> None:
        """Cut the page's socket; return once it has opened another one."""
        await self.tab.evaluate("() => harness.loseSocket()")

    async def describe(self) -> str:
        """What the page shows and said on its console, for a failure's message."""
        shown = {one: await self._text(one) for one in ("sessionStatus", "callStatus")}
        return f"--- page of {self.name}: {shown} ---\n" + "\n".join(self.tab.console[-20:])

    async def close(self) -> None:
        """Close the tab, if it is open."""
        if not self._closed:
            self._closed = True
            await self.tab.close()

    async def _text(self, element: str) -> str:
        return str(await self.tab.evaluate("(id) => document.getElementById(id)?.textContent.trim() ?? null", element))

    async def _fill(self, **values: str | bool) -> None:
        await self.tab.evaluate("(values) => harness.fill(values)", values)

    async def _press(self, button: str) -> None:
        await self._press_at(f"#{button}")

    async def _press_at(self, button: str) -> None:
        pressed = await self.tab.evaluate("(selector) => harness.press(selector)", button)
        assert pressed, f"{button} cannot be pressed\n{await self.describe()}"


OpenPhone = Callable[..., Awaitable[PhonePage]]


async def open_phone(
    browser: Browser, url: str, frequency: float, *, video: bool | Mapping[str, int] = False
) -> PhonePage:
    """Open the phone page with a microphone of the test's own, and a camera, of some size and rate, if wanted."""
    tab = await browser.tab(f"window.cordboardMedia = () => harness.media({frequency}, {json.dumps(video)});")
    await tab.goto(url)
    return PhonePage(tab, frequency)


async def _finished(what: Awaitable[object]) -> None:
    await what


async def establish(caller: PhonePage, callee: PhonePage, address: str) -> None:
    """Call, ring and answer, as two people do; both pages show every step."""
    await caller.call(address)
    await asyncio.gather(caller.wait_for_call("^RING"), callee.wait_for_call("^RING"))
    await callee.answer()
    await asyncio.gather(caller.wait_for_call("^ESTABLISHED"), callee.wait_for_call("^ESTABLISHED"))


async def hear_each_other(one: PhonePage, other: PhonePage) -> None:
    """Wait until each hears the other's pitch, clean."""
    await asyncio.gather(one.hears(other.frequency), other.hears(one.frequency))


async def call_phone(page: PhonePage, phone: ScriptedPhone, address: str) -> None:
    """A page calls a SIP phone, which answers; each hears the other."""
    await page.call(address)
    await phone.wait_for_ring()
    await page.wait_for_call("^RING")
    await phone.accept()
    await page.wait_for_call("^ESTABLISHED")
    await hear_and_be_heard(page, phone)


async def called_by_phone(page: PhonePage, phone: ScriptedPhone, address: str) -> None:
    """A SIP phone calls a page, which answers; each hears the other."""
    await phone.dial(address)
    await page.wait_for_call("^RING")
    await page.answer()
    await page.wait_for_call("^ESTABLISHED")
    await hear_and_be_heard(page, phone)


async def hear_and_be_heard(page: PhonePage, phone: ScriptedPhone) -> None:
    """Wait until each hears the other's pitch, clean."""
    await asyncio.gather(page.hears(phone.frequency), phone.wait_for_tone(page.frequency))
