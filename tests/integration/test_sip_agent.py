"""One sip-agent with a real NATS server and real SIP over UDP; relay and sessions are played on the bus."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.support.bus_seats import (
    RelaySeat,
    SessionSeat,
    account,
    command_id,
    eventually,
    eventually_empty,
    pretend_signaling,
    sdp,
)

from shared.bus import Bus, expiry
from shared.errors import RemoteError
from shared.messages import (
    AnswerMedia,
    AttachSession,
    CallEstablished,
    CallProgress,
    DetachSession,
    Done,
    IncomingCall,
    SessionEnded,
    SessionSnapshot,
    SipAccount,
)
from shared.records import AccountRecord, AgentLease
from shared.sealing import account_password
from shared.settings import CommonSettings
from shared.store import open_store
from shared.tasks import Tasks
from sip_agent.app import Agent, running
from sip_agent.core.transaction.timers import Timers
from sip_agent.settings import Settings

SECRET = "a secret of many letters"
DOMAIN = "cordboard.local"


Login = Callable[..., Awaitable[SessionSeat]]


@pytest.fixture
def settings(nats_url: str, tmp_path: Path) -> Settings:
    users = tmp_path / "users.toml"
    users.write_text('[users]\nalice = "alice-password"\nbob = "bob-password"\ncarol = "carol-password"\n')
    return Settings(
        nats_url=nats_url,
        pod="agent-1",
        sip_host="127.0.0.1",
        sip_port=0,
        sip_tls_port=0,
        allowed_destinations=("127.0.0.0/8:1-65535",),
        secret=SECRET,
        users=str(users),
        domain=DOMAIN,
        ring_seconds=20.0,
        grace_seconds=0.2,
        media_grace_seconds=0.2,
        drain_seconds=0.0,  # tests leave calls behind
    )


@pytest.fixture
async def agent(settings: Settings) -> AsyncIterator[Agent]:
    # T1 of 20 ms: the transactions of a test are gone 1.3 s after its last message.
    async with running(settings, Timers(t1=0.02, t2=0.16, t4=0.2)) as agent:
        yield agent
    assert len(agent.services.tasks) == 0


@pytest.fixture
async def signaling_tasks() -> AsyncIterator[Tasks]:
    tasks = Tasks("seats")
    yield tasks
    await tasks.aclose()


@pytest.fixture
async def bus(nats_url: str, agent: Agent, signaling_tasks: Tasks) -> AsyncIterator[Bus]:
    bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod="seats"))
    pretend_signaling(bus, signaling_tasks)
    yield bus
    await signaling_tasks.aclose()
    await bus.aclose()


@pytest.fixture
async def relay(bus: Bus) -> RelaySeat:
    seat = RelaySeat()
    await seat.sit(bus)
    return seat


@pytest.fixture
async def login(bus: Bus, agent: Agent) -> Login:
    async def log_in(name: str, password: str = "", session_id: str = "") -> SessionSeat:
        session_id = session_id or f"s-{name}"
        sealed = account(SECRET, session_id, name, password or f"{name}-password", DOMAIN)
        seat = SessionSeat(bus, "agent-1", session_id, sealed)
        await seat.sit()
        await seat.open()
        return seat

    return log_in


async def registered(login: Login, *names: str) -> list[SessionSeat]:
    seats = [await login(name) for name in names]
    for seat in seats:
        assert (await seat.registration("registered")).expires == 300
    return seats


async def ringing(alice: SessionSeat, bob: SessionSeat) -> str:
    """Let alice call bob until both have heard of it; return the call's id at bob."""
    await alice.call("bob", "c-1")
    incoming = await bob.expect(IncomingCall)
    await alice.expect(CallProgress, lambda event: event.state == "ringing")
    return incoming.call_id


async def talking(alice: SessionSeat, bob: SessionSeat) -> str:
    """Let alice call bob until both are through; return the call's id at bob."""
    call_id = await ringing(alice, bob)
    await bob.answer(call_id)
    await alice.expect(CallEstablished)
    await bob.expect(CallEstablished)
    return call_id


async def nothing_left(agent: Agent, *seats: SessionSeat) -> None:
    """Wait until logged-out sessions have left no record, no transaction and no work behind."""
    for seat in seats:
        await seat.log_out()
    store = agent.services.store
    for bucket in (store.accounts, store.calls, store.locations):
        await eventually_empty(bucket.names)
    # The lease, the loop's lag, the watches of pods, agents and relays, the spreading, and the heartbeat remain.
    await eventually(lambda: agent.services.endpoint.live == len(agent.accounts.calls) == 0)
    await eventually(lambda: len(agent.services.tasks) == 7)


async def test_two_sessions_of_the_built_in_domain_call_each_other(
    agent: Agent, relay: RelaySeat, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await alice.call("bob", "c-1")
    incoming = await bob.expect(IncomingCall)
    assert (incoming.caller, incoming.sip_sdp) == (f"sip:alice@{DOMAIN}", sdp(10000))
    assert (await alice.expect(CallProgress, lambda event: event.state == "ringing")).status == 180
    await bob.answer(incoming.call_id)
    established = await alice.expect(CallEstablished)
    assert established.browser_sdp == "browser sdp for " + sdp(20000)
    await bob.expect(CallEstablished)
    assert len(await agent.services.store.calls.names()) == 2
    await alice.hang_up("c-1")
    ends = [await alice.ended(), await bob.ended()]
    assert [(end.status, end.by, end.was_established) for end in ends] == [
        (200, "local", True),
        (200, "remote", True),
    ]
    await nothing_left(agent, alice, bob)
    assert sorted(relay.released) == ["media of s-alice", "media of s-bob"]


async def test_the_called_one_hangs_up(relay: RelaySeat, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await bob.hang_up(await talking(alice, bob))
    assert [(end.status, end.by) for end in (await bob.ended(), await alice.ended())] == [
        (200, "local"),
        (200, "remote"),
    ]


async def test_the_caller_gives_up_while_it_rings(agent: Agent, relay: RelaySeat, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await ringing(alice, bob)
    await alice.hang_up("c-1")
    assert [(end.status, end.by, end.was_established) for end in (await alice.ended(), await bob.ended())] == [
        (487, "local", False),
        (487, "remote", False),
    ]
    await nothing_left(agent, alice, bob)
    assert sorted(relay.released) == ["media of s-alice", "media of s-bob"]


@pytest.mark.parametrize(("status", "reason"), [(486, "Busy Here"), (603, "Decline"), (480, "Gone For Lunch")])
async def test_the_called_one_refuses(relay: RelaySeat, login: Login, status: int, reason: str) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await bob.hang_up(await ringing(alice, bob), status, reason)
    assert [(end.status, end.reason, end.by) for end in (await bob.ended(), await alice.ended())] == [
        (status, reason, "local"),
        (status, reason, "remote"),
    ]


async def test_all_contacts_of_an_address_ring_and_the_first_answer_wins(relay: RelaySeat, login: Login) -> None:
    (alice,) = await registered(login, "alice")
    desk, sofa = await login("bob", session_id="s-desk"), await login("bob", session_id="s-sofa")
    for seat in (desk, sofa):
        await seat.registration("registered")
    await alice.call("bob", "c-1")
    calls = [(await seat.expect(IncomingCall)).call_id for seat in (desk, sofa)]
    await sofa.answer(calls[1])
    await alice.expect(CallEstablished)
    lost = await desk.ended(calls[0])
    assert (lost.status, lost.by, lost.was_established) == (487, "remote", False)
    await alice.hang_up("c-1")
    assert (await sofa.ended()).was_established


@pytest.mark.parametrize(("callee", "status"), [("nobody", 404), ("carol", 480), (f"sip:nobody@{DOMAIN}", 404)])
async def test_who_is_not_there_is_told_from_who_does_not_exist(
    agent: Agent, relay: RelaySeat, login: Login, callee: str, status: int
) -> None:
    (alice,) = await registered(login, "alice")
    await alice.call(callee, "c-1")
    end = await alice.ended()
    assert (end.status, end.by) == (status, "remote")
    await nothing_left(agent, alice)
    assert relay.released == ["media of s-alice"]


async def test_a_session_without_a_socket_is_unavailable_at_once(relay: RelaySeat, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await bob.leave()
    await alice.call("bob", "c-1")
    assert (await alice.ended()).status == 480


async def test_what_signaling_refuses_the_caller_hears(relay: RelaySeat, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    bob.refuse = RemoteError(503, "No Media Relay")
    await alice.call("bob", "c-1")
    end = await alice.ended()
    # The domain's proxy turns a 503 of a branch into 500 (RFC 3261 section 16.7): it is not the proxy that is away.
    assert (end.status, end.reason) == (500, "No Media Relay")


async def test_a_wrong_password_fails_with_the_status_of_the_registrar(login: Login) -> None:
    alice = await login("alice", password="guessed")
    failed = await alice.registration("failed")
    assert (failed.status, failed.reason) == (401, "Unauthorized")


async def test_a_user_who_came_with_a_token_registers_with_the_derived_password(login: Login) -> None:
    dave = await login("dave", password=account_password(SECRET, f"dave@{DOMAIN}"))
    assert (await dave.registration("registered")).status == 200


async def test_a_server_that_does_not_answer_fails_the_registration(bus: Bus) -> None:
    away = SipAccount(login="alice", domain="example.test", outbound_proxy="127.0.0.1:9")
    seat = SessionSeat(bus, "agent-1", "s-away", away)
    await seat.sit()
    await seat.open()
    assert (await seat.registration("failed")).status in (408, 503)


async def test_a_relay_that_refuses_the_answer_ends_the_call(relay: RelaySeat, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    call_id = await ringing(alice, bob)
    relay.refuse = RemoteError(488, "No Common Codec")
    await bob.answer(call_id)
    assert [(end.status, end.reason) for end in (await bob.ended(), await alice.ended())] == [
        (488, "No Common Codec"),
        (488, "No Common Codec"),
    ]
    assert isinstance(relay.commands[0], AnswerMedia)


async def test_a_resumed_session_is_shown_its_registration_and_calls(bus: Bus, relay: RelaySeat, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    detach = DetachSession(
        id=command_id(), expires_at=expiry(), session_id="s-alice", pod="signaling-1", grace_seconds=5
    )
    await alice.ask(detach, Done)
    attach = AttachSession(id=command_id(), expires_at=expiry(), session_id="s-alice", pod="signaling-1")
    snapshot = await alice.ask(attach, SessionSnapshot)
    assert snapshot.registration == "registered"
    (call,) = snapshot.calls
    assert (call.call_id, call.direction, call.state) == ("c-1", "outgoing", "established")
    assert call.browser_sdp == "browser sdp for " + sdp(20000)


async def test_a_session_that_does_not_come_back_ends_with_its_calls(relay: RelaySeat, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    detach = DetachSession(
        id=command_id(), expires_at=expiry(), session_id="s-alice", pod="signaling-1", grace_seconds=0.05
    )
    await alice.ask(detach, Done)
    end = await bob.ended()
    assert (end.status, end.reason, end.by) == (480, "Session Lost", "remote")
    assert (await alice.expect(SessionEnded)).reason == "account closed"


async def test_sessions_of_a_signaling_pod_that_falls_silent_get_the_grace_time(
    agent: Agent, relay: RelaySeat, login: Login, signaling_tasks: Tasks
) -> None:
    (alice,) = await registered(login, "alice")
    await signaling_tasks.aclose()
    # Unheard for 3 s, then a grace of 0.2 s.
    assert (await alice.expect(SessionEnded, within=10.0)).reason == "account closed"
    await eventually_empty(agent.services.store.locations.names)


async def test_an_account_of_another_live_agent_is_refused_and_one_of_a_dead_agent_is_taken(
    agent: Agent, bus: Bus
) -> None:
    store = agent.services.store
    theirs = account(SECRET, "s-1", "alice", "alice-password", DOMAIN)
    record = AccountRecord(session_id="s-1", account=theirs, owner="agent-2", epoch=4, pod="p", register_call_id="r")
    await store.accounts.create("s-1", record)
    await store.leases.create("agent-2", AgentLease(agent="agent-2", incarnation="i", address="a"))
    seat = SessionSeat(bus, "agent-1", "s-1", theirs)
    await seat.sit()
    with pytest.raises(RemoteError, match="409"):
        await seat.open()
    await store.leases.delete("agent-2")
    assert (await seat.open()).epoch == 5
    await seat.registration("registered")


async def test_a_command_of_a_former_ownership_is_refused(bus: Bus, login: Login, agent: Agent) -> None:
    await agent.services.store.accounts.create(
        "s-alice",
        AccountRecord(
            session_id="s-alice",
            account=account(SECRET, "s-alice", "alice", "alice-password", DOMAIN),
            owner="agent-0",
            epoch=2,
            pod="p",
        ),
    )
    alice = await login("alice")
    stale = DetachSession(
        id=command_id(), expires_at=expiry(), epoch=2, session_id="s-alice", pod="signaling-1", grace_seconds=5
    )
    with pytest.raises(RemoteError, match="409 Old Epoch"):
        await alice.ask(stale, Done)


async def test_opening_an_account_again_changes_nothing(login: Login, agent: Agent) -> None:
    (alice,) = await registered(login, "alice")
    assert (await alice.open()).epoch == 1
    assert len(agent.accounts) == 1


async def test_a_leaving_agent_ends_its_calls_and_removes_everything(settings: Settings, nats_url: str) -> None:
    bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod="seats"))
    relay = RelaySeat()
    await relay.sit(bus)
    seats = []
    async with running(settings, Timers(t1=0.02, t2=0.16, t4=0.2)) as agent:
        for name in ("alice", "bob"):
            sealed = account(SECRET, f"s-{name}", name, f"{name}-password", DOMAIN)
            seat = SessionSeat(bus, "agent-1", f"s-{name}", sealed)
            await seat.sit()
            await seat.open()
            await seat.registration("registered")
            seats.append(seat)
        await talking(seats[0], seats[1])
    assert len(agent.services.tasks) == 0
    for seat in seats:
        assert (await seat.ended()).was_established
        await seat.expect(SessionEnded)
    assert sorted(relay.released) == ["media of s-alice", "media of s-bob"]
    store = await open_store(bus)
    assert [await bucket.names() for bucket in (store.accounts, store.calls, store.locations, store.leases)] == [[]] * 4
    await bus.aclose()
