"""A domain with several servers, of which some are away: real DNS, a real Kamailio."""

import socket
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest
from tests.integration.test_sip_agent import SECRET, agent, bus, relay, signaling_tasks
from tests.integration.test_sip_agent import settings as plain_settings
from tests.support.bus_seats import RelaySeat, SessionSeat
from tests.support.dnsmasq import dnsmasq
from tests.support.kamailio import DOMAIN, Kamailio, kamailio
from tests.support.processes import free_ports

from shared.bus import Bus
from shared.messages import CallEstablished, IncomingCall, SipAccount
from shared.messages.account import Transport
from shared.sealing import Seal
from sip_agent.app import Agent
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "plain_settings", "relay", "signaling_tasks"]  # fixtures

pytestmark = pytest.mark.peers


@pytest.fixture
async def server() -> AsyncIterator[Kamailio]:
    async with kamailio(media=False) as server:
        yield server


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes datagrams and answers none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield silent.getsockname()[1]


@pytest.fixture(name="settings")
async def settings_with_dns(plain_settings: Settings, server: Kamailio, silent_port: int) -> AsyncIterator[Settings]:
    async with dnsmasq(
        f"host-record=proxy.{DOMAIN},127.0.0.1",
        f"srv-host=_sip._tcp.{DOMAIN},proxy.{DOMAIN},{free_ports()},1",
        f"srv-host=_sip._tcp.{DOMAIN},proxy.{DOMAIN},{server.port},2",
        f"srv-host=_sip._udp.{DOMAIN},proxy.{DOMAIN},{silent_port},1",
        f"srv-host=_sip._udp.{DOMAIN},proxy.{DOMAIN},{server.port},2",
        f"naptr-record={DOMAIN},10,10,s,SIP+D2T,,_sip._tcp.{DOMAIN}",
    ) as names:
        yield msgspec.structs.replace(plain_settings, dns_servers=(names.server,))


async def log_in(bus: Bus, server: Kamailio, name: str, transport: Transport) -> SessionSeat:
    session_id = f"s-{name}"
    password = Seal(SECRET).seal(server.users[name], session_id)
    account = SipAccount(login=name, domain=DOMAIN, sealed_password=password, transport=transport)
    seat = SessionSeat(bus, "agent-1", session_id, account)
    await seat.sit()
    await seat.open()
    return seat


@pytest.mark.parametrize("transport", ["", "tcp", "udp"])  # "": NAPTR says TCP
async def test_accounts_register_and_call_by_the_server_that_is_there(
    agent: Agent, bus: Bus, relay: RelaySeat, server: Kamailio, transport: Transport
) -> None:
    alice = await log_in(bus, server, "alice", transport)
    await alice.registration("registered")
    bob = await log_in(bus, server, "bob", transport)
    await bob.registration("registered")
    await alice.call("bob", "c-1")
    incoming = await bob.expect(IncomingCall)
    await bob.answer(incoming.call_id)
    await alice.expect(CallEstablished)
    await alice.hang_up("c-1")
    assert (await bob.ended()).by == "remote"
    flow = agent.services.endpoint.flows.flows
    assert [(one.transport, one.port) for one in flow] == ([] if transport == "udp" else [("tcp", server.port)])
