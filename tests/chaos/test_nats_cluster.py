"""Three NATS servers, every record in three places: one dies, each is renewed, all are away. Media does not notice."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import msgspec
import pytest
from tests.support.bus_seats import RelaySeat, SessionSeat, account, command_id, pretend_signaling, sdp
from tests.support.measured_calls import MeasuredPage, MeasuredPhone
from tests.support.nats_cluster import NatsCluster, nats_cluster
from tests.support.pace import spend
from tests.support.services import SECRET, Cordboard, cordboard
from tests.support.sip_peer import PeerDialog, SipPeer
from tests.support.until import until

from shared.bus import Bus, expiry
from shared.errors import DeadlineExceeded, NoOwner, RemoteError
from shared.kv import LEASE_TTL
from shared.messages import (
    AttachSession,
    CallEnded,
    CallEstablished,
    CallProgress,
    Done,
    Message,
    Probe,
    SessionSnapshot,
    SipAccount,
)
from shared.settings import CommonSettings
from shared.tasks import Tasks
from sip_agent.core.syntax.message import Request
from sip_agent.ownership.lease import RENEW_EVERY

pytestmark = pytest.mark.timeout(180)  # elections take their time, several of them longer

LEADERLESS_SECONDS = 20.0  # an election takes 4 to 9 s, and may be held again
HARDLY_NOTICED = 1.0  # what a busy machine may take; NATS has no part in media
PLAYED = "relay-played"
_numbers = itertools.count(1)


async def _done(_: Message) -> Message:
    return Done()


async def _is_heard(there: Bus, here: str) -> bool:
    try:
        await there.request(here, Probe(id=command_id(), expires_at=expiry()), Done)
    except NoOwner:
        return False
    return True


@dataclass
class Stage:
    """A cluster on three NATS servers, a call that is measured, and the SIP server of other accounts."""

    nats: NatsCluster
    cluster: Cordboard
    page: MeasuredPage
    phone: MeasuredPhone
    server: SipPeer

    async def session(self, name: str) -> SessionSeat:
        """Log in somebody whose account is at the SIP server."""
        seat = SessionSeat(self.cluster.bus, self.page.agent, f"s-{name}", at(self.server.address, f"s-{name}"))
        seat.relay = PLAYED
        await seat.sit()
        await seat.open()
        return seat

    async def ring(self, seat: SessionSeat, call_id: str) -> Request:
        """Call the far side until that rings."""
        await seat.call("bob", call_id)
        invite = await self.server.expect("INVITE")
        self.server.respond(invite, 180)
        await seat.expect(CallProgress, lambda event: event.status == 180)
        return invite

    async def answer(self, seat: SessionSeat, invite: Request) -> None:
        """Let the far side answer until both are through: what is not in its record yet is not acknowledged."""
        self.server.respond(invite, 200, sdp(30000))
        await self.server.expect("ACK", LEADERLESS_SECONDS)
        await seat.expect(CallEstablished)

    async def hang_up(self, seat: SessionSeat, call_id: str) -> None:
        """End a call."""
        await seat.hang_up(call_id)
        self.server.respond(await self.server.expect("BYE"), 200)
        assert (await seat.ended(call_id)).was_established

    async def call(self, seat: SessionSeat) -> None:
        """Make a whole call."""
        call_id = f"c-{seat.session_id}-{next(_numbers)}"
        await self.answer(seat, await self.ring(seat, call_id))
        await self.hang_up(seat, call_id)

    async def calls_of(self, seat: SessionSeat) -> dict[str, str]:
        """Ask the agent what signaling asks when NATS is back: the calls, and how they stand."""
        attach = AttachSession(id=command_id(), expires_at=expiry(), session_id=seat.session_id, pod="signaling-1")
        return {call.call_id: call.state for call in (await seat.ask(attach, SessionSnapshot)).calls}

    async def is_kept(self, seat: SessionSeat, call_id: str, dark_since: float) -> bool:
        """Whether a call goes on that was answered in the dark; else its agent's lease had run out meanwhile."""
        calls: dict[str, str] = {}

        async def is_known() -> bool:
            calls.clear()
            try:
                calls.update(await self.calls_of(seat))
            except RemoteError:  # the agent is not back in touch
                return False
            return calls.get(call_id) != "ringing"

        await until(is_known, LEADERLESS_SECONDS)
        is_kept = calls.get(call_id) == "established"
        assert is_kept or now() - dark_since > LEASE_TTL - RENEW_EVERY, calls
        return is_kept

    async def in_touch(self) -> None:
        """Return once every pod has found a server, every stream somebody who decides, and we are heard from each."""

        async def is_connected() -> bool:
            pods = [await pod.metrics("gauge") for pod in (*self.cluster.agents, *self.cluster.relays)]
            return self.cluster.bus.connected and all(pod["cordboard_nats_connected"] for pod in pods)

        await self.nats.until_led()
        await until(is_connected, within=30.0)
        here = f"tests.{next(_numbers)}.here"  # known later than all that the seats listen to
        await self.cluster.bus.serve(here, _done)
        for server in self.nats.servers:
            if server.alive:
                there = await Bus.connect(CommonSettings(pod="elsewhere", nats_url=server.url))
                await until(partial(_is_heard, there, here), within=30.0)
                await there.aclose()

    async def heard_all_the_time_since(self, begin: float) -> None:
        """Fail where an end of the measured call did not hear the other for a while."""
        ears = {"page": self.page.ear, "phone": self.phone.ear}
        await asyncio.gather(*(ear.hears() for ear in ears.values()))
        gaps = {name: ear.gap_since(begin) for name, ear in ears.items()}
        assert max(gaps.values()) < HARDLY_NOTICED, gaps
        assert not [event for event in self.page.events if isinstance(event, CallEnded)]

    async def nothing_is_left(self) -> None:
        """End the measured call; fail where a call or its media is somewhere all the same."""
        await self.page.hang_up(self.page.call_id)
        await self.page.ended()
        sessions = "cordboard_media_relay_sessions_active"

        async def is_empty() -> bool:
            busy = [(await relay.metrics("gauge"))[sessions] for relay in self.cluster.relays]
            return not any(busy) and not await self.cluster.store.calls.names()

        await until(is_empty, within=30.0)


def at(server: str, session_id: str) -> SipAccount:
    """An account at a SIP server that wants no registration."""
    theirs = account(SECRET, session_id, "alice", "secret", "example.com")
    return msgspec.structs.replace(theirs, outbound_proxy=server, transport="udp", register_required=False)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    tasks = Tasks("ends")
    async with contextlib.AsyncExitStack() as stack:
        servers = await stack.enter_async_context(nats_cluster())
        cluster = await stack.enter_async_context(
            cordboard(nats=servers, signaling=0, agents=1, relays=1, KV_REPLICAS=str(len(servers.servers)))
        )
        stack.push_async_callback(tasks.aclose)
        pretend_signaling(cluster.bus, tasks)
        await RelaySeat(PLAYED).sit(cluster.bus)
        server = await SipPeer.open()
        stack.callback(server.close)
        phone = await MeasuredPhone.open(tasks)
        stack.callback(phone.close)
        page = MeasuredPage(cluster.bus, cluster.agents[0].name, tasks, cluster.relays[0].name)
        page.account = at(phone.sip.address, page.session_id)
        stack.push_async_callback(page.aclose)
        await page.sit()
        await page.open()
        await page.dial("bob")
        await asyncio.gather(page.ear.hears(), phone.ear.hears())
        await servers.until_whole()
        yield Stage(servers, cluster, page, phone, server)


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_calls_outlive_the_server_that_decides_about_them(stage: Stage) -> None:
    alice, bob = await stage.session("alice"), await stage.session("bob")
    invite = await stage.ring(alice, "c-ringing")
    begin = now()
    for number in range(2):  # the second one can be spared only if the first is whole again
        leader = await stage.nats.leader("KV_calls")
        await leader.kill()
        if not number:
            await stage.answer(alice, invite)
        await stage.in_touch()
        await stage.call(bob)
        await stage.heard_all_the_time_since(begin)
        await leader.start()
        await stage.nats.until_whole()
    await stage.hang_up(alice, "c-ringing")
    await stage.nothing_is_left()


async def test_while_servers_are_renewed_one_by_one_calls_go_on_and_others_are_made(stage: Stage) -> None:
    alice = await stage.session("alice")
    begin = now()
    for server in stage.nats.servers:
        await server.stop()
        await stage.in_touch()  # until then a call may be refused with 503
        await stage.call(alice)
        await server.start()
        await stage.nats.until_whole()
        await stage.in_touch()
        await stage.call(alice)
    await stage.heard_all_the_time_since(begin)
    await stage.nothing_is_left()


@pytest.mark.parametrize("away", [4.0, LEASE_TTL + 1.0])  # seconds; `make chaos` of the whole table has 10
async def test_without_nats_calls_go_on_and_what_is_asked_fails_truthfully(stage: Stage, away: float) -> None:
    alice, bob, carol = [await stage.session(name) for name in ("alice", "bob", "carol")]
    ringing = await stage.ring(alice, "c-ringing")
    leaving = await stage.ring(bob, "c-leaving")
    await stage.answer(bob, leaving)
    begin = now()
    await asyncio.gather(*(server.kill() for server in stage.nats.servers))
    with pytest.raises(DeadlineExceeded):
        await stage.page.hang_up(stage.page.call_id)
    with pytest.raises(DeadlineExceeded):
        await carol.call("bob", "c-impossible")
    stage.server.respond(ringing, 200, sdp(30000))
    PeerDialog(stage.server, received=leaving).send("BYE")
    assert (await stage.server.response("BYE")).status == 200
    await spend(max(0.0, away - (now() - begin)))
    assert not [event for event in alice.events if isinstance(event, CallEstablished)]
    await asyncio.gather(*(server.start() for server in stage.nats.servers))
    # What was said in the dark is recorded and told now; what was asked in the dark is too old to be done.
    is_kept = await stage.is_kept(alice, "c-ringing", begin)
    if is_kept:
        await stage.server.expect("ACK")
    await stage.nats.until_whole()
    assert await stage.calls_of(alice) == ({"c-ringing": "established"} if is_kept else {})
    assert await stage.calls_of(bob) == {}
    assert await stage.calls_of(carol) == {}
    await stage.in_touch()
    await stage.call(carol)
    assert stage.server.unread("INVITE") == []
    await stage.heard_all_the_time_since(begin)
    if is_kept:
        await stage.hang_up(alice, "c-ringing")
    await stage.nothing_is_left()
