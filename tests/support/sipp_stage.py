"""One sip-agent for all tests of a file, and a session of it whose SIP server is a sipp: both call the other one.

The relay and the session are played on the bus, NATS and SIP over UDP are real.
"""

import itertools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from shared.bus import Bus
from shared.messages import CallEnded, CallEstablished, CallProgress, IncomingCall
from shared.settings import CommonSettings
from shared.tasks import Tasks
from sip_agent.app import Agent, running
from sip_agent.core.transaction.timers import Timers
from sip_agent.settings import Settings

from .bus_seats import RelaySeat, SessionSeat, account, eventually_empty, pretend_signaling
from .nats import nats_server
from .processes import free_ports
from .sipp import Sipp, sipp

SECRET = "a secret of many letters"
DOMAIN = "cordboard.local"

_numbers = itertools.count(1)


class FarSide:
    """The sipp at `port`, which is the SIP server of a session."""

    def __init__(self, agent: Agent, user: str, port: int) -> None:
        self.agent = agent
        self.user = user
        self.port = port

    def is_called(
        self, scenario: str, *options: str, calls: int = 1, **values: str
    ) -> AbstractAsyncContextManager[Sipp]:
        """Play a scenario that waits for the session's requests."""
        return sipp(scenario, *options, port=self.port, calls=calls, **values)

    def calls(self, scenario: str, *options: str, calls: int = 1, **values: str) -> AbstractAsyncContextManager[Sipp]:
        """Play a scenario that begins with a request to the session."""
        target = self.agent.address
        return sipp(scenario, "-s", self.user, *options, to=target, port=self.port, calls=calls, **values)


async def start_call(alice: SessionSeat, callee: str = "bob") -> str:
    """Let a session call the far side; return the call's id."""
    call_id = f"call-{next(_numbers)}"
    await alice.call(callee, call_id)
    return call_id


async def ringing(alice: SessionSeat) -> None:
    """Wait until a session hears that the far side rings."""
    await alice.expect(CallProgress, lambda event: event.status == 180)


async def taken(alice: SessionSeat) -> str:
    """Let a session take the next incoming call; return the call's id."""
    call_id = (await alice.expect(IncomingCall)).call_id
    await alice.answer(call_id)
    await alice.expect(CallEstablished)
    return call_id


async def hung_up(alice: SessionSeat, call_id: str) -> None:
    """Let a session end an established call."""
    await alice.hang_up(call_id)
    assert summary(await alice.ended(call_id)) == (200, "local", True)


def summary(end: CallEnded) -> tuple[int, str, bool]:
    """What an end is told from another one by: status, whose it is, whether they had talked."""
    return end.status, end.by, end.was_established


@pytest.fixture(scope="module")
def timers() -> Timers:
    """Those of the RFC. sipp takes an INVITE that comes again after two responses for another one: none may come."""
    return Timers()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Files change what they need."""
    users: Path = tmp_path_factory.mktemp("users") / "users.toml"
    users.write_text('[users]\nalice = "alice-password"\ncarol = "carol-password"\ndave = "dave-password"\n')
    return Settings(
        pod="agent-1",
        sip_host="127.0.0.1",
        sip_port=0,
        sip_tls_port=0,
        allowed_destinations=("127.0.0.0/8:1-65535",),
        secret=SECRET,
        users=str(users),
        domain=DOMAIN,
        ring_seconds=20.0,
        drain_seconds=0.0,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent(settings: Settings, timers: Timers) -> AsyncIterator[Agent]:
    """The agent under test; at the end nothing is left of all that was done with it."""
    async with nats_server() as url, running(msgspec.structs.replace(settings, nats_url=url), timers) as agent:
        yield agent
    assert len(agent.services.tasks) == 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bus(agent: Agent) -> AsyncIterator[Bus]:
    """The bus that the seats have, with a signaling pod on it."""
    tasks = Tasks("seats")
    bus = await Bus.connect(CommonSettings(nats_url=agent.services.settings.nats_url, pod="seats"))
    pretend_signaling(bus, tasks)
    yield bus
    await tasks.aclose()
    await bus.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def all_media(bus: Bus) -> RelaySeat:
    """The relay's seat."""
    seat = RelaySeat()
    await seat.sit(bus)
    return seat


@pytest.fixture
def relay(all_media: RelaySeat) -> RelaySeat:
    """The relay's seat, with nothing in it of the tests before."""
    all_media.commands.clear()
    all_media.is_held = False
    all_media.refuse = None
    return all_media


@pytest.fixture
def far(agent: Agent) -> FarSide:
    """The far side of `alice`."""
    return FarSide(agent, f"s-{next(_numbers)}", free_ports())


@pytest_asyncio.fixture(loop_scope="module")
async def alice(agent: Agent, bus: Bus, relay: RelaySeat, far: FarSide) -> AsyncIterator[SessionSeat]:
    """A session whose account is at `far`, which asks for no registration; at the end it has no call."""
    at_far = msgspec.structs.replace(
        account(SECRET, far.user, "alice", "secret", "127.0.0.1"), port=far.port, register_required=False
    )
    seat = SessionSeat(bus, "agent-1", far.user, at_far)
    await seat.sit()
    await seat.open()
    yield seat
    await eventually_empty(agent.services.store.calls.names)  # once the detail record of its call is kept
    await seat.log_out()
    await seat.leave()


@pytest_asyncio.fixture(loop_scope="module")
async def member(agent: Agent, bus: Bus, relay: RelaySeat) -> AsyncIterator[SessionSeat]:
    """A session of an address of the built-in domain."""
    session_id = f"s-{next(_numbers)}"
    at_home = account(SECRET, session_id, "alice", "alice-password", DOMAIN)
    seat = SessionSeat(bus, "agent-1", session_id, at_home)
    await seat.sit()
    await seat.open()
    await seat.registration("registered")
    yield seat
    await seat.log_out()
    await seat.registration("unregistered")  # till then calls to its address reach it beside the next one's
    await seat.leave()
