"""Real Firefox, driven by WebDriver BiDi (W3C) over a WebSocket: no geckodriver, no playwright build."""

import asyncio
import base64
import contextlib
import itertools
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from shared.tasks import Tasks
from tests.support.processes import program, running

from .tab import PRELOAD

_START_SECONDS = 60.0  # a fresh profile on a loaded machine
_PREFERENCES: dict[str, bool | int | str] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.cubeb.force_mock_context": True,  # without a sound card AudioContext.resume() hangs
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.autoplay.block-webaudio": False,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.gmp-manager.updateEnabled": False,
    "media.gmp-provider.enabled": False,
    "app.update.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage": "about:blank",
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "layout.css.prefers-color-scheme.content-override": 0,  # dark, which cannot be changed later; Chromium is both
    "dom.min_background_timeout_value": 4,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}


class BidiError(AssertionError):
    """Firefox refused a command, or a script in the page threw."""


class Firefox:
    """A running Firefox and the connection that commands it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, FirefoxTab] = {}
        self._tasks = Tasks("firefox")
        self._tasks.spawn(self._read(), "bidi")

    async def aclose(self) -> None:
        """Leave the connection."""
        await self._tasks.aclose()

    async def send(self, method: str, **params: Any) -> Any:
        """Send one command and return its result."""
        number = next(self._ids)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        message = await reply
        if message["type"] == "error":
            raise BidiError(f"{method}: {message['error']}: {message['message']}")
        return message["result"]

    async def tab(self, preload: str = "") -> "FirefoxTab":
        user = (await self.send("browser.createUserContext"))["userContext"]
        context = (await self.send("browsingContext.create", type="tab", userContext=user))["context"]
        declaration = f"() => {{ {PRELOAD}\n{preload} }}"
        await self.send("script.addPreloadScript", functionDeclaration=declaration, contexts=[context])
        tab = self._tabs[context] = FirefoxTab(self, context, user)
        return tab

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if message["type"] == "event":
                self._log(message)
            elif message.get("id") in self._replies:
                reply = self._replies.pop(message["id"])
                if not reply.done():  # who asked may wait no more
                    reply.set_result(message)
        for reply in self._replies.values():
            reply.set_exception(BidiError("Firefox closed the connection"))

    def _log(self, event: dict[str, Any]) -> None:
        entry = event["params"]
        tab = self._tabs.get(entry.get("source", {}).get("context", ""))
        if event["method"] == "log.entryAdded" and tab is not None:
            tab.console.append(f"{entry['level']}: {entry['text']}")


class FirefoxTab:
    """A page in a user context (container) of its own: no cookie, no storage is shared."""

    def __init__(self, browser: Firefox, context: str, user: str) -> None:
        self.console: list[str] = []
        self._browser = browser
        self._context = context
        self._user = user

    async def goto(self, url: str) -> None:
        await self._browser.send("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def reload(self) -> None:
        await self._browser.send("browsingContext.reload", context=self._context, wait="complete")

    async def evaluate(self, function: str, *args: Any) -> Any:
        answer = await self._browser.send(
            "script.callFunction",
            functionDeclaration=f"async (args) => JSON.stringify(await ({function})(...JSON.parse(args)) ?? null)",
            arguments=[{"type": "string", "value": json.dumps(args)}],
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] == "exception":
            raise BidiError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    async def screenshot(self, width: int, height: int) -> bytes:
        size = {"width": width, "height": height}
        await self._browser.send("browsingContext.setViewport", context=self._context, viewport=size)
        answer = await self._browser.send("browsingContext.captureScreenshot", context=self._context)
        return base64.b64decode(answer["data"])

    async def close(self) -> None:
        await self._browser.send("browser.removeUserContext", userContext=self._user)


@contextlib.asynccontextmanager
async def firefox() -> AsyncIterator[Firefox]:
    """Run Firefox with a fresh profile while the block runs."""
    path = program("firefox-esr", "firefox-esr")
    with tempfile.TemporaryDirectory(prefix="cordboard-firefox-", ignore_cleanup_errors=True) as profile:
        lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _PREFERENCES.items())
        (Path(profile) / "user.js").write_text("\n".join(lines))
        command = (path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0")
        async with running("firefox", command, env={"HOME": profile}) as process:
            address = (await process.wait_for_output(r"WebDriver BiDi listening on (ws://\S+)", _START_SECONDS))[1]
            async with connect(f"{address}/session", max_size=None, ping_interval=None) as socket:
                browser = Firefox(socket)
                await browser.send("session.new", capabilities={})
                await browser.send("session.subscribe", events=["log.entryAdded"])
                try:
                    yield browser
                finally:
                    await browser.send("browser.close")
                    await process.wait()
                    await browser.aclose()
