"""Browsers call each other on the built-in domain: no SIP server, no setting."""

import asyncio

from tests.e2e.forwarders import cluster
from tests.support.browser.tab import Browser
from tests.support.page import Account, OpenPhone, PhonePage, establish, hear_each_other
from tests.support.services import Cordboard

__all__ = ["cluster"]  # a fixture


async def connect(cluster: Cordboard, page: PhonePage, user: str) -> None:
    await page.connect(Account(user, cluster.users[user]))


async def test_two_pages_talk_and_everything_is_given_back(cluster: Cordboard, open_page: OpenPhone) -> None:
    alice, bob = await asyncio.gather(open_page(440), open_page(620))
    await asyncio.gather(connect(cluster, alice, "alice"), connect(cluster, bob, "bob"))
    before = await cluster.resting_state()
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    await alice.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))
    await cluster.wait_until_settled(before)


async def test_mute_silences_one_way_only(cluster: Cordboard, open_page: OpenPhone) -> None:
    alice, bob = await asyncio.gather(open_page(440), open_page(620))
    await asyncio.gather(connect(cluster, alice, "alice"), connect(cluster, bob, "bob"))
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    await alice.toggle_mute()
    await asyncio.gather(bob.hears_silence(), alice.hears(620))
    await alice.toggle_mute()
    await hear_each_other(alice, bob)
    await bob.hang_up()
    await alice.wait_for_call("^FINISH")


async def test_the_callee_hangs_up_and_calls_back(cluster: Cordboard, open_page: OpenPhone) -> None:
    alice, bob = await asyncio.gather(open_page(440), open_page(620))
    await asyncio.gather(connect(cluster, alice, "alice"), connect(cluster, bob, "bob"))
    before = await cluster.resting_state()
    for caller, callee in ((alice, bob), (bob, alice)):
        await establish(caller, callee, f"sip:{callee.name}@{cluster.domain}")
        await hear_each_other(caller, callee)
        await callee.hang_up()
        await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))
    await cluster.wait_until_settled(before)


async def test_chromium_and_firefox_talk_both_ways(
    cluster: Cordboard, open_page: OpenPhone, firefox_browser: Browser
) -> None:
    alice, bob = await asyncio.gather(open_page(440), open_page(620, browser=firefox_browser))
    await asyncio.gather(connect(cluster, alice, "alice"), connect(cluster, bob, "bob"))
    before = await cluster.resting_state()
    for caller, callee in ((alice, bob), (bob, alice)):
        await establish(caller, callee, callee.name)
        await hear_each_other(caller, callee)
        await caller.hang_up()
        await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))
    await cluster.wait_until_settled(before)


async def test_two_pages_see_and_hear_each_other(cluster: Cordboard, open_page: OpenPhone) -> None:
    alice, bob = await asyncio.gather(open_page(440, video=True), open_page(620, video=True))
    await asyncio.gather(connect(cluster, alice, "alice"), connect(cluster, bob, "bob"))
    before = await cluster.resting_state()
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    await asyncio.gather(alice.sees_moving_pictures(), bob.sees_moving_pictures())
    await bob.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))
    await cluster.wait_until_settled(before)
