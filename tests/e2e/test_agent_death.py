"""An agent is killed under two pages that talk: they go on talking, and can do all that they could before."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.e2e.test_pods import agent_of
from tests.support.page import Account, OpenPhone, establish, hear_each_other
from tests.support.services import Cordboard, cordboard
from tests.support.until import until

TAKEN_OVER_WITHIN = 15.0


@pytest_asyncio.fixture(loop_scope="session")
async def agents() -> AsyncIterator[Cordboard]:
    """Two agents, and one of each other service."""
    async with cordboard(agents=2) as running:
        yield running


async def until_owned_by(cluster: Cordboard, user: str, agent: str) -> None:
    async def is_owned() -> bool:
        return await agent_of(cluster, user) == agent

    await until(is_owned, TAKEN_OVER_WITHIN)


@pytest.mark.alone
async def test_a_call_between_two_pages_outlives_an_agent(agents: Cordboard, open_page: OpenPhone) -> None:
    alice, bob = await asyncio.gather(open_page(440, url=agents.page_url()), open_page(620, url=agents.page_url()))
    await alice.connect(Account("alice", agents.users["alice"]))
    await bob.connect(Account("bob", agents.users["bob"]))
    await establish(alice, bob, "bob")
    await hear_each_other(alice, bob)
    name = await agent_of(agents, "alice")
    dying, other = sorted(agents.agents, key=lambda pod: pod.name != name)
    connections = [await page.stats("transport") for page in (alice, bob)]

    async def dies() -> None:
        await dying.kill()
        await until_owned_by(agents, "alice", other.name)

    await alice.hears_all_along(620, dies())
    for page, before in zip((alice, bob), connections, strict=True):
        now = await page.stats("transport")
        assert [one["id"] for one in now] == [one["id"] for one in before]
    await alice.hold()
    await bob.hears_silence()
    await alice.unhold()
    await hear_each_other(alice, bob)
    await bob.hang_up()
    await asyncio.gather(alice.wait_for_call("^FINISH"), bob.wait_for_call("^FINISH"))
    await establish(bob, alice, "alice")
    await hear_each_other(alice, bob)
    await alice.hang_up()
    await bob.wait_for_call("^FINISH")
