"""A real TURN server believes the credentials that a log-in brings, as long as they are good, and no others."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aioice import stun
from aioice.turn import create_turn_endpoint
from tests.support.coturn import SECRET, Coturn, coturn
from tests.support.signaling import Stage, stage

from signaling.core.turn import turn_server

pytestmark = pytest.mark.peers


@pytest.fixture
async def server() -> AsyncIterator[Coturn]:
    async with coturn() as server:
        yield server


@pytest.fixture
async def here(nats_url: str) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


class Heard(asyncio.DatagramProtocol):
    """What comes to one end."""

    def __init__(self) -> None:
        self.packets: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.packets.put_nowait(data)


async def send_by(server: Coturn, username: str, password: str) -> bytes:
    """Send a packet to a socket of our own by way of the server; return what came there."""
    loop = asyncio.get_running_loop()
    peer, heard = await loop.create_datagram_endpoint(Heard, local_addr=("127.0.0.1", 0))
    try:
        relayed, _ = await create_turn_endpoint(Heard, (server.host, server.port), username, password)
        relayed.sendto(b"by way of TURN", peer.get_extra_info("sockname"))
        async with asyncio.timeout(10):
            packet = await heard.packets.get()
        relayed.close()
        return packet
    finally:
        peer.close()


async def test_the_credentials_of_a_log_in_are_good_at_coturn(here: Stage, server: Coturn) -> None:
    pod = await here.pod(turn_urls=(server.url,), turn_secret=SECRET)
    page = await here.page(pod)
    reply = await page.ask("login", version=1, sip={"login": "alice", "password": "secret", "domain": ""})
    (given,) = reply["ice_servers"]
    assert given["urls"] == [server.url]
    assert await send_by(server, given["username"], given["credential"]) == b"by way of TURN"
    await server.process.wait_for_output(rf"user <\d+:{re.escape(reply['session'])}>.*ALLOCATE processed, success")


@pytest.mark.parametrize(
    ("secret", "expires_in"), [("another secret", 600), (SECRET, -1)], ids=["another secret", "expired"]
)
async def test_credentials_that_are_not_good_are_refused_by_coturn(
    server: Coturn, secret: str, expires_in: int
) -> None:
    made = turn_server((server.url,), secret, "s-1", int(time.time()) + expires_in)
    with pytest.raises(stun.TransactionFailed) as refused:
        await send_by(server, made.username, made.credential)
    assert refused.value.response.attributes["ERROR-CODE"][0] == 401
