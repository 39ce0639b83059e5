"""An agent that is cut off from NATS while SIP still reaches it: at no time do two agents send in one dialog."""

import asyncio
import time

from tests.chaos.stage import know_each_other, moved, staged, talking
from tests.support.bus_seats import sdp
from tests.support.cut_link import cut_link
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.kv import LEASE_TTL

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


async def ask_for_ever(dialog: PeerDialog) -> None:
    """Send requests in the dialog to the agent that had it first: it answers as long as it believes that it may."""
    while True:
        dialog.send("OPTIONS")
        await asyncio.sleep(ASK_EVERY)


async def test_a_cut_off_agent_is_silent_before_another_one_speaks() -> None:
    server = await Witness.open()
    assert isinstance(server, Witness)
    async with staged(agents=1) as stage, cut_link(stage.cluster.nats_url) as link:
        second = stage.agents[0]
        first = await stage.cluster.add_agent(NATS_URL=link.url)
        await know_each_other(stage.cluster)
        alice = await stage.at_server(server, first)
        dialog = await talking(server, alice)
        await alice.hold("c-1")  # a re-INVITE without an answer: it is sent again and again
        await server.expect("INVITE")
        asking = asyncio.ensure_future(ask_for_ever(dialog))
        link.cut()
        cut_at = time.monotonic()
        async with asyncio.timeout(CUT_FOR):
            while not server.times(second.port):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await moved(alice)
        again = await server.expect("INVITE")
        assert again.contacts[0].sip_uri.port == second.port
        server.respond(again, 200, sdp(30000))
        await server.expect("ACK")
        await asyncio.sleep(5 * ASK_EVERY)  # it is asked on, and says nothing
        asking.cancel()
        link.heal()
        await first.process.wait_for_output("taken for dead")
        await alice.hang_up("c-1")
        server.respond(await server.expect("BYE"), 200)
        assert (await alice.ended("c-1")).was_established
        last, begins = max(server.times(first.port)), min(server.times(second.port))
        assert last < begins, server.heard[-40:]
        assert last - cut_at > LEASE_TTL - 4.0  # it did go on for as long as it might
    server.close()


async def test_an_agent_that_is_back_before_its_lease_has_ended_keeps_what_it_has() -> None:
    server = await SipPeer.open()
    async with staged(agents=1) as stage, cut_link(stage.cluster.nats_url) as link:
        first = await stage.cluster.add_agent(NATS_URL=link.url)
        await know_each_other(stage.cluster)
        alice = await stage.at_server(server, first)
        await talking(server, alice)
        link.cut()
        await stage.agents[0].process.wait_for_output("no answer")
        await asyncio.sleep(LEASE_TTL / 2)
        link.heal()
        await alice.hang_up("c-1")
        bye = await server.expect("BYE")
        assert bye.contacts == [] or bye.contacts[0].sip_uri.port == first.port
        server.respond(bye, 200)
        assert (await alice.ended("c-1")).was_established
        entry = await stage.cluster.store.accounts.get("s-alice")
        assert entry is not None and (entry.record.owner, entry.record.epoch) == (first.name, 1)
    server.close()
