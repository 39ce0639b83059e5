"""What a new user does: `make up`, two tabs, a call, Ctrl-C. No setting is made."""

import asyncio
import os
import signal
from pathlib import Path

from tests.support.browser.tab import Browser
from tests.support.page import Account, establish, hear_each_other, open_phone
from tests.support.processes import running

ROOT = Path(__file__).parents[2]
# A group of its own: Ctrl-C at a terminal reaches every process of the foreground group, not make alone.
COMMAND = ("setsid", "--wait", "make", "--no-print-directory", "up")


async def test_make_up_serves_two_tabs_until_ctrl_c_and_leaves_nothing(
    chromium_browser: Browser, tmp_path: Path
) -> None:
    before = of_the_clone()
    async with running("make up", COMMAND, cwd=ROOT, env={"TMPDIR": str(tmp_path)}) as up:
        url = (await up.wait_for_output(r"phone at (http://\S+)")).group(1)
        assert url == "http://localhost:8080/"
        alice, bob = [await open_phone(chromium_browser, url, tone) for tone in (440, 620)]
        await alice.connect(Account("alice", "alice"))
        await bob.connect(Account("bob", "bob"))
        await establish(alice, bob, "bob")
        await hear_each_other(alice, bob)
        os.killpg(up.pid, signal.SIGINT)
        await up.wait()
        await alice.wait_for_session("^RECONNECTING")  # a page does not know yet that no pod will come
        await asyncio.gather(alice.close(), bob.close())
    assert "Traceback" not in up.log, up.tail()
    assert "SIGKILL" not in up.log, up.tail()  # each service ended by itself, in time
    assert of_the_clone() == before
    assert left_behind(tmp_path) == []


def of_the_clone() -> set[Path]:
    """Return the folder for what runs leave, if there is one, and what is in it: `make images` has its store there."""
    return {*ROOT.glob("var"), *ROOT.glob("var/*")}


def left_behind(temporary: Path) -> list[str]:
    """Return the files and processes that remain."""
    return [*map(str, temporary.iterdir()), *processes_with(f"TMPDIR={temporary}")]


def processes_with(variable: str) -> list[str]:
    """Return the command lines of live processes that have a variable in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # it has just ended, or is somebody else's
    return found
