"""The picture of the phone page in the README, taken in a real call."""

import asyncio
import os
import struct
from pathlib import Path

from tests.support.page import Account, OpenPhone, establish, hear_each_other
from tests.support.services import Cordboard

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "phone.png"
WIDTH, HEIGHT = 1000, 720


async def test_the_page_in_a_call_can_be_photographed(cluster: Cordboard, open_page: OpenPhone) -> None:
    """The file is written where it is missing, or where CORDBOARD_SCREENSHOT is set: a test run leaves no change."""
    alice, bob = await asyncio.gather(open_page(440), open_page(620))
    for page, user in ((alice, "alice"), (bob, "bob")):
        await page.connect(Account(user, cluster.users[user]))
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    is_wanted = not PICTURE.exists() or "CORDBOARD_SCREENSHOT" in os.environ
    await alice.wait_for_text("duration", "^0:0[5-9]$" if is_wanted else r"^\d+:\d\d$")
    picture = await alice.tab.screenshot(WIDTH, HEIGHT)
    assert struct.unpack_from(">II", picture, 16) == (WIDTH, HEIGHT)  # PNG, IHDR
    if is_wanted:
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_bytes(picture)
    await alice.hang_up()
    await bob.wait_for_call("^FINISH")
