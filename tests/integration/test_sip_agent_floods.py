"""Floods of one stranger while a call goes on: what they take is bounded and given back, and the call does not notice.

The rate is what a shared machine can take; only counts are asserted, no times.
"""

import asyncio
import os
import random
from collections.abc import Callable

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
from tests.support.flood import Flood, message

from sip_agent.app import Agent
from sip_agent.core.policy.usage import RINGING_OF_SOURCE

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]  # fixtures

MESSAGES = 1500
CONNECTIONS = 600


def open_files() -> int:
    """How many this process has, which is the agent's and the stranger's."""
    return len(os.listdir("/proc/self/fd"))


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
    async with Flood.of(agent.address, MESSAGES, makers[kind]) as flood:
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
    before = open_files()
    writers = []
    for number in range(CONNECTIONS):
        _, writer = await asyncio.open_connection(host, int(port))
        # Half a message each, and the promise of a body that never comes.
        writer.write(message("OPTIONS", f"sip:{DOMAIN}", "192.0.2.9", number)[:-4] + b"0\r\n\r\n" + b"x" * 50)
        writers.append(writer)
    # Both ends are in this process: ours are all there, the agent keeps no more than are allowed to one address.
    await eventually(lambda: open_files() - before - CONNECTIONS <= 520)
    await the_call_goes_on(alice, bob, call_id)
    for writer in writers:
        writer.transport.abort()
    await nothing_left(agent, alice, bob)
    await eventually(lambda: open_files() <= before + 5)
    assert open_files() <= before + 5
