"""A call while NATS is as it is to be deployed: TLS, and a user for each service who may do what it must."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from tests.support.certificates import Authority
from tests.support.page import Account, OpenPhone, establish, hear_each_other
from tests.support.services import Cordboard, cordboard


@pytest_asyncio.fixture(loop_scope="session")
async def secured(authority: Authority) -> AsyncIterator[Cordboard]:
    """Two agents: they hand accounts over to each other when they leave."""
    async with cordboard(agents=2, authority=authority) as running:
        yield running


async def test_services_with_users_of_their_own_carry_a_call(secured: Cordboard, open_page: OpenPhone) -> None:
    alice, bob = [await open_page(tone, url=secured.page_url()) for tone in (440, 660)]
    for page, user in ((alice, "alice"), (bob, "bob")):
        await page.connect(Account(user, secured.users[user]))
    before = await secured.resting_state()
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    await alice.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))
    await secured.wait_until_settled(before)
    assert [pod.name for pod in secured.pods if "permissions violation" in pod.process.log] == []
