"""Accounts at a real Kamailio by TLS: found by DNS, trusted by the domain's certificate."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.integration.test_sip_agent import SECRET, agent, bus, relay, settings, signaling_tasks
from tests.support.bus_seats import RelaySeat, SessionSeat
from tests.support.certificates import Authority
from tests.support.dnsmasq import dnsmasq
from tests.support.kamailio import DOMAIN, Kamailio, kamailio

from shared.bus import Bus
from shared.messages import CallEstablished, IncomingCall, SipAccount
from shared.sealing import Seal
from sip_agent.app import Agent
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "relay", "signaling_tasks"]  # fixtures

pytestmark = pytest.mark.peers

plain_settings = settings


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture(params=[DOMAIN])
async def server(request: pytest.FixtureRequest, authority: Authority) -> AsyncIterator[Kamailio]:
    async with kamailio(media=False, tls=authority.issue(request.param)) as server:
        yield server


@pytest.fixture(name="settings")
async def tls_settings(plain_settings: Settings, authority: Authority, server: Kamailio) -> AsyncIterator[Settings]:
    host = f"host-record=proxy.{DOMAIN},127.0.0.1"
    async with dnsmasq(host, f"srv-host=_sips._tcp.{DOMAIN},proxy.{DOMAIN},{server.tls_port},1") as names:
        issued = authority.issue("agent.test")
        yield msgspec.structs.replace(
            plain_settings,
            dns_servers=(names.server,),
            sip_tls_ca=str(authority.certificate),
            sip_tls_certificate=str(issued.certificate),
            sip_tls_key=str(issued.key),
        )


async def log_in(bus: Bus, server: Kamailio, name: str, **more: str) -> SessionSeat:
    session_id = f"s-{name}"
    password = Seal(SECRET).seal(server.users[name], session_id)
    account = SipAccount(login=name, domain=server.domain, sealed_password=password, transport="tls", **more)
    seat = SessionSeat(bus, "agent-1", session_id, account)
    await seat.sit()
    await seat.open()
    return seat


async def test_two_accounts_register_and_call_each_other_by_tls(
    agent: Agent, bus: Bus, relay: RelaySeat, server: Kamailio
) -> None:
    alice, bob = await log_in(bus, server, "alice"), await log_in(bus, server, "bob")
    for seat in (alice, bob):
        await seat.registration("registered")
    await alice.call("bob", "c-1")
    incoming = await bob.expect(IncomingCall)
    await bob.answer(incoming.call_id)
    await alice.expect(CallEstablished)
    await bob.expect(CallEstablished)
    await bob.hang_up(incoming.call_id)
    assert [(end.status, end.by) for end in (await bob.ended(), await alice.ended())] == [
        (200, "local"),
        (200, "remote"),
    ]


@pytest.mark.parametrize("server", ["other.test", f"proxy.{DOMAIN}"], indirect=True)
async def test_a_server_with_the_certificate_of_another_gets_nothing(agent: Agent, bus: Bus, server: Kamailio) -> None:
    # Not even with that of the host that DNS names: DNS is what an attacker would change (RFC 5922 §4).
    alice = await log_in(bus, server, "alice")
    assert (await alice.registration("failed")).status == 503
