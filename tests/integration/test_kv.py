"""The buckets on a NATS server that goes away and comes back."""

import asyncio

import nats.errors
import pytest
from tests.support.bus_seats import eventually_empty
from tests.support.nats import NatsServer, stoppable_nats_server
from tests.support.pace import turn
from tests.support.signaling import eventually
from tests.support.until import until

from shared.bus import Bus
from shared.kv import Index, open_store
from shared.listing import SLICE
from shared.records import AgentLease, LocationRecord
from shared.settings import CommonSettings

LEASE = AgentLease(agent="agent-1", incarnation="i-1", address="127.0.0.1:5060")


async def restarted(server: NatsServer, bus: Bus) -> None:
    before = bus.reconnects
    await server.stop()
    await eventually(lambda: not bus.connected)
    await server.start()
    await eventually(lambda: bus.connected and bus.reconnects == before + 1)


async def test_every_bucket_is_there_after_a_restart_of_the_server() -> None:
    async with stoppable_nats_server() as server:
        bus = await Bus.connect(CommonSettings(nats_url=server.url, pod="test"))
        store = await open_store(bus)
        location = await store.locations.create("alice@b", LocationRecord(aor="alice@b"))
        lease = await store.leases.create("agent-1", LEASE)
        await restarted(server, bus)
        assert await store.locations.update("alice@b", LocationRecord(aor="alice@b"), location) > location
        assert await store.leases.update("agent-1", LEASE, lease) > lease
        assert await store.sessions.names() == [] == await store.accounts.names() == await store.calls.names()
        await bus.aclose()


async def test_a_record_with_an_end_of_its_own_is_gone_after_it_and_can_be_made_again() -> None:
    async with stoppable_nats_server() as server:
        bus = await Bus.connect(CommonSettings(nats_url=server.url, pod="test"))
        store = await open_store(bus)
        revision = await store.locations.create("alice@b", LocationRecord(aor="alice@b"), ttl=60)
        await store.locations.update("alice@b", LocationRecord(aor="alice@b"), revision, ttl=0.5)

        async def named() -> list[str]:
            return ["alice@b"] if await store.locations.get("alice@b") is not None else []

        await eventually_empty(named)
        assert await store.locations.names() == []
        await store.locations.create("alice@b", LocationRecord(aor="alice@b"))
        await bus.aclose()


async def test_names_under_one_owner_are_listed_without_those_of_another() -> None:
    async with stoppable_nats_server() as server:
        bus = await Bus.connect(CommonSettings(nats_url=server.url, pod="test"))
        owned = (await open_store(bus)).owned
        for owner, name in (("a", "s-1"), ("a", "alice@b.c"), ("a.b", "s-2"), ("ab", "s-3")):
            await owned.add(owner, name)
        assert sorted(await owned.names("a")) == ["alice@b.c", "s-1"]
        assert (await owned.names("a.b"), await owned.names("b")) == (["s-2"], [])
        await restarted(server, bus)
        await owned.remove("a", "alice@b.c")
        await until(lambda: _is_listed(owned, "a", ["s-1"]))
        await bus.aclose()


async def _is_listed(owned: Index, owner: str, names: list[str]) -> bool:
    return await owned.names(owner) == names


async def test_a_listing_ends_where_the_server_is_gone() -> None:
    async with stoppable_nats_server() as server:
        bus = await Bus.connect(CommonSettings(nats_url=server.url, pod="test"))
        store = await open_store(bus)
        await server.stop()
        await eventually(lambda: not bus.connected)
        with pytest.raises((TimeoutError, nats.errors.Error)):
            await store.sessions.names()
        await bus.aclose()


async def test_a_listing_of_thousands_lets_others_have_their_turn(nats_url: str) -> None:
    bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod="test"))
    store = await open_store(bus)
    names = {f"agent-{number}" for number in range(2000)}
    await asyncio.gather(*(store.leases.create(name, LEASE) for name in names))
    await store.leases.delete("agent-7")
    longest = 0

    async def take_turns() -> None:
        nonlocal longest
        while True:
            before = bus._client.stats["in_msgs"]
            await turn()
            longest = max(longest, bus._client.stats["in_msgs"] - before)

    others = asyncio.ensure_future(take_turns())
    assert set(await store.leases.names()) == names - {"agent-7"}
    others.cancel()
    assert 0 < longest < 3 * SLICE  # that came in one turn
    await bus.aclose()
