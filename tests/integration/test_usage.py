"""Calls counted in NATS KV: several agents, one that died, and many at once."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from tests.support.bus_seats import eventually

from shared.bus import Bus
from shared.errors import RemoteError
from shared.records import AgentLease
from shared.settings import CommonSettings
from shared.store import Store, open_store
from shared.tasks import Tasks
from sip_agent.calls.usage import Usage
from sip_agent.core.policy.usage import Caps
from sip_agent.services import wall_clock

AOR = "alice@example.com"


@pytest.fixture
async def store(nats_url: str) -> AsyncIterator[Store]:
    bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod="test"))
    yield await open_store(bus)
    await bus.aclose()


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    tasks = Tasks("usage")
    yield tasks
    await tasks.aclose()


async def agent(store: Store, tasks: Tasks, name: str, caps: Caps, incarnation: str = "i-1") -> Usage:
    lease = AgentLease(agent=name, incarnation=incarnation, address="192.0.2.1:5060")
    await store.leases.create(name, lease)
    return Usage(store.usage, store.leases, caps, lambda: lease, tasks, wall_clock, random.random)


async def ended(usage: Usage, tasks: Tasks, call_id: str) -> None:
    usage.end(AOR, call_id)
    await eventually(lambda: len(tasks) == 0)


async def test_two_agents_share_one_count(store: Store, tasks: Tasks) -> None:
    one, two = [await agent(store, tasks, name, Caps(2, 0, 0)) for name in ("agent-1", "agent-2")]
    await one.begin(AOR, "c-1")
    await two.begin(AOR, "c-2")
    for usage in (one, two):
        with pytest.raises(RemoteError, match=r"403 Call Limit Reached \(2 At Once\)"):
            await usage.begin(AOR, "c-3")
    await two.begin("bob@example.com", "c-4")
    await ended(two, tasks, "c-2")
    await one.begin(AOR, "c-3")


async def test_of_many_calls_at_once_exactly_the_cap_is_let_through(store: Store, tasks: Tasks) -> None:
    agents = [await agent(store, tasks, f"agent-{number}", Caps(0, 7, 0)) for number in range(3)]
    results = await asyncio.gather(
        *(agents[number % 3].begin(AOR, f"c-{number}") for number in range(12)), return_exceptions=True
    )
    refused = [result for result in results if result is not None]
    assert all(isinstance(result, RemoteError) and result.status == 403 for result in refused), refused
    assert len(refused) == 5


async def test_calls_of_an_agent_that_is_gone_or_started_anew_are_dropped(store: Store, tasks: Tasks) -> None:
    caps = Caps(1, 0, 0)
    dead = await agent(store, tasks, "agent-1", caps)
    await dead.begin(AOR, "c-1")
    live = await agent(store, tasks, "agent-2", caps)
    with pytest.raises(RemoteError):
        await live.begin(AOR, "c-2")
    await store.leases.delete("agent-1")
    await live.begin(AOR, "c-2")
    await store.leases.delete("agent-2")
    anew = await agent(store, tasks, "agent-2", caps, incarnation="i-2")
    await anew.begin(AOR, "c-3")
    entry = await store.usage.get(AOR)
    assert entry is not None and [call.call_id for call in entry.record.live] == ["c-3"]


async def test_a_call_that_is_taken_over_counts_on_until_it_ends(store: Store, tasks: Tasks) -> None:
    caps = Caps(1, 0, 0)
    dead = await agent(store, tasks, "agent-1", caps)
    await dead.begin(AOR, "c-1")
    live = await agent(store, tasks, "agent-2", caps)
    live.adopt(AOR, "c-1")
    await eventually(lambda: len(tasks) == 0)
    await store.leases.delete("agent-1")
    with pytest.raises(RemoteError):
        await live.begin(AOR, "c-2")
    await ended(live, tasks, "c-1")
    await live.begin(AOR, "c-2")


async def test_with_all_caps_off_nothing_is_written(store: Store, tasks: Tasks) -> None:
    usage = await agent(store, tasks, "agent-1", Caps(0, 0, 0))
    await usage.begin(AOR, "c-1")
    await ended(usage, tasks, "c-1")
    assert await store.usage.names() == []


async def test_a_call_that_ends_twice_or_never_was_counted_changes_nothing(store: Store, tasks: Tasks) -> None:
    usage = await agent(store, tasks, "agent-1", Caps(5, 0, 0))
    await usage.begin(AOR, "c-1")
    await usage.begin(AOR, "c-2")
    for call_id in ("c-1", "c-1", "c-9"):
        await ended(usage, tasks, call_id)
    entry = await store.usage.get(AOR)
    assert entry is not None and [call.call_id for call in entry.record.live] == ["c-2"]
