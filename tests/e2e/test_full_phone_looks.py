"""What the full phone looks like, on a desktop and on a telephone, light and dark: all that is to be pressed can be.

One of the pictures is the README's. With CORDBOARD_SCREENSHOTS set to a folder, all of them are left there; look at
them after each change of the page.
"""

import asyncio
import os
import struct
from pathlib import Path

from tests.support.browser.chromium import ChromiumTab
from tests.support.browser.tab import Browser
from tests.support.full_phone import FullPhone, OpenFullPhone
from tests.support.page import establish

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "full-phone.png"
DESKTOP, LAPTOP, TELEPHONE, SMALL = (1000, 720), (1280, 640), (390, 844), (360, 640)
DARK_VIEWS = [(DESKTOP, True), (TELEPHONE, True)]  # Firefox is dark
VIEWS = [(size, dark) for size in (DESKTOP, TELEPHONE) for dark in (False, True)] + [(LAPTOP, False), (SMALL, False)]

# What cannot be pressed where it is seen: covered by something else, or outside of the window. Lists may be scrolled.
_OUT_OF_REACH = """() => {
  const dialog = document.querySelector("dialog[open]");
  const all = [...(dialog ?? document).querySelectorAll("button, input, select")];
  return all.filter((one) => {
    if (!one.checkVisibility() || one.disabled || one.closest("ol, #settings, details")) return false;
    const { left, top, width, height } = one.getBoundingClientRect();
    const hit = document.elementFromPoint(left + width / 2, top + height / 2);
    return !hit || !(one.contains(hit) || one.closest("label")?.contains(hit));
  }).map((one) => one.id || one.ariaLabel || one.textContent);
}"""


async def look(page: FullPhone, scene: str) -> None:
    """Take pictures of what the page shows in all views; nothing may be out of reach in any."""
    is_chromium = isinstance(page.tab, ChromiumTab)
    for (width, height), dark in VIEWS if is_chromium else DARK_VIEWS:
        shown = {"dark": dark} if is_chromium else {}
        picture = await page.tab.screenshot(width, height, **shown)
        assert await page.tab.evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches") is dark
        assert struct.unpack_from(">II", picture, 16) == (width, height)  # PNG, IHDR
        if folder := os.environ.get("CORDBOARD_SCREENSHOTS"):
            shade = "dark" if dark else "light"
            (Path(folder) / f"{scene}-{width}x{height}-{shade}.png").write_bytes(picture)
        assert await page.tab.evaluate(_OUT_OF_REACH) == [], f"{scene} at {width} × {height}"
        assert await page.tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), scene


async def test_the_phone_before_a_call(open_full_page: OpenFullPhone) -> None:
    alice, bob = await asyncio.gather(open_full_page("alice", 440), open_full_page("bob", 620))
    await look(alice, "idle")
    await alice.choose(callee="bob@cordboard.test")
    await look(alice, "number")
    await bob.send_message("Are you in the office? I would call you at ten, if that suits you.", to="alice")
    await alice.press("messagesTab")
    await alice.send_message("Yes, do.", to="bob")
    await alice.send_message("Hello?", to="nobody")
    await alice.wait_for_text("messageList", "404")
    await look(alice, "messages")
    await alice.press("settingsTab")
    await look(alice, "settings")
    await alice.press("logoutBtn")
    await alice.wait_for_session("^Logged out")
    await look(alice, "log-in")


async def test_the_phone_in_calls(open_full_page: OpenFullPhone) -> None:
    alice, bob, carol = await asyncio.gather(
        open_full_page("alice", 440), open_full_page("bob", 620), open_full_page("carol", 830)
    )
    await bob.call("alice")
    await alice.wait_for_call("^Incoming")
    await look(alice, "incoming")
    await alice.hang_up()
    await bob.wait_for_call("603")
    await look(bob, "declined")
    await establish(alice, bob, "bob")
    await alice.wait_for_text("mos", ".")
    await look(alice, "in-call")
    await carol.call("alice")
    await alice.wait_for_other("carol.*Incoming call")
    await look(alice, "waiting")
    if not PICTURE.exists() or "CORDBOARD_SCREENSHOT" in os.environ:  # a test run leaves no change
        PICTURE.write_bytes(await alice.tab.screenshot(*DESKTOP))
    await alice.take_other()
    await alice.wait_for_other("bob.*On hold")
    await alice.press("transferOpen")
    await look(alice, "transfer")
    await alice.press("transferCancel")
    await alice.send_digits("1234")
    await look(alice, "keypad")
    await alice.press("keypadBtn")
    await alice.hold()
    await look(alice, "held")
    await alice.end_other()
    await bob.wait_for_call("^Call ended")
    await alice.press("messagesTab")
    await look(alice, "elsewhere")
    await alice.press("phoneTab")
    await alice.hang_up()
    await carol.wait_for_call("^Call ended")


async def test_the_phone_in_firefox(open_full_page: OpenFullPhone, firefox_browser: Browser) -> None:
    alice, bob = await asyncio.gather(open_full_page("alice", 440, browser=firefox_browser), open_full_page("bob", 620))
    await look(alice, "firefox-idle")
    await bob.call("alice")
    await alice.wait_for_call("^Incoming")
    await look(alice, "firefox-incoming")
    await alice.answer()
    await alice.wait_for_text("mos", ".")
    await look(alice, "firefox-in-call")
    await alice.hang_up()
    await bob.wait_for_call("^Call ended")


async def test_the_phone_in_a_video_call(open_full_page: OpenFullPhone) -> None:
    alice, bob, carol = await asyncio.gather(
        open_full_page("alice", 440), open_full_page("bob", 620), open_full_page("carol", 830)
    )
    await bob.video_call("alice")
    await alice.wait_for_call("^Incoming")
    await look(alice, "incoming-video")
    await alice.press("answerVideoBtn")
    await alice.sees_moving_pictures()
    await alice.wait_for_text("mos", ".")
    await carol.call("alice")
    await alice.wait_for_other("carol.*Incoming call")
    await look(alice, "video")
    await alice.press("keypadBtn")
    await look(alice, "video-keypad")
    await carol.hang_up()
    await alice.hang_up()
    await bob.wait_for_call("^Call ended")
