"""Floods of one stranger while a call goes on: what they take is bounded and given back, and the call does not notice.

The rate is what a shared machine can take; only counts are asserted, no times.
"""

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Callable

import pytest
from tests.integration.test_sip_agent import (
    DOMAIN,
    Login,
    agent,
    bus,
    login,
    nothing_left,
    registered,
    relay,
    settings,
    signaling_tasks,
    talking,
)
from tests.support.bus_seats import RelaySeat, SessionSeat, eventually, sdp

from sip_agent.app import Agent
from sip_agent.core.policy.usage import RINGING_OF_SOURCE

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]  # fixtures

MESSAGES = 1500
AT_ONCE = 25  # then the agent gets its turn: both share one core here, and the kernel's queue is short
CONNECTIONS = 600


class Flood(asyncio.DatagramProtocol):
    """A socket that counts what comes back."""

    def __init__(self) -> None:
        self.statuses: list[int] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport
        self.address = "{}:{}".format(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.startswith(b"SIP/2.0 "):
            self.statuses.append(int(data.split(b" ", 2)[1]))

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, agent: Agent, make: Callable[[str, int], bytes]) -> AsyncIterator["Flood"]:
        """Send many messages that `make` writes, each with its number."""
        host, _, port = agent.address.rpartition(":")
        transport, flood = await asyncio.get_running_loop().create_datagram_endpoint(cls, remote_addr=(host, int(port)))
        for number in range(MESSAGES):
            transport.sendto(make(flood.address, number))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0.002)
        yield flood
        transport.close()


def message(method: str, uri: str, source: str, number: int, *fields: str, body: str = "") -> bytes:
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {source};branch=z9hG4bK{method}{number};rport",
        "Max-Forwards: 70",
        f"From: <sip:flood{number}@evil.example>;tag={number}",
        f"To: <{uri}>",
        f"Call-ID: {method}-{number}",
        f"CSeq: 1 {method}",
        f"Contact: <sip:flood@{source}>",
        *fields,
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join([*lines, "", ""]) + body).encode()


async def the_call_goes_on(alice: SessionSeat, bob: SessionSeat, call_id: str) -> None:
    """The call can still be ended, and the page, the far side and another call be served."""
    await bob.hang_up(call_id)
    assert (await bob.ended(call_id)).status == 200
    assert (await alice.ended("c-1")).was_established
    await alice.call("nobody", "c-2")
    assert (await alice.ended("c-2")).status == 404


def authorization(number: int) -> str:
    return (
        f'Authorization: Digest username="user{number}", realm="{DOMAIN}", nonce="n{number}", uri="sip:{DOMAIN}", '
        f'response="{number:032x}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"'
    )


@pytest.mark.parametrize("kind", ["OPTIONS", "REGISTER", "guesses", "strange", "INVITE", "garbage"])
async def test_a_live_call_outlives_a_flood_by_udp(agent: Agent, relay: RelaySeat, login: Login, kind: str) -> None:
    alice, bob = await registered(login, "alice", "bob")
    call_id = await talking(alice, bob)
    chance = random.Random(1)
    target = f"sip:{bob.session_id}@{agent.address}"
    offer = ("Content-Type: application/sdp",)
    makers: dict[str, Callable[[str, int], bytes]] = {
        "OPTIONS": lambda source, number: message("OPTIONS", f"sip:{DOMAIN}", source, number),
        "REGISTER": lambda source, number: message("REGISTER", f"sip:{DOMAIN}", source, number),
        "guesses": lambda source, number: message("REGISTER", f"sip:{DOMAIN}", source, number, authorization(number)),
        "strange": lambda source, number: message(f"M{number}", f"sip:{DOMAIN}", source, number),
        "INVITE": lambda source, number: message("INVITE", target, source, number, *offer, body=sdp(40000)),
        "garbage": lambda source, number: chance.randbytes(chance.randrange(1, 400)),
    }
    async with Flood.of(agent, makers[kind]) as flood:
        # One transaction a message at most; none of a flood is a call, but for the few that may ring.
        assert agent.services.endpoint.live <= MESSAGES + 100
        assert len(agent.accounts.calls) <= 2 + RINGING_OF_SOURCE
        if kind != "garbage":
            await eventually(lambda: len(flood.statuses) > 0)
            assert {status // 100 for status in flood.statuses} <= {1, 2, 4, 5}
        await the_call_goes_on(alice, bob, call_id)
    await nothing_left(agent, alice, bob)  # every transaction, call, task and record is given back


async def test_a_live_call_outlives_a_flood_of_connections(agent: Agent, relay: RelaySeat, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    call_id = await talking(alice, bob)
    host, _, port = agent.address.rpartition(":")
    before = len(os.listdir("/proc/self/fd"))
    writers = []
    for number in range(CONNECTIONS):
        _, writer = await asyncio.open_connection(host, int(port))
        # Half a message each, and the promise of a body that never comes.
        writer.write(message("OPTIONS", f"sip:{DOMAIN}", "192.0.2.9", number)[:-4] + b"0\r\n\r\n" + b"x" * 50)
        writers.append(writer)
    # Both ends are in this process: ours are all there, the agent keeps no more than are allowed to one address.
    await eventually(lambda: len(os.listdir("/proc/self/fd")) - before - CONNECTIONS <= 520)
    await the_call_goes_on(alice, bob, call_id)
    for writer in writers:
        writer.transport.abort()
    await eventually(lambda: len(os.listdir("/proc/self/fd")) <= before + 5)
    await nothing_left(agent, alice, bob)
