"""A page that is reloaded in a call goes on with it; the far side hears the same call."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.browser.tab import Browser
from tests.support.full_phone import FullPhone, OpenFullPhone, open_full_phone
from tests.support.page import Account, OpenPhone, PhonePage, establish, hear_each_other
from tests.support.services import Cordboard


@pytest.fixture(params=["chromium_browser", "firefox_browser"])
def browser(request: pytest.FixtureRequest) -> Browser:
    found: Browser = request.getfixturevalue(request.param)
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def open_full(cluster: Cordboard, browser: Browser, open_page: OpenPhone) -> AsyncIterator[OpenFullPhone]:
    """Open full phones; at the end they are closed, before what `open_page` looks at."""
    opened: list[FullPhone] = []

    async def open_one(frequency: float) -> FullPhone:
        opened.append(await open_full_phone(browser, cluster.url, frequency))
        return opened[-1]

    yield open_one
    for page in opened:
        await page.close()


async def connect(cluster: Cordboard, page: PhonePage, user: str) -> None:
    await page.connect(Account(user, cluster.users[user]))


async def test_a_page_that_is_reloaded_goes_on_with_its_call(
    cluster: Cordboard, open_page: OpenPhone, open_full: OpenFullPhone
) -> None:
    alice, bob = await open_full(440), await open_page(620)
    await asyncio.gather(connect(cluster, alice, "alice"), connect(cluster, bob, "bob"))
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    await alice.tab.reload()
    await alice.wait_for_session("REGISTERED")
    await alice.wait_for_call("^ESTABLISHED")
    await hear_each_other(alice, bob)
    await alice.tab.reload()  # and once more
    await alice.wait_for_call("^ESTABLISHED")
    await hear_each_other(alice, bob)
    await alice.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))


async def test_a_page_that_was_called_goes_on_as_well_and_may_be_held(
    cluster: Cordboard, open_page: OpenPhone, open_full: OpenFullPhone
) -> None:
    alice, bob = await open_page(440), await open_full(620)
    await asyncio.gather(connect(cluster, alice, "alice"), connect(cluster, bob, "bob"))
    await establish(alice, bob, "bob")
    await bob.tab.reload()
    await bob.wait_for_call("^ESTABLISHED")
    await hear_each_other(alice, bob)
    await alice.hold()
    await bob.wait_for_call("^HOLD the other")
    await bob.tab.reload()
    await bob.wait_for_call("^HOLD the other")
    await alice.unhold()
    await bob.wait_for_call("^ESTABLISHED")
    await hear_each_other(alice, bob)
    await alice.hang_up()
    await bob.wait_for_call("^FINISH")


async def test_a_page_that_is_reloaded_while_it_calls_hears_the_answer(
    cluster: Cordboard, open_page: OpenPhone, open_full: OpenFullPhone
) -> None:
    alice, bob = await open_full(440), await open_page(620)
    await asyncio.gather(connect(cluster, alice, "alice"), connect(cluster, bob, "bob"))
    await alice.call("bob")
    await asyncio.gather(alice.wait_for_call("^RING"), bob.wait_for_call("^RING"))
    await alice.tab.reload()
    await alice.wait_for_call("^RING")
    await bob.answer()
    await asyncio.gather(alice.wait_for_call("^ESTABLISHED"), bob.wait_for_call("^ESTABLISHED"))
    await hear_each_other(alice, bob)
    await bob.hang_up()
    await alice.wait_for_call("^FINISH")
