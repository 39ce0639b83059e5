"""Accounts that move while an adopter is killed, and at a real registrar."""

import asyncio
import os
import signal
import sys
import time

import pytest
from tests.integration.test_sip_agent import (
    DOMAIN,
    SECRET,
    agent,
    bus,
    login,
    relay,
    settings,
    signaling_tasks,
)
from tests.integration.test_sip_agent_hand_over import accept, at_registrar, heard, invite, leave, other, owner
from tests.integration.test_sip_agent_servers import log_in
from tests.support.bus_seats import RelaySeat, eventually
from tests.support.kamailio import kamailio
from tests.support.processes import START_SECONDS, start
from tests.support.sip_peer import SipPeer

from shared.bus import Bus
from shared.messages import AccountMoved, CallEstablished, IncomingCall
from sip_agent.app import Agent
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "login", "other", "relay", "settings", "signaling_tasks"]  # fixtures


async def test_an_account_comes_back_when_its_adopter_is_killed(
    agent: Agent, settings: Settings, bus: Bus, relay: RelaySeat
) -> None:
    env = {
        "CORDBOARD_NATS_URL": settings.nats_url,
        "CORDBOARD_POD": "agent-2",
        "CORDBOARD_SECRET": SECRET,
        "CORDBOARD_DOMAIN": DOMAIN,
        "CORDBOARD_AGENT_SIP_HOST": "127.0.0.1",
        "CORDBOARD_AGENT_SIP_PORT": "0",
        "CORDBOARD_AGENT_SIP_TLS_PORT": "0",
        "CORDBOARD_AGENT_ALLOWED_DESTINATIONS": "127.0.0.0/8:1-65535",
    }
    process = await start("agent-2", (sys.executable, "-m", "sip_agent"), env={**os.environ, **env})
    await heard(agent, "agent-2", within=START_SECONDS)
    registrar = await SipPeer.open()
    alice, first = await at_registrar(bus, registrar)
    leaving = asyncio.ensure_future(leave(agent))
    second = await registrar.expect("REGISTER")
    assert await owner(agent, "s-alice") == ("agent-2", 2)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await agent.services.store.leases.delete("agent-2")  # which ends by itself 12 s later
    await eventually(lambda: bool(registrar.unread("REGISTER")), within=20)
    again = await registrar.expect("REGISTER")
    assert str(again.contacts[0].uri) == str(first.contacts[0].uri)
    assert again.cseq[0] > second.cseq[0]
    accept(registrar, again)
    moved = await alice.expect(AccountMoved)
    assert (moved.agent, moved.epoch) == ("agent-1", 3)
    assert await owner(agent, "s-alice") == ("agent-1", 3)
    invite(registrar, str(again.contacts[0].uri))
    refused = await registrar.response("INVITE")  # by the agent that has the account again, and still leaves
    assert (refused.status, refused.reason) == (503, "Agent Draining")
    leaving.cancel()
    registrar.close()


# -- at a real registrar


@pytest.mark.peers
async def test_a_real_registrar_reaches_the_account_all_the_time(
    agent: Agent, other: Agent, bus: Bus, relay: RelaySeat
) -> None:
    async with kamailio(media=False) as server:
        alice = await log_in(bus, server, "alice")
        bob = await log_in(bus, server, "bob")
        await alice.registration("registered")
        await bob.registration("registered")
        caller = await SipPeer.open()
        answers: list[int] = []
        is_over = False

        async def ask_all_the_time() -> None:
            while not is_over:
                fields = [
                    ("From", f"<sip:eve@example.com>;tag={caller.tag}"),
                    ("To", "<sip:alice@sip.test>"),
                    ("Call-ID", f"o-{time.monotonic_ns()}"),
                    ("CSeq", "1 OPTIONS"),
                ]
                caller.request("OPTIONS", f"sip:alice@{server.domain}", fields, at=f"127.0.0.1:{server.port}")
                answers.append((await caller.response("OPTIONS")).status)

        asking = asyncio.ensure_future(ask_all_the_time())
        await eventually(lambda: len(answers) > 3)
        await leave(agent)
        count = len(answers)
        await eventually(lambda: len(answers) > count + 3)
        is_over = True
        await asking
        assert set(answers) == {200}
        alice.agent = bob.agent = "agent-2"
        await alice.call("bob", "c-1")
        incoming = await bob.expect(IncomingCall)
        assert incoming.agent == "agent-2"
        await bob.answer(incoming.call_id)
        await alice.expect(CallEstablished)
        await alice.hang_up("c-1")
        await bob.ended()
        caller.close()
