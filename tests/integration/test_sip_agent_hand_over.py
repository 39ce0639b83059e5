"""Accounts move from an agent that leaves to another one: somebody can be called at every moment of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from tests.integration.test_sip_agent import (
    SECRET,
    Login,
    agent,
    bus,
    login,
    registered,
    relay,
    ringing,
    settings,
    signaling_tasks,
    talking,
)
from tests.support.bus_seats import RelaySeat, SessionSeat, command_id, eventually, sdp
from tests.support.sip_peer import SipPeer

from shared.bus import Bus, expiry
from shared.errors import RemoteError
from shared.messages import (
    AccountMoved,
    AdoptAccount,
    AdoptMedia,
    CallEstablished,
    CallHold,
    Done,
    IncomingCall,
    SipAccount,
)
from shared.records import AccountRecord, LocationRecord
from shared.sealing import Seal
from shared.subjects import agent_commands
from sip_agent import metrics
from sip_agent.app import Agent, running
from sip_agent.core.syntax.message import Request
from sip_agent.core.transaction.timers import Timers
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]  # fixtures


@contextlib.asynccontextmanager
async def second(
    agent: Agent, settings: Settings, monkeypatch: pytest.MonkeyPatch, capacity: int = 2000
) -> AsyncIterator[Agent]:
    """Run a second agent, which the first has heard."""
    with monkeypatch.context() as patched:
        patched.setattr(metrics, "REGISTRY", CollectorRegistry())
        theirs = msgspec.structs.replace(settings, pod="agent-2", ops_port=0, capacity=capacity)
        async with running(theirs, Timers(t1=0.02, t2=0.16, t4=0.2)) as other:
            await heard(agent, "agent-2")
            yield other


@pytest.fixture
async def other(agent: Agent, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Agent]:
    async with second(agent, settings, monkeypatch) as other:
        yield other


async def heard(agent: Agent, pod: str, within: float = 10.0) -> None:
    await eventually(lambda: agent.departure.choose() == pod, within)


async def leave(agent: Agent, within: float = 60.0) -> None:
    agent.accounts.is_draining = True
    await agent.departure.run(within)


async def owner(agent: Agent, session_id: str) -> tuple[str, int]:
    entry = await agent.services.store.accounts.get(session_id)
    assert entry is not None
    return entry.record.owner, entry.record.epoch


@contextlib.asynccontextmanager
async def locations_seen(agent: Agent) -> AsyncIterator[list[LocationRecord | None]]:
    """Every state that the location table goes through; None for an address without contacts."""
    seen: list[LocationRecord | None] = []
    watcher = await agent.services.store.locations._kv.watchall()

    async def watch() -> None:
        while True:
            entry = await watcher.updates(timeout=60)
            if entry is not None:
                seen.append(msgspec.json.decode(entry.value, type=LocationRecord) if entry.value else None)

    task = agent.services.tasks.spawn(watch(), "watch")
    try:
        yield seen
    finally:
        task.cancel()
        await watcher.stop()


# -- at our own domain


async def test_an_account_moves_without_a_moment_in_which_it_has_no_contact(
    agent: Agent, other: Agent, relay: RelaySeat, login: Login
) -> None:
    (alice,) = await registered(login, "alice")
    async with locations_seen(agent) as seen:
        await leave(agent)
        await eventually(lambda: len(seen) >= 3)
    moved = await alice.expect(AccountMoved)
    assert (moved.agent, moved.epoch) == ("agent-2", 2)
    assert await owner(agent, "s-alice") == ("agent-2", 2)
    contacts = [{binding.contact for binding in record.bindings} for record in seen if record is not None]
    at_first, at_last = {f"sip:s-alice@{agent.address}"}, {f"sip:s-alice@{other.address}"}
    assert None not in seen and contacts == [at_first, at_first | at_last, at_last]
    last = seen[-1]
    assert last is not None and seen[0] is not None
    assert last.bindings[0].call_id == seen[0].bindings[0].call_id and last.bindings[0].cseq > seen[0].bindings[0].cseq
    assert (len(agent.accounts), len(other.accounts)) == (0, 1)


async def test_an_agent_that_is_full_takes_what_another_one_leaves_and_nothing_new(
    agent: Agent, settings: Settings, login: Login, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with second(agent, settings, monkeypatch, capacity=1) as other:
        await registered(login, "alice", "bob", "carol")
        await leave(agent)
        assert (len(agent.accounts), len(other.accounts)) == (0, 3)
        new = SessionSeat(bus, "agent-2", "s-new", SipAccount(login="new", domain="example.com"))
        with pytest.raises(RemoteError, match="503 Full"):
            await new.open()


async def test_a_session_that_moved_calls_and_is_called_at_its_new_agent(
    agent: Agent, other: Agent, relay: RelaySeat, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await leave(agent)
    alice.agent = bob.agent = "agent-2"
    call_id = await talking(alice, bob)
    await bob.hang_up(call_id)
    assert (await alice.ended()).was_established
    with pytest.raises(RemoteError, match="481"):
        alice.agent = "agent-1"
        await alice.hang_up("c-1")


async def test_a_call_goes_with_its_account(agent: Agent, other: Agent, relay: RelaySeat, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    call_id = await talking(alice, bob)
    await leave(agent)
    for seat in (alice, bob):
        moved = await seat.expect(AccountMoved)
        assert (moved.agent, moved.epoch, moved.has_calls) == ("agent-2", 2, True)
        seat.agent = "agent-2"
    assert [await owner(agent, seat.session_id) for seat in (alice, bob)] == [("agent-2", 2)] * 2

    def adopted() -> set[tuple[str, str, int]]:
        return {(one.media_id, one.agent, one.epoch) for one in relay.commands if isinstance(one, AdoptMedia)}

    await eventually(lambda: len(adopted()) == 2)  # the relay is asked aside
    assert adopted() == {("media of s-alice", "agent-2", 2), ("media of s-bob", "agent-2", 2)}
    await alice.hold("c-1")  # which is after the re-INVITEs of both sides
    assert (await alice.expect(CallHold, within=15.0)).local
    await alice.hang_up("c-1")
    assert (await alice.ended("c-1")).was_established and (await bob.ended(call_id)).was_established
    assert not relay.refuse and len(agent.accounts.calls) == 0


async def test_a_call_that_still_rings_is_answered_before_it_moves(
    agent: Agent, other: Agent, relay: RelaySeat, login: Login
) -> None:
    alice, bob, carol = await registered(login, "alice", "bob", "carol")
    call_id = await ringing(alice, bob)
    leaving = asyncio.ensure_future(leave(agent))
    await carol.expect(AccountMoved)  # the departure has been through all accounts
    assert await owner(agent, "s-alice") == ("agent-1", 1)
    await bob.answer(call_id)
    await alice.expect(CallEstablished)
    await leaving
    assert [await owner(agent, seat.session_id) for seat in (alice, bob)] == [("agent-2", 2)] * 2
    alice.agent = "agent-2"
    await alice.hang_up("c-1")
    assert (await bob.ended(call_id)).was_established


async def test_calls_that_are_not_answered_end_when_the_drain_time_is_over(
    agent: Agent, other: Agent, relay: RelaySeat, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await ringing(alice, bob)
    await leave(agent, within=0.2)
    assert not (await alice.ended()).was_established and not (await bob.ended()).was_established
    assert [await owner(agent, seat.session_id) for seat in (alice, bob)] == [("agent-2", 2)] * 2


async def test_a_log_out_reaches_the_new_owner(agent: Agent, other: Agent, login: Login) -> None:
    (alice,) = await registered(login, "alice")
    await leave(agent)
    alice.agent = "agent-2"
    await alice.log_out()
    await alice.registration("unregistered")
    await eventually(lambda: len(other.accounts) == 0)
    assert await agent.services.store.accounts.names() == []


async def test_an_agent_that_is_refused_keeps_its_account(agent: Agent, other: Agent, login: Login) -> None:
    (alice,) = await registered(login, "alice")
    other.accounts.is_draining = True
    account = agent.accounts.find("s-alice")
    assert account is not None
    await agent.departure._move(account)
    assert await owner(agent, "s-alice") == ("agent-1", 1)
    assert len(agent.accounts) == 1 and account.can_move


# -- at somebody else's registrar, played by hand


async def at_registrar(bus: Bus, registrar: SipPeer, agent: str = "agent-1") -> tuple[SessionSeat, Request]:
    """Log alice in; return her session and the REGISTER, which has been answered."""
    account = SipAccount(
        login="alice",
        domain="example.com",
        sealed_password=Seal(SECRET).seal("pw", "s-alice"),
        outbound_proxy=registrar.address,
        transport="udp",
    )
    seat = SessionSeat(bus, agent, "s-alice", account)
    await seat.sit()
    await seat.open()
    register = await registrar.expect("REGISTER")
    accept(registrar, register)
    await seat.registration("registered")
    return seat, register


def accept(registrar: SipPeer, register: Request) -> None:
    registrar.respond(register, 200, headers=[("Contact", f"<{register.contacts[0].uri}>;expires=300")])


def invite(registrar: SipPeer, contact: str, call_id: str = "call-1") -> Request:
    fields = [
        ("From", f"<sip:bob@example.com>;tag={registrar.tag}"),
        ("To", "<sip:alice@example.com>"),
        ("Call-ID", call_id),
        ("CSeq", "1 INVITE"),
        ("Content-Type", "application/sdp"),
    ]
    return registrar.request("INVITE", contact, fields, sdp(4000).encode())


async def test_an_invite_that_comes_in_the_middle_is_served_by_the_new_owner(
    agent: Agent, other: Agent, bus: Bus, relay: RelaySeat
) -> None:
    registrar = await SipPeer.open()
    alice, first = await at_registrar(bus, registrar)
    leaving = asyncio.ensure_future(leave(agent))
    second = await registrar.expect("REGISTER")
    assert second.call_id == first.call_id and second.cseq[0] > first.cseq[0]
    old, new = str(first.contacts[0].uri), str(second.contacts[0].uri)
    assert (old, new) == (f"sip:s-alice@{agent.address}", f"sip:s-alice@{other.address}")
    invite(registrar, old)
    assert (await registrar.response("INVITE", 100)).status == 100
    invite(registrar, old, "call-2")
    accept(registrar, second)
    incoming = await alice.expect(IncomingCall, lambda call: call.agent == "agent-2")
    await alice.expect(IncomingCall, lambda call: call.agent == "agent-2")
    removal = await registrar.expect("REGISTER")
    assert (str(removal.contacts[0].uri), removal.expires) == (old, 0)
    registrar.respond(removal, 200)
    alice.agent = "agent-2"
    await alice.answer(incoming.call_id)
    answered = await registrar.response("INVITE")
    assert (answered.status, str(answered.contacts[0].uri)) == (200, new)
    assert not leaving.done()  # the other one rings: its responses come through the old agent
    leaving.cancel()
    registrar.close()


async def test_a_fork_to_the_old_and_the_new_contact_rings_once(
    agent: Agent, other: Agent, bus: Bus, relay: RelaySeat
) -> None:
    registrar = await SipPeer.open()
    alice, first = await at_registrar(bus, registrar)
    leaving = asyncio.ensure_future(leave(agent))
    second = await registrar.expect("REGISTER")
    for register in (first, second):
        invite(registrar, str(register.contacts[0].uri))
    accept(registrar, second)
    incoming = await alice.expect(IncomingCall)
    assert incoming.agent == "agent-2"
    assert (await registrar.response("INVITE")).status == 482  # the copy that came by the old agent
    assert len([event for event in alice.events if isinstance(event, IncomingCall)]) == 1
    leaving.cancel()
    registrar.close()


async def test_an_invite_that_is_cancelled_while_its_account_moves_rings_nowhere(
    agent: Agent, other: Agent, bus: Bus, relay: RelaySeat
) -> None:
    registrar = await SipPeer.open()
    alice, first = await at_registrar(bus, registrar)
    leaving = asyncio.ensure_future(leave(agent))
    second = await registrar.expect("REGISTER")
    sent = invite(registrar, str(first.contacts[0].uri))
    assert (await registrar.response("INVITE", 100)).status == 100
    cancel = Request("CANCEL", sent.uri, [(name, value) for name, value in sent.headers if name in _CANCEL_FIELDS])
    cancel.headers.set("CSeq", "1 CANCEL")
    registrar._send(cancel, "127.0.0.1", int(agent.address.rpartition(":")[2]))
    assert (await registrar.response("INVITE")).status == 487
    accept(registrar, second)
    registrar.respond(await registrar.expect("REGISTER"), 200)
    await leaving
    assert not [event for event in alice.events if isinstance(event, IncomingCall)]
    registrar.close()


_CANCEL_FIELDS = ("Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards")


async def test_the_old_contact_stays_until_the_new_owner_is_registered(
    agent: Agent, other: Agent, bus: Bus, relay: RelaySeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sip_agent.core.registration.registration.RETRY_FIRST", 0.3)
    registrar = await SipPeer.open()
    alice, first = await at_registrar(bus, registrar)
    leaving = asyncio.ensure_future(leave(agent))
    registrar.respond(await registrar.expect("REGISTER"), 500)
    assert (await alice.registration("failed")).status == 500
    invite(registrar, str(first.contacts[0].uri))
    incoming = await alice.expect(IncomingCall)
    assert incoming.agent == "agent-2"
    again = await registrar.expect("REGISTER")
    assert (str(again.contacts[0].uri), again.expires) == (f"sip:s-alice@{other.address}", 300)
    accept(registrar, again)
    removal = await registrar.expect("REGISTER")
    assert (str(removal.contacts[0].uri), removal.expires) == (str(first.contacts[0].uri), 0)
    leaving.cancel()
    registrar.close()


# -- one of the two dies


async def test_the_adopter_goes_on_when_the_former_owner_dies_right_after_it_has_asked(agent: Agent, bus: Bus) -> None:
    registrar = await SipPeer.open()
    account = SipAccount(
        login="alice",
        domain="example.com",
        sealed_password=Seal(SECRET).seal("pw", "s-alice"),
        outbound_proxy=registrar.address,
        transport="udp",
    )
    record = AccountRecord(
        session_id="s-alice",
        account=account,
        owner="agent-9",
        epoch=4,
        pod="signaling-1",
        register_call_id="r-1",
        register_cseq=100,
    )
    await agent.services.store.accounts.create("s-alice", record)
    seat = SessionSeat(bus, "agent-1", "s-alice", account)
    await seat.sit()
    late = AdoptAccount(id=command_id(), expires_at=expiry(), epoch=4, session_id="s-alice")
    with pytest.raises(RemoteError, match="409"):
        await bus.request(agent_commands("agent-1"), late, Done)
    asked = asyncio.ensure_future(
        seat.ask(AdoptAccount(id=command_id(), expires_at=expiry(), epoch=5, session_id="s-alice"), Done)
    )
    register = await registrar.expect("REGISTER")
    assert (register.call_id, register.cseq[0]) == ("r-1", 101)
    accept(registrar, register)
    assert (await seat.expect(AccountMoved)).epoch == 5
    await asked
    assert await owner(agent, "s-alice") == ("agent-1", 5)
    registrar.close()
