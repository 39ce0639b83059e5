"""What an agent owns in a real KV: records through lost acknowledgements, the lease, and other owners."""

import asyncio
import random
from collections.abc import AsyncIterator

import nats.errors
import pytest
from tests.integration.test_sip_agent import DOMAIN, SECRET, settings
from tests.support.bus_seats import SessionSeat, account, eventually

from shared.bus import Bus
from shared.errors import LocalError
from shared.kv import LEASE_TTL, Conflict, Entry
from shared.records import AccountRecord, AgentLease
from shared.settings import CommonSettings
from shared.store import Store, open_store
from sip_agent.app import running
from sip_agent.ownership import lease as lease_module
from sip_agent.ownership.lease import Lease, bury, find_live
from sip_agent.ownership.owned import OwnedRecord
from sip_agent.settings import Settings

__all__ = ["settings"]  # fixture


@pytest.fixture
async def store(nats_url: str) -> AsyncIterator[Store]:
    bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod="test"))
    yield await open_store(bus)
    await bus.aclose()


def record(owner: str = "agent-1", epoch: int = 1, pod: str = "p") -> AccountRecord:
    sealed = account("a secret of many letters", "s-1", "alice", "pw", "example.com")
    return AccountRecord(session_id="s-1", account=sealed, owner=owner, epoch=epoch, pod=pod)


def owned(store: Store) -> OwnedRecord[AccountRecord]:
    return OwnedRecord(store.accounts, "s-1", "agent-1", lambda: True)


async def test_a_write_whose_acknowledgement_was_lost_is_not_taken_for_anothers(store: Store) -> None:
    ours = owned(store)
    await ours.save(record())
    entry = await store.accounts.get("s-1")
    assert entry is not None
    await store.accounts.update("s-1", record(pod="written, never acknowledged"), entry.revision)
    await ours.save(record(pod="new"))
    entry = await store.accounts.get("s-1")
    assert entry is not None and entry.record.pod == "new"
    await ours.delete(1)
    assert await store.accounts.names() == []


async def test_a_record_that_another_agent_has_taken_is_left_alone(store: Store) -> None:
    ours = owned(store)
    await ours.save(record())
    entry = await store.accounts.get("s-1")
    assert entry is not None
    await store.accounts.update("s-1", record(owner="agent-2", epoch=2), entry.revision)
    with pytest.raises(Conflict):
        await ours.save(record(pod="late"))
    await ours.delete(1)
    entry = await store.accounts.get("s-1")
    assert entry is not None and (entry.record.owner, entry.record.pod) == ("agent-2", "p")


def lease(store: Store, incarnation: str = "i-1", address: str = "192.0.2.1:5060", owns_address: bool = True) -> Lease:
    record = AgentLease(agent="agent-1", incarnation=incarnation, address=address)
    return Lease(store.leases, record, lambda: f"{incarnation} anew", owns_address)


async def test_a_lease_is_held_until_its_time_has_passed_without_a_renewal(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = lease(store)
    assert not ours.held()
    await ours.acquire()
    assert ours.held()
    monkeypatch.setattr(lease_module, "LEASE_TTL", 0.0)
    assert not ours.held()


async def test_a_renewal_whose_acknowledgement_was_lost_does_not_lose_the_lease(store: Store) -> None:
    ours = lease(store)
    await ours.acquire()
    entry = await store.leases.get("agent-1")
    assert entry is not None
    await store.leases.update("agent-1", entry.record, entry.revision)
    assert [await ours._renew(), await ours._renew()] == [False, True]


async def test_who_finds_another_process_under_its_name_is_silent_at_once_and_ends(store: Store) -> None:
    old, ended = lease(store), asyncio.Event()
    old.on_buried = dropped = Dropped()
    old.on_superseded = ended.set
    await old.acquire()
    await lease(store, "i-2").acquire()
    assert not await old._renew()
    assert (old.held(), dropped.times, ended.is_set()) == (False, 1, True)
    await old.renew_for_ever()  # which it does no more
    await old.release()
    live = await find_live(store.leases, "agent-1")
    assert live is not None and live.incarnation == "i-2"


async def test_an_agent_whose_name_another_process_has_taken_drops_what_it_has_and_ends(
    settings: Settings, store: Store
) -> None:
    bus = await Bus.connect(CommonSettings(nats_url=settings.nats_url, pod="seats"))
    alice = SessionSeat(bus, "agent-1", "s-alice", account(SECRET, "s-alice", "alice", "alice-password", DOMAIN))
    await alice.sit()
    with pytest.raises(LocalError, match="another process is agent-1"):
        async with running(settings) as agent:
            await alice.open()
            await alice.registration("registered")
            other = AgentLease(agent="agent-1", incarnation="i-2", address="192.0.2.2:5060")
            # The agent may renew it at the same moment.
            taken = await store.leases.change("agent-1", lambda _: other, random.random, ttl=lambda _: LEASE_TTL)
            await asyncio.Event().wait()
    assert (len(agent.accounts), agent.services.lease.held()) == (0, False)
    entry = await store.leases.get("agent-1")
    assert entry is not None and taken is not None and (entry.record, entry.revision) == (other, taken.revision)
    assert await store.accounts.names() == ["s-alice"]  # for the other one to take
    await bus.aclose()


async def test_another_that_had_the_name_and_is_dead_too_is_followed_by_a_new_life(store: Store) -> None:
    old, other = lease(store), lease(store, "i-2")
    old.on_buried = dropped = Dropped()
    await old.acquire()
    await other.acquire()
    await bury(store.leases, other.record, is_proven=True)
    assert not await old._renew()
    assert (old.incarnation, old.held(), dropped.times, old.is_superseded) == ("i-1 anew", True, 1, False)


@pytest.mark.parametrize(
    ("address", "owns_address"), [("192.0.2.2:5060", True), ("192.0.2.1:5060", False)], ids=["elsewhere", "a name"]
)
async def test_a_former_self_that_may_live_has_its_lease_until_that_ends(
    store: Store, monkeypatch: pytest.MonkeyPatch, address: str, owns_address: bool
) -> None:
    old = lease(store)
    await old.acquire()
    monkeypatch.setattr(lease_module, "LOOK_EVERY", 0.01)
    looks: list[str] = []
    get = store.leases.get

    async def noted(name: str) -> Entry[AgentLease] | None:
        looks.append(name)
        return await get(name)

    monkeypatch.setattr(store.leases, "get", noted)
    anew = lease(store, "i-2", address, owns_address)
    acquiring = asyncio.ensure_future(anew.acquire())
    await eventually(lambda: len(looks) > 2)
    assert not anew.held() and await old._renew()
    await store.leases.delete("agent-1")  # as the server does when it has not been renewed
    await acquiring
    assert anew.held() and anew.has_former


async def test_a_former_self_that_is_marked_or_was_at_our_own_address_is_not_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "LOOK_EVERY", 1000.0)
    old = lease(store)
    await old.acquire()
    at_its_address = lease(store, "i-2")
    await at_its_address.acquire()
    await bury(store.leases, at_its_address.record, is_proven=True)
    elsewhere = lease(store, "i-3", "192.0.2.2:5060")
    await elsewhere.acquire()
    assert elsewhere.held() and elsewhere.has_former


async def test_a_name_whose_lease_goes_on_being_renewed_is_not_to_be_had(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = lease(store)
    await old.acquire()
    monkeypatch.setattr(lease_module, "LEASE_TTL", -lease_module.RENEW_EVERY)
    with pytest.raises(LocalError, match="another process is agent-1"):
        await lease(store, "i-2", "192.0.2.2:5060").acquire()
    live = await find_live(store.leases, "agent-1")
    assert live is not None and live.incarnation == "i-1"


async def test_a_lease_given_back_is_gone_at_once(store: Store) -> None:
    ours = lease(store)
    await ours.acquire()
    await ours.release()
    assert not ours.held()
    assert await store.leases.names() == []


async def test_a_renewal_that_fails_in_every_way_ends_no_renewals(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = lease(store)
    await ours.acquire()
    entry = await store.leases.get("agent-1")
    assert entry is not None
    await store.leases.update("agent-1", entry.record, entry.revision)

    async def fails(name: str) -> None:
        raise nats.errors.TimeoutError

    with monkeypatch.context() as patched:
        patched.setattr(store.leases, "get", fails)
        assert await ours._renew() is False
    assert [await ours._renew(), await ours._renew()] == [False, True]


# -- a lease that others mark as a dead one's


async def test_an_ended_lease_that_nobody_has_marked_is_taken_anew_and_nothing_is_lost(store: Store) -> None:
    ours = lease(store)
    ours.on_buried = dropped = Dropped()
    await ours.acquire()
    await store.leases.delete("agent-1")
    assert [await ours._renew(), await ours._renew()] == [False, True]
    assert (ours.incarnation, ours.held(), dropped.times) == ("i-1", True, 0)


async def test_an_agent_whose_lease_is_marked_drops_all_and_begins_anew(store: Store) -> None:
    ours = lease(store)
    ours.on_buried = dropped = Dropped()
    await ours.acquire()
    assert await bury(store.leases, ours.record, is_proven=True)
    assert await find_live(store.leases, "agent-1") is None
    assert not await ours._renew()
    assert dropped.times == 1
    assert (ours.incarnation, ours.held()) == ("i-1 anew", True)
    live = await find_live(store.leases, "agent-1")
    assert live is not None and live.incarnation == "i-1 anew"


async def test_without_proof_a_lease_that_has_not_ended_is_not_marked(store: Store) -> None:
    ours = lease(store)
    await ours.acquire()
    assert not await bury(store.leases, ours.record, is_proven=False)
    assert await ours._renew()
    await store.leases.delete("agent-1")
    assert await bury(store.leases, ours.record, is_proven=False)
    assert not await ours._renew() and ours.incarnation == "i-1 anew"


async def test_of_a_burial_and_a_lease_taken_anew_one_wins(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = lease(store)
    await ours.acquire()
    await store.leases.delete("agent-1")
    create = store.leases.create

    async def after_ours(name: str, record: AgentLease, ttl: float = 0.0) -> int:
        if record.is_dead:
            assert not await ours._renew()  # finds no lease, and takes it anew
        return await create(name, record, ttl)

    monkeypatch.setattr(store.leases, "create", after_ours)
    assert not await bury(store.leases, ours.record, is_proven=False)
    assert ours.held() and ours.incarnation == "i-1"


async def test_the_lease_of_a_pod_that_has_started_anew_is_left_alone(store: Store) -> None:
    await lease(store).acquire()
    anew = lease(store, "i-2")
    await anew.acquire()
    assert await bury(store.leases, lease(store).record, is_proven=True)
    assert await anew._renew()


async def test_a_mark_stays_when_the_agent_leaves(store: Store) -> None:
    ours = lease(store)
    await ours.acquire()
    await bury(store.leases, ours.record, is_proven=True)
    await ours.release()
    entry = await store.leases.get("agent-1")
    assert entry is not None and entry.record.is_dead


class Dropped:
    """What is done for a buried agent, counted."""

    def __init__(self) -> None:
        self.times = 0

    async def __call__(self) -> None:
        self.times += 1
