"""A media-relay dies or drains under calls: pages hear each other again, by another relay."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from tests.support.browser.tab import Browser
from tests.support.page import Account, OpenPhone, PhonePage, establish, hear_each_other
from tests.support.services import Cordboard, Pod, cordboard


@pytest_asyncio.fixture(loop_scope="session")
async def relays() -> AsyncIterator[Cordboard]:
    """One signaling pod, one agent, two relays."""
    async with cordboard(relays=2) as running:
        yield running


async def relay_of_a_call(cluster: Cordboard) -> Pod:
    """Return the relay that has the media of one of the calls."""
    for call in await cluster.store.calls.names():
        entry = await cluster.store.calls.get(call)
        if entry and entry.record.media:
            return next(relay for relay in cluster.relays if relay.name == entry.record.media.relay)
    raise AssertionError("no call has media")


async def talking(cluster: Cordboard, open_page: OpenPhone, browser: Browser) -> tuple[PhonePage, PhonePage]:
    url = cluster.page_url()
    alice, bob = await asyncio.gather(open_page(440, browser=browser, url=url), open_page(620, url=url))
    for page, user in ((alice, "alice"), (bob, "bob")):
        await page.connect(Account(user, cluster.users[user]))
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    return alice, bob


async def test_pages_hear_each_other_again_when_their_relay_dies(
    relays: Cordboard, open_page: OpenPhone, browser: Browser
) -> None:
    alice, bob = await talking(relays, open_page, browser)
    await (await relay_of_a_call(relays)).kill()
    await hear_each_other(alice, bob)
    await alice.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))
