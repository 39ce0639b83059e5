"""Rubbish on every open port while two pages talk: it is counted, and nothing else happens."""

import asyncio
import contextlib
import random
import socket

from tests.support.page import Account, OpenPhone, establish, hear_each_other
from tests.support.services import MEDIA_ADDRESS, Cordboard, Pod
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

DATAGRAMS = 200
FRAMES = ("", "{", "null", "[1]", '{"type": "call"}', '{"type": "nonsense", "id": "1"}', '{"id": {}}', "x" * 70000)


async def counted(pod: Pod, name: str) -> float:
    """Return the sum of a counter over all of its labels."""
    return sum(value for sample, value in (await pod.metrics("counter")).items() if sample.split(",")[0] == name)


def datagrams(seed: int) -> list[bytes]:
    """Rubbish that begins as STUN, DTLS, RTP, RTCP, SIP or nothing does."""
    chance = random.Random(seed)
    starts = (
        b"\0\1\0\x08\x21\x12\xa4\x42",
        b"\x16\xfe\xfd",
        b"\x80\x6f",
        b"\x80\xc8",
        b"INVITE sip:x SIP/2.0\r\n",
        b"",
    )
    return [chance.choice(starts) + chance.randbytes(chance.randrange(1, 200)) for _ in range(DATAGRAMS)]


def throw(host: str, port: int) -> None:
    """Send rubbish to a UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams(port):
            sender.sendto(datagram, (host, port))


async def throw_at_tcp(port: int) -> None:
    """Send rubbish to a TCP port, and see the connection closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\xff" * 100 + b"\r\n\r\nINVITE x SIP/2.0\r\nContent-Length: -1\r\n\r\n")
    async with asyncio.timeout(20):
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
    writer.close()


async def throw_at_websocket(url: str) -> None:
    """Send frames that no page sends, before any log-in; every one gets an error or closes the socket."""
    for frame in FRAMES:
        async with connect(url) as websocket, asyncio.timeout(20):
            await websocket.send(frame)
            with contextlib.suppress(ConnectionClosed):
                assert '"error"' in str(await websocket.recv())


async def test_a_call_goes_on_while_rubbish_arrives_everywhere(cluster: Cordboard, open_page: OpenPhone) -> None:
    alice, bob = await asyncio.gather(open_page(440), open_page(620))
    for page, user in ((alice, "alice"), (bob, "bob")):
        await page.connect(Account(user, cluster.users[user]))
    before = await cluster.resting_state()
    await establish(alice, bob, "bob")
    agent, relay = cluster.agents[0], cluster.relays[0]
    counters = (
        (agent, "cordboard_sip_agent_sip_malformed_total"),
        (relay, "cordboard_media_relay_drops_total"),
        (cluster.signaling[0], "cordboard_signaling_ws_errors_total"),
    )
    counts = [await counted(*counter) for counter in counters]

    throw("127.0.0.1", agent.port)
    throw(MEDIA_ADDRESS, relay.port)
    await asyncio.gather(throw_at_tcp(agent.port), throw_at_websocket(cluster.websocket_url()))

    await hear_each_other(alice, bob)
    for counter, count in zip(counters, counts, strict=True):
        assert await counted(*counter) > count, counter[1]
    await alice.hang_up()
    await bob.wait_for_call("^FINISH")
    await cluster.wait_until_settled(before)
