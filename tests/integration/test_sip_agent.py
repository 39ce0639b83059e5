"""One sip-agent with a real NATS server and real SIP over UDP; relay and sessions are played on the bus."""

import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from shared.bus import Bus
from shared.errors import RemoteError
from shared.messages import CallEstablished, CallProgress, IncomingCall
from shared.settings import CommonSettings
from shared.tasks import Tasks
from sip_agent.app import Agent, running
from sip_agent.settings import Settings
from tests.support.bus_seats import RelaySeat, SessionSeat, account, pretend_signaling, sdp

SECRET = "a secret of many letters"
DOMAIN = "cordboard.local"


@pytest.fixture
def users(tmp_path) -> str:  # type: ignore[no-untyped-def]
    path = tmp_path / "users.toml"
    path.write_text('[users]\nalice = "alice password"\nbob = "bob password"\ncarol = "carol password"\n')
    return str(path)


@pytest.fixture
async def agent(nats_url: str, users: str) -> AsyncIterator[Agent]:
    settings = Settings(
        nats_url=nats_url, pod="agent-1", sip_host="127.0.0.1", sip_port=0, secret=SECRET, users=users, domain=DOMAIN
    )
    async with running(settings) as agent:
        yield agent
    assert len(agent.services.tasks) == 0


@pytest.fixture
async def bus(nats_url: str, agent: Agent) -> AsyncIterator[Bus]:
    bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod="seats"))
    tasks = Tasks("seats")
    pretend_signaling(bus, tasks)
    yield bus
    await tasks.aclose()
    await bus.aclose()


@pytest.fixture
async def relay(bus: Bus) -> RelaySeat:
    seat = RelaySeat()
    await seat.sit(bus)
    return seat


Login = Callable[..., contextlib.AbstractAsyncContextManager[SessionSeat]]


@pytest.fixture
async def login(bus: Bus, agent: Agent) -> Login:
    async def log_in(name: str, password: str = "", session_id: str = "") -> SessionSeat:
        session_id = session_id or f"s-{name}"
        seat = SessionSeat(
            bus,
            "agent-1",
            session_id,
            account(SECRET, session_id, name, password or f"{name} password", DOMAIN),
        )
        await seat.sit()
        await seat.open()
        return seat

    return log_in


async def registered(login, *names: str) -> list[SessionSeat]:  # type: ignore[no-untyped-def]
    seats = [await login(name) for name in names]
    for seat in seats:
        assert (await seat.registration("registered")).expires == 300
    return seats


async def test_two_sessions_of_the_built_in_domain_call_each_other(agent: Agent, relay: RelaySeat, login) -> None:  # type: ignore[no-untyped-def]
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
