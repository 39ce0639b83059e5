"""Accounts at a real Kamailio by TLS: found by DNS, trusted by the domain's certificate."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.test_sip_agent import SECRET, agent, bus, relay, signaling_tasks
from tests.integration.test_sip_agent import settings as plain_settings
from tests.support.bus_seats import RelaySeat, SessionSeat
from tests.support.certificates import Authority
from tests.support.dnsmasq import dnsmasq
from tests.support.kamailio import DOMAIN, Kamailio, kamailio

from shared.bus import Bus
from shared.errors import RemoteError
from shared.messages import CallEstablished, IncomingCall, SipAccount
from shared.sealing import Seal
from sip_agent.app import Agent
from sip_agent.core.events import Flow
from sip_agent.settings import Settings
from sip_agent.transport.flow_watch import FlowUser

__all__ = ["agent", "bus", "plain_settings", "relay", "signaling_tasks"]  # fixtures

pytestmark = pytest.mark.peers


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
    transport: Any = more.pop("transport", "tls")
    password = Seal(SECRET).seal(server.users[name], session_id)
    account = SipAccount(login=name, domain=server.domain, sealed_password=password, transport=transport, **more)
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


async def test_a_call_to_a_sips_uri_goes_by_tls_whatever_the_account_prefers(
    agent: Agent, bus: Bus, relay: RelaySeat, server: Kamailio
) -> None:
    alice, bob = await log_in(bus, server, "alice", transport="tcp"), await log_in(bus, server, "bob")
    await bob.registration("registered")
    await alice.call(f"sips:bob@{DOMAIN}", "c-1")
    incoming = await bob.expect(IncomingCall)
    await bob.answer(incoming.call_id)
    await alice.expect(CallEstablished)
    await bob.expect(CallEstablished)
    await alice.hang_up("c-1")
    assert (await alice.ended()).by == "local"
    assert (await bob.ended()).by == "remote"


async def test_a_sips_uri_is_no_call_within_the_built_in_domain(agent: Agent, bus: Bus, relay: RelaySeat) -> None:
    seat = SessionSeat(bus, "agent-1", "s-carol", SipAccount(login="carol", domain="cordboard.local"))
    await seat.sit()
    await seat.open()
    with pytest.raises(RemoteError, match="416"):
        await seat.call("sips:bob@cordboard.local", "c-1")


async def test_a_registration_whose_connection_dies_is_made_anew_and_calls_arrive(
    agent: Agent, bus: Bus, relay: RelaySeat, server: Kamailio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sip_agent.core.registration.registration.FLOW_LOST_WITHIN", 0.0)
    alice, bob = await log_in(bus, server, "alice"), await log_in(bus, server, "bob")
    for seat in (alice, bob):
        await seat.registration("registered")
    endpoint = agent.services.endpoint
    (flow,) = endpoint.flows.flows
    kept: asyncio.Queue[Flow] = asyncio.Queue()
    keep = endpoint.flows.keep

    def keep_and_tell(flow: Flow, user: FlowUser) -> None:
        keep(flow, user)
        kept.put_nowait(flow)

    monkeypatch.setattr(endpoint.flows, "keep", keep_and_tell)
    endpoint.drop_flow(flow, "the test cuts it")
    assert [await asyncio.wait_for(kept.get(), 5) for _ in (alice, bob)] == [flow, flow]
    await alice.call("bob", "c-1")
    await bob.expect(IncomingCall)


@pytest.mark.parametrize("server", ["other.test", f"proxy.{DOMAIN}"], indirect=True)
async def test_a_server_with_the_certificate_of_another_gets_nothing(agent: Agent, bus: Bus, server: Kamailio) -> None:
    # Not even with that of the host that DNS names: DNS is what an attacker would change (RFC 5922 §4).
    alice = await log_in(bus, server, "alice")
    assert (await alice.registration("failed")).status == 503
