"""The example of the SDK's README, as it stands there, between two pages."""

import re
import shutil
from functools import partial
from pathlib import Path

from tests.support.browser.tab import Browser, wait_for_tone
from tests.support.services import cordboard
from tests.support.signaling import eventually
from tests.support.until import until

SDK = Path(__file__).parents[2] / "web" / "sdk"
PRELOAD = """
window.confirm = () => true;
navigator.mediaDevices.getUserMedia = async () => harness.microphone({frequency});
"""
PLAYS = (
    "() => { const { srcObject, paused } = document.getElementById('speaker'); return srcObject?.active && !paused; }"
)


async def test_the_readme_s_example_calls_and_is_heard(chromium_browser: Browser, tmp_path: Path) -> None:
    blocks = dict(re.findall(r"```(html|js)\n(.*?)```", (SDK / "README.md").read_text(), re.DOTALL))
    bobs = blocks["js"].replace('login: "alice", password: "alice"', 'login: "bob", password: "bob"')
    bobs = bobs.replace('session.call("bob")', 'session.call("nobody")')
    shutil.copytree(SDK, tmp_path / "sdk")
    for name, script in (("alice", blocks["js"]), ("bob", bobs)):
        folder = tmp_path / "phone" / name
        folder.mkdir(parents=True)
        (folder / "index.html").write_text(blocks["html"])
        (folder / "example.js").write_text(script)
    users = {"alice": "alice", "bob": "bob"}
    async with cordboard(users=users, SIGNALING_WEB_ROOT=str(tmp_path)) as cluster:
        bob = await chromium_browser.tab(PRELOAD.format(frequency=1000))
        await bob.goto(f"{cluster.page_url()}bob/")
        await eventually(lambda: any("404 Not Found" in line for line in bob.console))  # "nobody": so bob is logged in
        alice = await chromium_browser.tab(PRELOAD.format(frequency=440))
        await alice.goto(f"{cluster.page_url()}alice/")
        for tab, frequency in ((alice, 1000), (bob, 440)):
            await wait_for_tone(tab, frequency)  # by the test's own ear
            await until(partial(tab.evaluate, PLAYS))
        await alice.close()
        await bob.close()
