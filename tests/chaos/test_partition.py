"""An agent that is cut off from NATS while SIP still reaches it: at no time do two agents send in one dialog."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from functools import partial

import pytest
from tests.chaos.stage import Stage, know_each_other, moved, staged, talking
from tests.support.bus_seats import command_id, sdp
from tests.support.cut_link import CutLink, cut_link
from tests.support.pace import spend
from tests.support.services import Pod
from tests.support.sip_peer import PeerDialog, SipPeer
from tests.support.until import until, until_so

from shared.bus import expiry
from shared.errors import RemoteError
from shared.kv import LEASE_TTL
from shared.messages import Done, Probe
from shared.subjects import agent_commands

ASK_EVERY = 0.2
CUT_FOR = LEASE_TTL + 10.0


class Witness(SipPeer):
    """A far side that notes when it heard from which port, repeated messages too."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[float, int, str]] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append((time.monotonic(), addr[1], data.partition(b"\r\n")[0].decode()))
        super().datagram_received(data, addr)

    def times(self, port: int) -> list[float]:
        """When something came from that port."""
        return [at for at, source, _ in self.heard if source == port]


@contextlib.asynccontextmanager
async def behind_a_link() -> AsyncIterator[tuple[Stage, CutLink, Pod, Pod]]:
    """A cluster of two agents, the first of which reaches NATS by a link that can be cut."""
    async with staged(agents=1) as stage, cut_link(stage.cluster.nats_url) as link:
        first = await stage.cluster.add_agent(NATS_URL=link.url)
        await know_each_other(stage.cluster)
        try:
            yield stage, link, first, stage.agents[0]
        finally:
            link.heal()
            await first.stop()


async def ask_for_ever(dialog: PeerDialog) -> None:
    """Send requests in the dialog to the agent that had it first: it answers as long as it believes that it may."""
    while True:
        dialog.send("OPTIONS")
        await spend(ASK_EVERY)


async def is_served(stage: Stage, agent: Pod) -> bool:
    """Whether commands come to an agent."""
    try:
        await stage.cluster.bus.request(agent_commands(agent.name), Probe(id=command_id(), expires_at=expiry()), Done)
    except RemoteError:
        return False
    return True


@pytest.fixture
async def witness() -> AsyncIterator[Witness]:
    peer = await Witness.open()
    assert isinstance(peer, Witness)
    yield peer
    peer.close()


async def test_a_cut_off_agent_is_silent_before_another_one_speaks(witness: Witness) -> None:
    async with behind_a_link() as (stage, link, first, second):
        alice = await stage.at_server(witness, first)
        dialog = await talking(witness, alice)
        await alice.hold("c-1")  # a re-INVITE without an answer: it is sent again and again
        await witness.expect("INVITE")
        asking = asyncio.ensure_future(ask_for_ever(dialog))
        link.cut()
        cut_at = time.monotonic()
        await until_so(lambda: bool(witness.times(second.port)), CUT_FOR)
        await moved(alice)
        again = await witness.expect("INVITE")
        assert again.contacts[0].sip_uri.port == second.port
        witness.respond(again, 200, sdp(30000))
        await witness.expect("ACK")
        await spend(5 * ASK_EVERY)  # it is asked on, and says nothing
        asking.cancel()
        link.heal()
        await first.process.wait_for_output("taken for dead")
        await alice.hang_up("c-1")
        witness.respond(await witness.expect("BYE"), 200)
        assert (await alice.ended("c-1")).was_established
        last, begins = max(witness.times(first.port)), min(witness.times(second.port))
        assert last < begins, witness.heard[-40:]
        assert last - cut_at > LEASE_TTL - 4.0  # it did go on for as long as it might


async def test_an_agent_that_is_back_before_its_lease_has_ended_keeps_what_it_has(server: SipPeer) -> None:
    async with behind_a_link() as (stage, link, first, second):
        alice = await stage.at_server(server, first)
        await talking(server, alice)
        link.cut()
        await second.process.wait_for_output("no answer")
        await first.process.wait_for_output("nats disconnected")
        await spend(LEASE_TTL / 6)  # the rest is for a busy machine: to connect, and to renew the lease in time
        link.heal()
        await first.process.wait_for_output("nats reconnected")
        await until(partial(is_served, stage, first))  # NATS may learn a moment later to what it listens
        await alice.hang_up("c-1")
        bye = await server.expect("BYE")
        assert bye.contacts == [] or bye.contacts[0].sip_uri.port == first.port
        server.respond(bye, 200)
        assert (await alice.ended("c-1")).was_established
        entry = await stage.cluster.store.accounts.get("s-alice")
        assert entry is not None and (entry.record.owner, entry.record.epoch) == (first.name, 1)
