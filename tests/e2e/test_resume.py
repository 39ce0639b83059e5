"""A lost socket ends nothing: the page comes back, and the call never noticed."""

import asyncio

from tests.support.browser.tab import Browser
from tests.support.page import Account, OpenPhone, PhonePage, establish, hear_each_other
from tests.support.services import Cordboard


async def connect(cluster: Cordboard, page: PhonePage, user: str) -> None:
    await page.connect(Account(user, cluster.users[user]))


async def test_a_call_goes_on_over_lost_sockets(cluster: Cordboard, open_page: OpenPhone, browser: Browser) -> None:
    alice, bob = await asyncio.gather(open_page(440, browser=browser), open_page(620))
    await asyncio.gather(connect(cluster, alice, "alice"), connect(cluster, bob, "bob"))
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    transports = [await page.stats("transport") for page in (alice, bob)]
    await asyncio.gather(alice.lose_socket(), bob.lose_socket())
    await asyncio.gather(alice.wait_for_session("^REGISTERED"), bob.wait_for_session("^REGISTERED"))
    await asyncio.gather(alice.wait_for_call("^ESTABLISHED"), bob.wait_for_call("^ESTABLISHED"))
    await hear_each_other(alice, bob)
    for page, before in zip((alice, bob), transports, strict=True):
        now = await page.stats("transport")
        assert [one["id"] for one in now] == [one["id"] for one in before]  # the connection that it had
    await bob.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))


async def test_a_call_that_rings_goes_on_ringing(cluster: Cordboard, open_page: OpenPhone) -> None:
    alice, bob = await asyncio.gather(open_page(440), open_page(620))
    await asyncio.gather(connect(cluster, alice, "alice"), connect(cluster, bob, "bob"))
    await alice.call("bob")
    await asyncio.gather(alice.wait_for_call("^RING"), bob.wait_for_call("^RING"))
    await asyncio.gather(alice.lose_socket(), bob.lose_socket())
    await asyncio.gather(alice.wait_for_session("^REGISTERED"), bob.wait_for_session("^REGISTERED"))
    await bob.answer()
    await asyncio.gather(alice.wait_for_call("^ESTABLISHED"), bob.wait_for_call("^ESTABLISHED"))
    await hear_each_other(alice, bob)
    await alice.hang_up()
    await bob.wait_for_call("^FINISH")
