"""What the tests of this room share: a cluster, sessions at its agents, and what they are told when one dies."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec
from tests.support.bus_seats import RelaySeat, SessionSeat, account, pretend_signaling, sdp
from tests.support.services import DOMAIN, SECRET, USERS, Cordboard, Pod, cordboard
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.messages import AccountMoved, AdoptMedia, CallEstablished, CallProgress, IncomingCall
from shared.tasks import Tasks
from sip_agent.core.syntax.message import Request

TAKEN_OVER_WITHIN = 10.0


@dataclass
class Stage:
    """A cluster of agents, and the relay's seat."""

    cluster: Cordboard
    relay: RelaySeat

    @property
    def agents(self) -> list[Pod]:
        """The agents, killed ones too."""
        return self.cluster.agents

    def pod(self, name: str) -> Pod:
        """Return an agent by its name."""
        return next(pod for pod in self.agents if pod.name == name)

    async def at_server(
        self, server: SipPeer, agent: Pod, name: str = "alice", is_registering: bool = False
    ) -> SessionSeat:
        """A session of that agent whose account is at somebody else's server."""
        session_id = f"s-{name}"
        theirs = msgspec.structs.replace(
            account(SECRET, session_id, name, "secret", "example.com"),
            outbound_proxy=server.address,
            transport="udp",
            register_required=is_registering,
        )
        seat = SessionSeat(self.cluster.bus, agent.name, session_id, theirs)
        await seat.sit()
        await seat.open()
        return seat

    async def at_home(self, agent: Pod, *names: str) -> list[SessionSeat]:
        """Sessions of that agent whose accounts are of the built-in domain, registered."""
        seats = []
        for name in names:
            own = account(SECRET, f"s-{name}", name, USERS[name], DOMAIN)
            seat = SessionSeat(self.cluster.bus, agent.name, f"s-{name}", own)
            await seat.sit()
            await seat.open()
            await seat.registration("registered")
            seats.append(seat)
        return seats

    def adopters(self, media_id: str) -> list[tuple[str, int]]:
        """Who has told the relay to have a media session, and under which epoch."""
        told = [one for one in self.relay.commands if isinstance(one, AdoptMedia) and one.media_id == media_id]
        return [(one.agent, one.epoch) for one in told]


@contextlib.asynccontextmanager
async def staged(agents: int, **settings: str) -> AsyncIterator[Stage]:
    """Run a cluster while the block runs."""
    tasks = Tasks("seats")
    async with cordboard(signaling=0, agents=agents, relays=0, **settings) as cluster:
        pretend_signaling(cluster.bus, tasks)
        relay = RelaySeat()
        await relay.sit(cluster.bus)
        await know_each_other(cluster)
        yield Stage(cluster, relay)
        await tasks.aclose()


async def know_each_other(cluster: Cordboard) -> None:
    """Wait until every agent has heard long enough for the silence of another to count."""
    async with asyncio.timeout(15):
        while not all(["ready to judge" in pod.process.log for pod in cluster.agents]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def moved(seat: SessionSeat, within: float = TAKEN_OVER_WITHIN) -> AccountMoved:
    """Wait until a session has a new agent, and follow it there."""
    event = await seat.expect(AccountMoved, within=within)
    seat.agent = event.agent
    return event


async def talking(server: SipPeer, alice: SessionSeat) -> PeerDialog:
    """Let a session call the far side until both are through."""
    await alice.call("bob", "c-1")
    invite = await server.expect("INVITE")
    server.respond(invite, 200, sdp(30000))
    await server.expect("ACK")
    await alice.expect(CallEstablished)
    return PeerDialog(server, received=invite)


async def called(server: SipPeer, alice: SessionSeat, agent: Pod) -> tuple[str, Request]:
    """Let the far side call a session until that rings; return the call's id and the INVITE."""
    fields = [
        ("From", f"<sip:bob@example.com>;tag={server.tag}"),
        ("To", "<sip:alice@example.com>"),
        ("Call-ID", "far-call"),
        ("CSeq", "1 INVITE"),
        ("Content-Type", "application/sdp"),
    ]
    target = f"sip:{alice.session_id}@127.0.0.1:{agent.port}"
    invite = server.request("INVITE", target, fields, sdp(30000).encode())
    call_id = (await alice.expect(IncomingCall)).call_id
    assert (await server.response("INVITE", 180)).status == 180
    return call_id, invite


async def ringing(server: SipPeer, alice: SessionSeat) -> Request:
    """Let a session call the far side until that rings; return the INVITE."""
    await alice.call("bob", "c-1")
    invite = await server.expect("INVITE")
    server.respond(invite, 180)
    await alice.expect(CallProgress, lambda event: event.status == 180)
    return invite
