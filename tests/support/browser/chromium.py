"""Real Chromium, driven by playwright over its own protocol."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from tests.support.processes import program

from .tab import PRELOAD

_FLAGS = (
    "--no-sandbox",  # the tests may run as root
    "--allow-loopback-in-peer-connection",  # else nothing is gathered where loopback is the only network
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--no-pings",
)


@dataclass(frozen=True)
class Spoken:
    """An entry of the accessibility tree, which is what a screen reader goes by."""

    role: str
    name: str


class ChromiumTab:
    """A page in a browser context of its own: no cookie, no storage is shared."""

    def __init__(self, page: Page) -> None:
        self.console: list[str] = []
        self._page = page
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))

    async def goto(self, url: str) -> None:
        await self._page.goto(url)

    async def reload(self) -> None:
        await self._page.reload()

    async def evaluate(self, function: str, *args: Any) -> Any:
        return await self._page.evaluate(f"(args) => ({function})(...args)", list(args))

    async def screenshot(self, width: int, height: int, *, dark: bool = False) -> bytes:
        await self._page.emulate_media(color_scheme="dark" if dark else "light")
        await self._page.set_viewport_size({"width": width, "height": height})
        return await self._page.screenshot()

    async def accessibility_tree(self) -> list[Spoken]:
        """Return all that a screen reader is told of, in order."""
        session = await self._page.context.new_cdp_session(self._page)
        nodes = (await session.send("Accessibility.getFullAXTree"))["nodes"]
        await session.detach()
        told = [node for node in nodes if not node["ignored"]]
        return [Spoken(node["role"]["value"], node.get("name", {}).get("value", "")) for node in told]

    async def close(self) -> None:
        await self._page.context.close()


class Chromium:
    """A running Chromium."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    async def tab(self, preload: str = "") -> ChromiumTab:
        context = await self._browser.new_context()
        await context.add_init_script(PRELOAD)
        if preload:
            await context.add_init_script(preload)
        return ChromiumTab(await context.new_page())


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Chromium]:
    """Run Chromium with a fresh profile while the block runs."""
    path = program("chromium", "chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield Chromium(browser)
        finally:
            await browser.close()
