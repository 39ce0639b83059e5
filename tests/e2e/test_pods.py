"""Two of every service: pages on any signaling pod and any agent reach each other, over any relays."""

import asyncio
from collections.abc import AsyncIterator
from itertools import permutations

import pytest
import pytest_asyncio
from tests.support.page import Account, OpenPhone, PhonePage, establish, hear_each_other
from tests.support.services import Cordboard, cordboard


@pytest_asyncio.fixture(loop_scope="session")
async def pairs() -> AsyncIterator[Cordboard]:
    """Two signaling pods, two agents, two relays."""
    async with cordboard(signaling=2, agents=2, relays=2) as running:
        yield running


async def agent_of(pairs: Cordboard, user: str) -> str:
    """Return the agent that owns the account of a user who is logged in once."""
    for session in await pairs.store.accounts.names():
        entry = await pairs.store.accounts.get(session)
        if entry and entry.record.account.login == user:
            return entry.record.owner
    raise AssertionError(f"no account of {user}")


async def relays_in_use(pairs: Cordboard) -> set[str]:
    """Return the relays of all calls that are up."""
    entries = [await pairs.store.calls.get(call) for call in await pairs.store.calls.names()]
    return {entry.record.media.relay for entry in entries if entry and entry.record.media}


async def relays_of_a_call(pairs: Cordboard, caller: PhonePage, callee: PhonePage) -> set[str]:
    """Let one page call another until both hear each other, and hang up; return the relays of that call."""
    await establish(caller, callee, callee.name)
    await hear_each_other(caller, callee)
    relays = await relays_in_use(pairs)
    await caller.hang_up()
    await asyncio.gather(caller.wait_for_call("^FINISH"), callee.wait_for_call("^FINISH"))
    return relays


@pytest.mark.timeout(180)
async def test_every_pair_of_pods_connects_its_pages(pairs: Cordboard, open_page: OpenPhone) -> None:
    pages: dict[str, PhonePage] = {}
    places: dict[str, tuple[int, str]] = {}
    for number, (user, password) in enumerate(pairs.users.items()):
        pod = number // 2
        page = pages[user] = await open_page(400 + 100 * number, url=pairs.page_url(pod))
        await page.connect(Account(user, password))
        places[user] = (pod, await agent_of(pairs, user))
    # The emptier agent wins, so that two log-ins at one signaling pod are on two agents.
    assert len(set(places.values())) == 4, places

    before = await pairs.resting_state()
    relays = [await relays_of_a_call(pairs, *two) for two in permutations(pages.values(), 2)]
    assert set().union(*relays) == {relay.name for relay in pairs.relays}
    # Calls over one relay are what every other test has. One that follows at once may find the relay of the last call
    # still taken, by its heartbeat, so that both its ends go to the other one; in a quiet cluster it is chance.
    while max(map(len, relays)) < 2:
        await pairs.wait_until_settled(before)
        relays.append(await relays_of_a_call(pairs, pages["alice"], pages["carol"]))
    await pairs.wait_until_settled(before)
