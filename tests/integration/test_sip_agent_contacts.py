"""Contacts that would make the built-in domain send where nobody has registered."""

import asyncio
import time
from collections.abc import Callable

from tests.integration.test_sip_agent import (
    DOMAIN,
    Login,
    agent,
    bus,
    login,
    registered,
    relay,
    settings,
    signaling_tasks,
)
from tests.support.bus_seats import RelaySeat
from tests.support.sip_phone import RtpSocket

from shared.records import Binding, LocationRecord
from sip_agent.app import Agent
from sip_agent.core.auth.digest_server import DigestServer
from sip_agent.core.domain.flow_token import FlowTokens
from sip_agent.domain.domain import Domain
from sip_agent.domain.flow_routes import FlowRoutes
from sip_agent.domain.users import Users

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]  # fixtures


async def test_a_contact_with_maddr_is_reached_where_its_register_came_from(
    agent: Agent, relay: RelaySeat, login: Login
) -> None:
    (alice,) = await registered(login, "alice")
    phone, victim = await RtpSocket.open(), await RtpSocket.open("127.0.0.2")
    binding = Binding(
        contact=f"sip:bob@127.0.0.1:{victim.address.port};maddr=127.0.0.2",
        call_id="r-1",
        cseq=1,
        expires_at=time.time() + 60,
        received=f"udp:127.0.0.1:{phone.address.port}",
        agent="agent-1",
    )
    aor = f"bob@{DOMAIN}"
    await agent.services.store.locations.create(aor, LocationRecord(aor=aor, bindings=(binding,)))
    await alice.call("bob", "c-1")
    invite, _ = await phone.receive()
    assert invite.startswith(b"INVITE sip:bob@127.0.0.1")
    await alice.hang_up("c-1")
    assert (await alice.ended()).status in (408, 487)
    assert victim.received.empty()
    phone.close()
    victim.close()


async def test_many_changes_of_one_address_at_once_are_all_made(agent: Agent) -> None:
    routes = FlowRoutes(agent.services, FlowTokens(b"key"))
    domain = Domain(agent.services, Users("", DOMAIN, ""), DigestServer(DOMAIN, b"key", lambda: "salt"), [], routes)

    def add(number: int) -> Callable[[tuple[Binding, ...]], tuple[Binding, ...]]:
        made = Binding(contact=f"sip:{number}@192.0.2.1", call_id="r", cseq=1, expires_at=time.time() + 60)
        return lambda old: (*old, made)

    await asyncio.gather(*(domain._change("bob@x", add(number)) for number in range(60)))
    entry = await agent.services.store.locations.get("bob@x")
    assert entry is not None and len(entry.record.bindings) == 60
