"""Signalling over IPv6: sessions register and call through an agent that listens to it, alone or beside IPv4."""

import asyncio

import msgspec
import pytest
from tests.integration.test_sip_agent import (
    Login,
    agent,
    bus,
    login,
    nothing_left,
    registered,
    relay,
    signaling_tasks,
    talking,
)
from tests.integration.test_sip_agent import settings as plain_settings
from tests.support.bus_seats import RelaySeat
from tests.support.sip_node import sip_node

from sip_agent.app import Agent
from sip_agent.core.events import Flow, Output, ResponseReceived
from sip_agent.core.syntax.message import Request
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "plain_settings", "login", "relay", "signaling_tasks"]  # fixtures


@pytest.fixture(name="settings", params=["::1", "::"])
def ipv6_settings(plain_settings: Settings, request: pytest.FixtureRequest) -> Settings:
    return msgspec.structs.replace(plain_settings, sip_host=request.param, advertised_host="::1")


async def test_sessions_register_and_call_each_other(agent: Agent, relay: RelaySeat, login: Login) -> None:
    assert agent.address.startswith("[::1]:")
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    await alice.hang_up("c-1")
    assert [(end.status, end.by) for end in (await alice.ended(), await bob.ended())] == [
        (200, "local"),
        (200, "remote"),
    ]
    await nothing_left(agent, alice, bob)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_strangers_are_answered_in_the_family_that_they_come_by(agent: Agent, transport: str) -> None:
    port = agent.services.listening.port
    hosts = ["::1", "127.0.0.1"] if agent.services.settings.sip_host == "::" else ["::1"]
    for host in hosts:
        heard = await ask(Flow("udp" if transport == "udp" else "tcp", host, port))
        assert heard.response.status == 200
        assert heard.response.top_via.received in (host, None)


async def ask(flow: Flow) -> ResponseReceived:
    """Send OPTIONS to the domain and return the answer."""
    answers: asyncio.Queue[Output] = asyncio.Queue()
    headers = [("From", "<sip:a@h>;tag=1"), ("To", "<sip:cordboard.local>"), ("Call-ID", "c"), ("CSeq", "1 OPTIONS")]
    bound = "::1" if ":" in flow.host else "127.0.0.1"
    async with sip_node(lambda _, output: answers.put_nowait(output), host=bound) as node:
        node.act(node.layer.send_request, Request("OPTIONS", "sip:cordboard.local", headers), flow)
        async with asyncio.timeout(5):
            answer = await answers.get()
    assert isinstance(answer, ResponseReceived)
    return answer
