"""A page that is reloaded in a call goes on with it; the far side hears the same call."""

import asyncio

from tests.support.browser.tab import Browser
from tests.support.full_phone import FullPhone, OpenFullPhone
from tests.support.page import establish, hear_each_other


async def open_both(open_full_page: OpenFullPhone, browser: Browser) -> tuple[FullPhone, FullPhone]:
    alice, bob = await asyncio.gather(open_full_page("alice", 440, browser=browser), open_full_page("bob", 620))
    return alice, bob


async def test_a_page_that_is_reloaded_goes_on_with_its_call(open_full_page: OpenFullPhone, browser: Browser) -> None:
    alice, bob = await open_both(open_full_page, browser)
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    for _ in range(2):
        await alice.wait_for_text("duration", "0:0[2-9]|0:[1-9]")
        await alice.tab.reload()
        await alice.wait_for_call("^In call")
        await alice.wait_for_text("duration", "0:0[2-9]|0:[1-9]", within=1.5)
        await hear_each_other(alice, bob)
    await alice.hang_up()
    await asyncio.gather(alice.wait_for_call("^Call ended"), bob.wait_for_call("^Call ended"))


async def test_a_page_that_was_called_goes_on_as_well_also_when_held(
    open_full_page: OpenFullPhone, browser: Browser
) -> None:
    called, caller = await open_both(open_full_page, browser)
    await establish(caller, called, "alice")
    await called.tab.reload()
    await called.wait_for_call("^In call")
    await hear_each_other(caller, called)
    await caller.hold()
    await called.wait_for_call("^On hold by the other")
    await called.tab.reload()
    await called.wait_for_call("^On hold by the other")
    await caller.unhold()
    await called.wait_for_call("^In call")
    await hear_each_other(caller, called)
    await caller.hang_up()
    await called.wait_for_call("^Call ended")


async def test_a_page_that_is_reloaded_while_it_calls_hears_the_answer(
    open_full_page: OpenFullPhone, browser: Browser
) -> None:
    alice, bob = await open_both(open_full_page, browser)
    await alice.call("bob")
    await asyncio.gather(alice.wait_for_call("^Ringing"), bob.wait_for_call("^Incoming"))
    await alice.tab.reload()
    await alice.wait_for_call("^Ringing")
    await bob.answer()
    await asyncio.gather(alice.wait_for_call("^In call"), bob.wait_for_call("^In call"))
    await hear_each_other(alice, bob)
    await bob.hang_up()
    await alice.wait_for_call("^Call ended")


async def test_of_two_calls_the_page_goes_on_with_the_one_that_is_not_held(
    open_full_page: OpenFullPhone, browser: Browser
) -> None:
    alice, bob = await open_both(open_full_page, browser)
    carol = await open_full_page("carol", 830)
    await alice.choose(oneCall=True)
    await establish(alice, bob, "bob")
    await alice.second_call("carol")
    await carol.wait_for_call("^Incoming")
    await carol.answer()
    await alice.wait_for_other("bob.*On hold")
    await alice.take_other()
    await alice.wait_for_other("carol.*On hold")
    await hear_each_other(alice, bob)
    await alice.tab.reload()
    await alice.wait_for_text("partyName", "^bob$")
    await alice.wait_for_other("carol.*On hold")
    await hear_each_other(alice, bob)
    await alice.take_other()
    await alice.wait_for_text("partyName", "^carol$")
    await hear_each_other(alice, carol)
    assert await alice.tab.evaluate("() => document.getElementById('oneCall').checked")
    await alice.hang_up()
    await carol.wait_for_call("^Call ended")
    await bob.hang_up()
    await alice.wait_for_call("^Call ended")
