"""Two browser pages hold their call, send digits in it, and messages."""

import asyncio

from tests.support.browser.tab import Browser
from tests.support.page import Account, OpenPhone, PhonePage, establish, hear_each_other
from tests.support.services import Cordboard


async def talking(cluster: Cordboard, alice: PhonePage, bob: PhonePage) -> None:
    """Both log in, and alice calls bob."""
    for page, user in ((alice, "alice"), (bob, "bob")):
        await page.connect(Account(user, cluster.users[user]))
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)


async def test_either_page_holds_and_resumes_the_call(
    cluster: Cordboard, open_page: OpenPhone, firefox_browser: Browser
) -> None:
    alice, bob = await asyncio.gather(open_page(440), open_page(620, browser=firefox_browser))
    await talking(cluster, alice, bob)
    await alice.hold()
    await bob.wait_for_call("^HOLD the other side holds")
    await asyncio.gather(alice.hears_silence(), bob.hears_silence())
    await bob.hold()
    await alice.wait_for_call("^HOLD both sides hold")
    await alice.unhold()
    await bob.wait_for_call("^HOLD you hold")
    await bob.unhold()
    await asyncio.gather(alice.wait_for_call("^ESTABLISHED"), bob.wait_for_call("^ESTABLISHED"))
    await hear_each_other(alice, bob)
    await bob.hang_up()
    await alice.wait_for_call("^FINISH")


async def test_digits_arrive_by_info_and_in_the_media(cluster: Cordboard, open_page: OpenPhone) -> None:
    alice, bob = await asyncio.gather(open_page(440), open_page(620))
    await talking(cluster, alice, bob)
    await alice.send_digits("1#", "info")
    await bob.wait_for_log("alice@cordboard.test sent digit 1\nalice@cordboard.test sent digit #")
    await bob.send_digits("25")
    await alice.wait_for_log("bob sent digit 2\nbob sent digit 5")
    await bob.hang_up()
    await alice.wait_for_call("^FINISH")


async def test_messages_arrive_inside_a_call_and_outside(cluster: Cordboard, open_page: OpenPhone) -> None:
    alice, bob = await asyncio.gather(open_page(440), open_page(620))
    for page, user in ((alice, "alice"), (bob, "bob")):
        await page.connect(Account(user, cluster.users[user]))
    await alice.send_message("Grüße", to="bob")
    await bob.wait_for_log("alice@cordboard.test: Grüße")
    await establish(alice, bob, "bob")
    await bob.send_message("hear you")
    await alice.wait_for_log("bob@cordboard.test: hear you")
    await bob.hang_up()
    await alice.wait_for_call("^FINISH")
