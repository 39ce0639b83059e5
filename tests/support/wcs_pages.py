"""The pages that come with Flashphoner's SDK, byte for byte as npm has them, in a real browser."""

import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from .browser.tab import Browser
from .page import STATUS_SECONDS, Account, PhonePage
from .processes import free_ports, running

PACKAGE = Path(__file__).parents[2] / "web" / "node_modules" / "@flashphoner" / "websdk"

# The pages ask for devices themselves: the microphone is the test's sine, the camera the browser's picture.
_DEVICES = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
const devices = async ({ audio, video }) => {
  const stream = audio ? harness.microphone(%s) : new MediaStream();
  if (video) stream.addTrack((await open({ video: { width: 320, height: 240, frameRate: 15 } })).getVideoTracks()[0]);
  return stream;
};
navigator.mediaDevices.getUserMedia = devices;
navigator.webkitGetUserMedia = (constraints, take, fail) => devices(constraints).then(take, fail); // as the SDK asks
"""


# They load their form piece by piece, and fill it in with each.
_WHOLE = """() => new Promise((resolve) => {
  const look = () => document.getElementById("holdBtn") && urlServer.value ? resolve(null) : setTimeout(look, 20);
  look();
})"""


def _form(account: Account) -> dict[str, str]:
    """Return what all of the pages ask for, by their fields."""
    return {
        "sipLogin": account.login,
        "sipAuthenticationName": account.auth_name or account.login,
        "sipPassword": account.password,
        "sipDomain": account.domain,
        "sipOutboundProxy": account.outbound_proxy,
        "sipPort": "" if account.port is None else str(account.port),
    }


@dataclass
class WcsPhone(PhonePage):
    """Phone Min, or Phone Video, which has the same buttons."""

    url: str = ""  # of the pod, as the page's form has it
    is_caller: bool = False

    async def connect(self, account: Account, expect: str = "REGISTERED", within: float = STATUS_SECONDS) -> str:
        """Fill in the form and press Connect."""
        self.name = account.login
        await self._fill(
            urlServer=self.url,
            **_form(account),
            sipRegisterRequired=account.register,
        )
        await self._press("connectBtn")
        return await self.wait_for_session(expect, within)

    async def connect_with_token(self, token: str) -> str:
        """Put in the token of an earlier connection, and press Connect with token."""
        await self._fill(urlServer=self.url, authToken=token)
        await self._press("connectTokenBtn")
        return await self.wait_for_session("REGISTERED")

    async def token(self) -> str:
        """Return what the page shows as its token."""
        return str(await self.tab.evaluate("() => document.getElementById('authToken').value"))

    async def disconnect(self) -> None:
        """Press Disconnect, which is Connect's button."""
        await self._press("connectBtn")
        await self.wait_for_session("DISCONNECTED")

    async def wait_for_session(self, pattern: str, within: float = STATUS_SECONDS) -> str:
        """Return the registration's status once it matches."""
        return await self.wait_for_text("regStatus", pattern, within)

    async def call(self, callee: str) -> None:
        """Type the callee and press Call."""
        self.is_caller = True
        await super().call(callee)

    async def answer(self) -> None:
        """Press Answer."""
        self.is_caller = False
        await super().answer()

    async def hang_up(self) -> None:
        """Press Hangup: who calls has it where Call was."""
        await self._press("callBtn" if self.is_caller else "hangupBtn")

    async def hold(self) -> None:
        """Press Hold, and wait until the page has heard that it is so: until then the button is disabled."""
        await self._press("holdBtn")
        await self.wait_for_text("holdBtn", "^Unhold$")
        await self._wait_for_hold_button()

    async def unhold(self) -> None:
        """Press Unhold, likewise."""
        await self._press("holdBtn")
        await self.wait_for_text("holdBtn", "^Hold$")
        await self._wait_for_hold_button()

    async def _wait_for_hold_button(self) -> None:
        enabled = "() => new Promise((resolve) => { const look = () => document.getElementById('holdBtn').disabled"
        await self.tab.evaluate(enabled + " ? setTimeout(look, 20) : resolve(null); look(); })")

    async def describe(self) -> str:
        """What the page shows and said on its console, for a failure's message."""
        shown = {one: await self._text(one) for one in ("regStatus", "callStatus")}
        return f"--- page of {self.name}: {shown} ---\n" + "\n".join(self.tab.console[-20:])


@dataclass
class ClickToCall(WcsPhone):
    """A page with one button, which calls and hangs up."""

    async def connect(self, account: Account, expect: str = "", within: float = STATUS_SECONDS) -> str:
        """Put the account into the form that the page hides; it connects with the first call."""
        self.name = account.login
        await self._press("sipCredentialsBtn")
        await self._fill(
            urlServer=self.url,
            **_form(account),
        )
        await self._press("okBtn")
        return ""

    async def wait_for_call(self, pattern: str, within: float = STATUS_SECONDS) -> str:
        """Return the call's status once it matches; the session's is in the same place before."""
        return await self.wait_for_text("status", pattern.replace("^", "^Call: "), within)

    async def wait_for_end(self) -> None:
        """Return once it has closed its socket, which it does when its call is over."""
        await self.wait_for_text("status", "^Session: DISCONNECTED$")


@dataclass
class PhoneUi(WcsPhone):
    """The page "Phone": a dial pad, transfer, and what is shown by the classes that its parts have."""

    async def connect(self, account: Account, expect: str = "Log out", within: float = STATUS_SECONDS) -> str:
        """Open the form, fill it in and send it."""
        self.name = account.login
        await self._press_at(".b-display__header__login")
        await self._fill(
            **_form(account),
        )
        await self._press_at(".b-login input[type=button]")
        await self._wait_for(".b-display__header__login", "Log out")
        return expect

    async def call(self, callee: str) -> None:
        """Type a number and press Voice call."""
        await self._press_at(".b-display__bottom__number > span")
        await self.tab.evaluate("(callee) => { document.querySelector('.b-numbers').value = callee; }", callee)
        await self._press_at(".b-nav__voice")

    async def answer(self) -> None:
        """Press Answer."""
        await self._press_at(".b-nav__answer")

    async def hang_up(self) -> None:
        """Press Hangup."""
        await self._press_at(".b-nav__cancel_call")

    async def reject(self) -> None:
        """Press the Hangup of a call that comes in."""
        await self._press_at(".b-nav__hangup")

    async def hold(self) -> None:
        """Press Hold, and wait until the page shows that it is so."""
        await self._press_at(".voice_call__stop")
        await self._wait_for(".voice_call__call__pause.open")

    async def unhold(self) -> None:
        """Press the button that has taken its place."""
        await self._press_at(".voice_call__play")
        await self.wait_for_talk()

    async def press_digits(self, digits: str) -> None:
        """Press keys of the dial pad."""
        for digit in digits:
            await self._press_at(f".b-num td.code{ord(digit)}" if digit != "0" else ".b-num td.code58")

    async def transfer(self, target: str) -> None:
        """Press Transfer, which holds the call, and say to whom."""
        await self._press_at(".voice_call__transfer")
        await self._fill(transfer=target)
        await self._press_at(".b-transfer__ok")

    async def wait_for_talk(self) -> None:
        """Return once the page shows a call that is answered."""
        await self._wait_for(".voice_call__call.open .voice_call__call__play:not(.close)")

    async def wait_for_ring(self) -> None:
        """Return once somebody calls."""
        await self._wait_for(".call__inc__dial.open")

    async def wait_for_end(self) -> None:
        """Return once there is no call any more."""
        await self._wait_for("body:not(.voice_call__out):not(.voice_call__inc)")

    async def _wait_for(self, selector: str, text: str = "") -> None:
        found = await self.tab.evaluate(_FIND, selector, text, STATUS_SECONDS * 1000)
        assert found, f"{selector} {text!r} did not come\n{await self.describe()}"


_FIND = """async (selector, text, milliseconds) => {
  for (const end = performance.now() + milliseconds; performance.now() < end; ) {
    if (document.querySelector(selector)?.textContent.includes(text)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}"""


OpenWcsPhone = Callable[..., Awaitable[WcsPhone]]


@contextlib.asynccontextmanager
async def package_server() -> AsyncIterator[str]:
    """Serve the package's files; yield their URL."""
    assert PACKAGE.exists(), f"{PACKAGE} is missing: make web brings it"
    port = free_ports()
    command = [sys.executable, "-u", "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(PACKAGE)]
    async with running("package", command) as server:
        await server.wait_for_tcp(port)
        yield f"http://127.0.0.1:{port}/examples/demo/sip"


async def open_wcs_phone(browser: Browser, page: str, pod: str, frequency: float) -> WcsPhone:
    """Open Phone Min or Phone Video, whose form will name the pod."""
    tab = await browser.tab(_DEVICES % frequency)
    await tab.goto(page)
    await tab.evaluate(_WHOLE)
    return WcsPhone(tab, frequency, url=pod)


async def open_click_to_call(browser: Browser, page: str, pod: str, frequency: float) -> ClickToCall:
    """Open Click To Call, likewise."""
    tab = await browser.tab(_DEVICES % frequency)
    await tab.goto(page)
    return ClickToCall(tab, frequency, url=pod)


async def open_phone_ui(browser: Browser, page: str, pod: str, frequency: float) -> PhoneUi:
    """Open Phone UI, whose form has no field for the pod: it is found by a port that a site may set."""
    port = pod.rpartition(":")[2]
    tab = await browser.tab(_DEVICES % frequency + f"window.SERVER_PORTS = {{ ws: {port}, legacy: {{}}, hls: {{}} }};")
    await tab.goto(page)
    return PhoneUi(tab, frequency, url=pod)
