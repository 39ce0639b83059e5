"""Which accounts an agent owns, as others find it in a real KV, whatever it was doing when it died."""

import asyncio
from collections.abc import AsyncIterator

import nats.errors
import pytest
from tests.integration.test_sip_agent import (
    DOMAIN,
    SECRET,
    Login,
    agent,
    bus,
    login,
    registered,
    settings,
    signaling_tasks,
)
from tests.integration.test_sip_agent_hand_over import leave, other
from tests.support.bus_seats import account, eventually, eventually_empty
from tests.support.nats import stoppable_nats_server
from tests.support.until import until

from shared.bus import Bus
from shared.kv import Conflict
from shared.messages import Heartbeat
from shared.records import AccountRecord, AgentLease, LifeRecord
from shared.settings import CommonSettings
from shared.store import Store, open_store
from shared.subjects import heartbeat
from sip_agent.app import Agent, running
from sip_agent.ownership import rescue
from sip_agent.ownership.owner_index import OwnerIndex
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "login", "other", "settings", "signaling_tasks"]  # fixtures

FORMER = AgentLease(agent="agent-1", incarnation="i-former", address="127.0.0.1:5060")


@pytest.fixture
async def store(nats_url: str) -> AsyncIterator[Store]:
    bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod="test"))
    yield await open_store(bus)
    await bus.aclose()


def record(session_id: str, owner: str = "agent-1", incarnation: str = "i-former") -> AccountRecord:
    theirs = account(SECRET, session_id, "alice", "alice-password", DOMAIN)
    return AccountRecord(
        session_id=session_id, account=theirs, owner=owner, incarnation=incarnation, epoch=1, pod="", idle_seconds=60.0
    )


async def owners(store: Store) -> dict[str, str]:
    entries = [await store.accounts.get(name) for name in await store.accounts.names()]
    return {entry.record.session_id: entry.record.owner for entry in entries if entry is not None}


async def has_looked(store: Store, incarnation: str) -> bool:
    life = await store.lives.get(incarnation)
    return life is not None and life.record.has_looked


async def test_a_life_whose_beginning_was_written_and_not_acknowledged_begins_once(store: Store) -> None:
    index = OwnerIndex(store)
    for _ in range(2):
        await index.begin(FORMER)
    assert [life.incarnation for life in await index.lives()] == ["i-former"]


async def is_over(store: Store, incarnation: str) -> bool:
    life = await store.lives.get(incarnation)
    return life is not None and life.record.is_over


# -- one agent


async def test_an_account_has_an_entry_from_before_its_record_until_after_it(
    agent: Agent, store: Store, login: Login
) -> None:
    life = agent.services.lease.incarnation
    (alice,) = await registered(login, "alice")
    assert await store.owned.names(life) == ["s-alice"]
    await alice.log_out()
    await eventually_empty(lambda: store.owned.names(life))
    assert await store.accounts.names() == []


async def test_an_account_that_moves_has_an_entry_of_its_new_owner(
    agent: Agent, other: Agent, store: Store, login: Login
) -> None:
    former, new = agent.services.lease.incarnation, other.services.lease.incarnation
    await registered(login, "alice")
    await leave(agent)
    assert await store.owned.names(new) == ["s-alice"]
    await eventually_empty(lambda: store.owned.names(former))


async def test_whatever_an_agent_was_writing_when_it_died_nothing_of_it_stays_ownerless(
    settings: Settings, store: Store
) -> None:
    index = OwnerIndex(store)
    await index.begin(FORMER)
    for session_id in ("s-entry-alone", "s-owned", "s-moved", "s-being-taken"):
        await store.owned.add("i-former", session_id)
    await store.accounts.create("s-owned", record("s-owned"))
    await store.accounts.create("s-moved", record("s-moved", "agent-2", "i-2"))
    # It was about to take this one from a life before, whose entry and record are there still.
    await index.begin(AgentLease(agent="agent-1", incarnation="i-earlier", address=FORMER.address))
    await store.owned.add("i-earlier", "s-being-taken")
    await store.accounts.create("s-being-taken", record("s-being-taken", incarnation="i-earlier"))
    async with running(settings) as agent:
        await until(lambda: is_over(store, "i-former"))
        await until(lambda: is_over(store, "i-earlier"))
        assert await owners(store) == {"s-owned": "agent-1", "s-moved": "agent-2", "s-being-taken": "agent-1"}
        assert {account.session_id for account in agent.accounts} == {"s-owned", "s-being-taken"}
        own = agent.services.lease.incarnation
        assert sorted(await store.owned.names(own)) == ["s-being-taken", "s-owned"]
        for incarnation in ("i-former", "i-earlier"):
            await eventually_empty(lambda: store.owned.names(incarnation))  # noqa: B023 - awaited at once
    assert await is_over(store, own)


async def test_what_was_written_before_there_were_entries_is_found_once(settings: Settings, store: Store) -> None:
    await store.accounts.create("s-old", record("s-old"))
    async with running(settings) as agent:
        own = agent.services.lease.incarnation
        await until(lambda: has_looked(store, own))
        assert [account.session_id for account in agent.accounts] == ["s-old"]
        assert await owners(store) == {"s-old": "agent-1"}
        assert await store.owned.names(own) == ["s-old"]


async def test_where_somebody_has_looked_through_all_accounts_only_entries_are_asked_for(
    settings: Settings, store: Store
) -> None:
    life = LifeRecord(agent="agent-0", incarnation="i-0", address="a", has_looked=True, is_over=True)
    await store.lives.create("i-0", life)
    await OwnerIndex(store).begin(FORMER)
    await store.owned.add("i-former", "s-owned")
    for session_id in ("s-owned", "s-without-entry"):
        await store.accounts.create(session_id, record(session_id))
    async with running(settings) as agent:
        await until(lambda: is_over(store, "i-former"))
        assert [account.session_id for account in agent.accounts] == ["s-owned"]


async def test_what_a_dead_one_has_left_waits_until_we_have_our_own_lease_again(
    agent: Agent, bus: Bus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = agent.services.lease.incarnation
    await until(lambda: has_looked(store, own))
    await store.accounts.create("s-left", record("s-left", "agent-2", "i-2"))
    monkeypatch.setattr(rescue, "PATIENCE", 0.05)
    asked: list[str] = []
    with monkeypatch.context() as nats_was_away:
        nats_was_away.setattr(agent.services.lease, "held", lambda: bool(asked.append("held")))
        for incarnation in ("i-2", "i-3"):
            beat = Heartbeat(kind="agent", pod="agent-2", load=0, capacity=1, draining=True, incarnation=incarnation)
            await bus.publish(heartbeat("agent", "agent-2"), beat)
        await eventually(lambda: len(asked) > 2)
        assert agent.accounts.find("s-left") is None
    await eventually(lambda: agent.accounts.find("s-left") is not None)


# -- one entry


async def test_an_entry_stays_while_the_record_is_of_its_life(store: Store) -> None:
    holding = await OwnerIndex(store).hold(record("s-1"), lambda: True)
    revision = await store.accounts.create("s-1", record("s-1"))
    await holding.release()
    assert await store.owned.names("i-former") == ["s-1"]
    await store.accounts.update("s-1", record("s-1", "agent-2", "i-2"), revision)
    await holding.release()
    await eventually_empty(lambda: store.owned.names("i-former"))


async def test_the_entry_of_an_account_that_has_come_back_is_not_removed_with_the_former_one(store: Store) -> None:
    index = OwnerIndex(store)
    former = await index.hold(record("s-1"), lambda: True)
    await index.hold(record("s-1"), lambda: True)
    await former.release()
    with pytest.raises(Conflict):
        await store.owned.remove("i-former", "s-1", 1)
    assert await store.owned.names("i-former") == ["s-1"]


async def test_while_nats_is_away_entries_wait_to_be_written_and_are_not_removed() -> None:
    async with stoppable_nats_server() as server:
        bus = await Bus.connect(CommonSettings(nats_url=server.url, pod="test"))
        store = await open_store(bus)
        index = OwnerIndex(store)
        holding = await index.hold(record("s-1"), lambda: True)
        await server.stop()
        await eventually(lambda: not bus.connected)
        waiting = asyncio.ensure_future(index.hold(record("s-2"), lambda: True))
        await holding.release()
        with pytest.raises(nats.errors.Error):
            await index.hold(record("s-3"), lambda: False)  # without its lease an agent has nothing to write
        assert not waiting.done()
        await server.start()
        await waiting
        assert {"s-1", "s-2"} <= set(await store.owned.names("i-former"))
        await bus.aclose()
