"""Somebody else's SIP server: accounts register at a real Kamailio and call through it."""

from collections.abc import AsyncIterator

import pytest
from tests.integration.test_sip_agent import SECRET, agent, bus, relay, settings, signaling_tasks
from tests.support.baresip import baresip
from tests.support.bus_seats import RelaySeat, SessionSeat
from tests.support.kamailio import Kamailio, kamailio

from shared.bus import Bus
from shared.messages import CallEstablished, CallProgress, IncomingCall, SipAccount
from shared.sealing import Seal
from sip_agent.app import Agent

__all__ = ["agent", "bus", "relay", "settings", "signaling_tasks"]  # fixtures

pytestmark = pytest.mark.peers


@pytest.fixture(params=["md5", "sha256"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Kamailio]:
    async with kamailio(media=False, sha256=request.param == "sha256") as server:
        yield server


@pytest.fixture
async def server_md5() -> AsyncIterator[Kamailio]:
    async with kamailio(media=False) as server:
        yield server


async def log_in(bus: Bus, server: Kamailio, name: str, **more: str) -> SessionSeat:
    session_id = f"s-{name}"
    account = SipAccount(
        login=name,
        domain=server.domain,
        sealed_password=Seal(SECRET).seal(more.pop("password", server.users[name]), session_id),
        outbound_proxy=f"{server.host}:{server.port}",
        transport=more.pop("transport", "udp"),  # type: ignore[arg-type]
        display_name=name.title(),
    )
    seat = SessionSeat(bus, "agent-1", session_id, account)
    await seat.sit()
    await seat.open()
    return seat


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_two_accounts_register_and_call_each_other_through_the_server(
    agent: Agent, bus: Bus, relay: RelaySeat, server: Kamailio, transport: str
) -> None:
    alice = await log_in(bus, server, "alice", transport=transport)
    bob = await log_in(bus, server, "bob", transport=transport)
    for seat in (alice, bob):
        await seat.registration("registered")
    await alice.call("bob", "c-1")
    incoming = await bob.expect(IncomingCall)
    assert (incoming.caller, incoming.caller_name) == (f"sip:alice@{server.domain}", "Alice")
    await alice.expect(CallProgress, lambda event: event.state == "ringing")
    await bob.answer(incoming.call_id)
    await alice.expect(CallEstablished)
    await bob.expect(CallEstablished)
    # The server's Record-Route is in both dialogs: BYE goes through it from either side.
    await bob.hang_up(incoming.call_id)
    assert [(end.status, end.by) for end in (await bob.ended(), await alice.ended())] == [
        (200, "local"),
        (200, "remote"),
    ]


async def test_a_phone_of_the_server_and_an_account_call_each_other(
    agent: Agent, bus: Bus, relay: RelaySeat, server_md5: Kamailio
) -> None:
    server = server_md5
    alice = await log_in(bus, server, "alice")
    await alice.registration("registered")
    async with baresip("bob", server.users["bob"], server.domain, server.port) as phone:
        await alice.call("bob", "c-1", port=40000)
        await phone.wait_for("CALL_INCOMING")
        await phone.accept()
        await alice.expect(CallEstablished)
        await phone.wait_for("CALL_ESTABLISHED")
        await alice.hang_up("c-1")
        await phone.wait_for("CALL_CLOSED")
        await phone.dial(f"sip:alice@{server.domain}")
        incoming = await alice.expect(IncomingCall)
        await alice.hang_up(incoming.call_id, 486)
        await phone.wait_for("CALL_CLOSED")
        assert (await alice.ended(incoming.call_id)).status == 486


async def test_a_wrong_password_and_an_unknown_user_are_told_as_the_server_says(
    agent: Agent, bus: Bus, relay: RelaySeat, server_md5: Kamailio
) -> None:
    alice = await log_in(bus, server_md5, "alice", password="guessed")
    failed = await alice.registration("failed")
    assert (failed.status, failed.reason) == (401, "Unauthorized")
    bob = await log_in(bus, server_md5, "bob")
    await bob.registration("registered")
    await bob.call("nobody", "c-1")
    assert (await bob.ended()).status == 404
