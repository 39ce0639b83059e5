"""The buckets on a NATS server that goes away and comes back."""

import asyncio

import nats.errors
import pytest
from tests.support.bus_seats import eventually_empty
from tests.support.call_records import call_record
from tests.support.nats import NatsServer, stoppable_nats_server
from tests.support.pace import turn
from tests.support.signaling import eventually
from tests.support.until import until

from shared.bus import Bus
from shared.kv import Conflict
from shared.listing import SLICE
from shared.records import AgentLease, LocationRecord, SessionRecord
from shared.settings import CommonSettings
from shared.shelves import Change, Index
from shared.store import open_store

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


async def test_calls_are_found_by_their_session_and_by_their_name_alone() -> None:
    async with stoppable_nats_server() as server:
        bus = await Bus.connect(CommonSettings(nats_url=server.url, pod="test"))
        calls = (await open_store(bus)).calls
        owners = {"c-1": "s-1", "c.2 *": "s-1", "c-3": "s-12", "c-4": "s.1"}
        for name, owner in owners.items():
            await calls.of(owner).create(name, call_record(name, owner))
        assert await calls.owners() == owners
        assert [sorted(await calls.names_of(owner)) for owner in ("s-1", "s.1", "s")] == [["c-1", "c.2 *"], ["c-4"], []]
        assert sorted(await calls.of("s-1").names()) == ["c-1", "c.2 *"]
        for name, owner in owners.items():
            entry = await calls.get(name)
            assert entry is not None and entry.record == call_record(name, owner)
        assert entry == await calls.of("s.1").get("c-4") and await calls.of("s-1").get("c-4") is None
        with pytest.raises(Conflict):
            await calls.of("s-1").delete("c-1", entry.revision)
        with pytest.raises(Conflict):
            await calls.of("s-2").create("c-1", call_record("c-1", "s-2"))
        assert await calls.owners() == owners
        await calls.of("s.1").delete("c-4", entry.revision)
        assert await calls.get("c-4") is await calls.get("c-5") is None and "c-4" not in await calls.names()
        await bus.aclose()


async def test_what_has_changed_since_a_revision_is_told_and_all_where_the_bucket_is_younger() -> None:
    async with stoppable_nats_server() as server:
        bus = await Bus.connect(CommonSettings(nats_url=server.url, pod="test"))
        sessions = (await open_store(bus)).sessions

        async def changes(after: int) -> list[Change[SessionRecord]]:
            return [change async for change in sessions.changes(after)]

        assert await changes(0) == []
        names = [f"s.{number} *" for number in range(300)]
        first = [Change(name, await sessions.create(name, _session(name)), _session(name)) for name in names]
        assert await sessions.listed() == {*names} == {*await sessions.names()}
        assert await changes(0) == first
        revision = first[-1].revision
        assert await changes(revision) == []
        await sessions.delete(names[0])
        again = _session(names[1], pod="another")
        second = Change(names[1], await sessions.update(names[1], again, first[1].revision), again)
        assert await changes(revision) == [Change(names[0], revision + 1, None), second]

        async def is_forgotten() -> bool:
            return await sessions.listed() == {*names[1:]}

        await until(is_forgotten)
        assert await changes(second.revision + 1) == [*first[2:], second]
        await bus.aclose()


def _session(session_id: str, pod: str = "pod-1") -> SessionRecord:
    return SessionRecord(
        session_id=session_id,
        aor="alice",
        pod=pod,
        agent="agent-1",
        epoch=1,
        resume_hash="",
        created_at=0.0,
    )


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
    for first in range(0, 2000, 100):  # of all at once the last would wait for longer than they may
        some = range(first, first + 100)
        await asyncio.gather(*(store.leases.create(f"agent-{number}", LEASE) for number in some))
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
