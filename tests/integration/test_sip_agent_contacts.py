"""Contacts that would make the built-in domain send where nobody has registered."""

import time

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
