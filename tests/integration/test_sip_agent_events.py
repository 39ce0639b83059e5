"""What other services hear of an agent's calls and registrations; and that calls do not mind if nobody can be told."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.integration.test_sip_agent import (
    DOMAIN,
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
from tests.support.bus_seats import (
    RELAY,
    RelaySeat,
    SessionSeat,
    account,
    eventually,
    eventually_empty,
    pretend_signaling,
)
from tests.support.streams import Reader, reading

from shared.bus import Bus
from shared.errors import RemoteError
from shared.messages import CallQuality, IncomingCall, LegQuality, MediaQuality
from shared.messages.stream import (
    CallEnded,
    CallHeld,
    LegSummary,
    RegistrationChanged,
)
from shared.settings import CommonSettings
from shared.streams import CDR, EVENTS
from shared.subjects import agent_events
from shared.tasks import Tasks
from sip_agent.app import Agent, running
from sip_agent.core.transaction.timers import Timers
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]  # fixtures


@pytest.fixture
async def events(bus: Bus) -> AsyncIterator[Reader]:
    async with reading(bus, EVENTS) as reader:
        yield reader


@pytest.fixture
async def records(bus: Bus) -> AsyncIterator[Reader]:
    async with reading(bus, CDR) as reader:
        yield reader


async def all_over(agent: Agent) -> None:
    """Wait until the ids of the calls can be given again."""
    await eventually_empty(agent.services.store.calls.names)
    await eventually(lambda: len(agent.accounts.calls) == 0)


async def test_a_call_is_told_from_its_start_to_its_record(
    bus: Bus, relay: RelaySeat, login: Login, events: Reader, records: Reader
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    assert (await events.expect(RegistrationChanged, lambda one: one.state == "registered")).pod == "agent-1"
    bobs = await talking(alice, bob)
    await alice.hold("c-1")
    assert await events.expect(CallHeld, lambda one: one.call_id == "c-1" and one.local)
    for mos in (4.0, 3.0):
        leg = LegQuality(side="browser", kind="audio", loss=0.01, mos=mos)
        measured = MediaQuality(media_id="media of s-alice", call_id="c-1", legs=(leg,))
        await bus.publish(agent_events("agent-1"), measured)
        await alice.expect(CallQuality)
    await bob.hang_up(bobs)
    await alice.ended()
    mine, his = [await records.expect(CallEnded, lambda one, of=of: one.call_id == of) for of in ("c-1", bobs)]
    assert (mine.account, mine.direction, mine.caller) == (f"alice@{DOMAIN}", "outgoing", f"sip:alice@{DOMAIN}")
    assert (mine.status, mine.by, mine.agent, mine.relay) == (200, "remote", "agent-1", RELAY)
    assert (his.account, his.direction, his.by) == (f"bob@{DOMAIN}", "incoming", "local")
    for record in (mine, his):
        assert record.ringing_at is not None and record.established_at is not None
        assert record.started_at <= record.ringing_at <= record.established_at <= record.ended_at
        assert record.duration == pytest.approx(record.ended_at - record.established_at, abs=0.01)
    assert mine.quality == (LegSummary(side="browser", kind="audio", loss=0.01, mos=3.5, least_mos=3.0),)
    assert his.quality == ()
    kinds = ["call.started", "call.ringing", "call.established", "call.held", "call.ended"]
    await events.expect(CallEnded, lambda one: one.call_id == "c-1")
    assert events.of_call("c-1") == kinds
    assert len(records.events) == 2


async def test_two_calls_to_which_a_page_gives_one_id_have_a_record_each(
    agent: Agent, relay: RelaySeat, login: Login, records: Reader
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    for _ in range(2):
        await talking(alice, bob)
        await alice.hang_up("c-1")
        await alice.ended()
        await bob.ended()
        await all_over(agent)
    mine = [await records.expect(CallEnded, lambda one: one.call_id == "c-1") for _ in range(2)]
    assert mine[0].id != mine[1].id and mine[0].started_at < mine[1].started_at


async def test_an_agent_without_its_lease_tells_no_end_of_what_may_go_on_elsewhere(
    agent: Agent, relay: RelaySeat, login: Login, events: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    monkeypatch.setattr(agent.services.lease, "held", lambda: False)
    await alice.hang_up("c-1")
    await alice.ended()
    await bob.ended()
    await alice.log_out()
    await events.expect(RegistrationChanged, lambda one: one.state == "unregistered")
    assert not [one for one in events.events if isinstance(one, CallEnded)]


async def test_a_call_that_nobody_answers_has_a_record_without_a_duration(
    relay: RelaySeat, login: Login, records: Reader
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    bobs = await ringing(alice, bob)
    await alice.hang_up("c-1")
    record = await records.expect(CallEnded, lambda one: one.call_id == bobs)
    assert (record.status, record.by, record.duration) == (487, "remote", 0.0)
    assert record.ringing_at is not None and record.established_at is None


async def test_a_call_that_its_session_has_never_heard_of_has_a_record(
    relay: RelaySeat, login: Login, records: Reader
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    bob.refuse = RemoteError(486, "Busy Here")
    await alice.call("bob", "c-1")
    await alice.ended()
    record = await records.expect(CallEnded, lambda one: one.direction == "incoming")
    assert (record.status, record.reason, record.account) == (486, "Busy Here", f"bob@{DOMAIN}")


async def test_a_transferred_call_keeps_its_record_and_names_the_new_far_side(
    relay: RelaySeat, login: Login, records: Reader
) -> None:
    alice, bob, carol = await registered(login, "alice", "bob", "carol")
    bobs = await talking(alice, bob)
    await bob.transfer(bobs, target=f"sip:carol@{DOMAIN}")
    incoming = await carol.expect(IncomingCall)
    await carol.answer(incoming.call_id)
    await bob.ended()
    await alice.hang_up("c-1")
    mine = await records.expect(CallEnded, lambda one: one.call_id == "c-1")
    assert mine.callee == f"sip:carol@{DOMAIN}" and mine.by == "local"
    for other in (bobs, incoming.call_id):
        await records.expect(CallEnded, lambda one, of=other: one.call_id == of)
    assert len(records.events) == 3


async def test_an_agent_that_leaves_tells_the_ends_of_its_calls(settings: Settings) -> None:
    tasks = Tasks("seats")
    bus = await Bus.connect(CommonSettings(nats_url=settings.nats_url, pod="seats"))
    pretend_signaling(bus, tasks)
    relay = RelaySeat()
    await relay.sit(bus)
    async with running(settings, Timers(t1=0.02, t2=0.16, t4=0.2)):
        alice, bob = [
            SessionSeat(bus, "agent-1", f"s-{name}", account(SECRET, f"s-{name}", name, f"{name}-password", DOMAIN))
            for name in ("alice", "bob")
        ]
        for seat in (alice, bob):
            await seat.sit()
            await seat.open()
            await seat.registration("registered")
        bobs = await talking(alice, bob)
    async with reading(bus, CDR) as records:
        ends = [await records.expect(CallEnded, lambda one, of=of: one.call_id == of) for of in ("c-1", bobs)]
    assert {(end.status, end.reason, end.by) for end in ends} <= {
        (480, "Agent Draining", "system"),
        (480, "Agent Draining", "remote"),
        (200, "Normal Call Clearing", "remote"),
    }
    await tasks.aclose()
    await bus.aclose()


async def test_calls_do_not_mind_a_stream_that_is_gone(agent: Agent, bus: Bus, relay: RelaySeat, login: Login) -> None:
    await bus.jetstream().delete_stream(CDR)
    await bus.jetstream().delete_stream(EVENTS)
    alice, bob = await registered(login, "alice", "bob")
    for _ in range(3):
        async with asyncio.timeout(5):
            await talking(alice, bob)
            await alice.hang_up("c-1")
            await alice.ended()
            assert (await bob.ended()).was_established
        await all_over(agent)
