"""A real SIP phone at the built-in domain: baresip registers at the agent, calls its sessions and is called by them."""

import pytest
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
from tests.support.baresip import baresip
from tests.support.bus_seats import RelaySeat, eventually_empty

from shared.messages import AnswerMedia, CallEstablished, CallHold, CallProgress, IncomingCall
from sip_agent.app import Agent

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]  # fixtures

pytestmark = pytest.mark.peers


def port_of(agent: Agent) -> int:
    return int(agent.address.rpartition(":")[2])


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_phone_registers_is_called_and_hangs_up(
    agent: Agent, relay: RelaySeat, login: Login, transport: str
) -> None:
    (alice,) = await registered(login, "alice")
    async with baresip("bob", "bob-password", DOMAIN, port_of(agent), transport=transport) as phone:
        await alice.call("bob", "c-1", port=40000)
        await alice.expect(CallProgress, lambda event: event.state == "ringing")
        await phone.wait_for("CALL_INCOMING")
        await phone.accept()
        established = await alice.expect(CallEstablished)
        assert established.browser_sdp is not None and "m=audio" in established.browser_sdp
        await phone.wait_for("CALL_ESTABLISHED")
        await phone.hang_up()
        end = await alice.ended()
        assert (end.status, end.by, end.was_established) == (200, "remote", True)


async def test_a_phone_calls_a_session_that_hangs_up(agent: Agent, relay: RelaySeat, login: Login) -> None:
    (alice,) = await registered(login, "alice")
    async with baresip("bob", "bob-password", DOMAIN, port_of(agent)) as phone:
        await phone.dial(f"sip:alice@{DOMAIN}")
        incoming = await alice.expect(IncomingCall)
        assert incoming.caller == f"sip:bob@{DOMAIN}"
        await phone.wait_for("CALL_RINGING")
        await alice.answer(incoming.call_id)
        await alice.expect(CallEstablished)
        await phone.wait_for("CALL_ESTABLISHED")
        await alice.hang_up(incoming.call_id)
        await phone.wait_for("CALL_CLOSED")
        assert (await alice.ended()).by == "local"


async def test_a_phone_refuses_and_gives_up(agent: Agent, relay: RelaySeat, login: Login) -> None:
    (alice,) = await registered(login, "alice")
    async with baresip("bob", "bob-password", DOMAIN, port_of(agent)) as phone:
        await alice.call("bob", "c-1", port=40000)
        await phone.wait_for("CALL_INCOMING")
        await phone.hang_up()
        assert (await alice.ended()).status == 486
        await phone.dial(f"sip:alice@{DOMAIN}")
        incoming = await alice.expect(IncomingCall)
        await phone.wait_for("CALL_RINGING")
        await phone.hang_up()
        end = await alice.ended(incoming.call_id)
        assert (end.status, end.by, end.was_established) == (487, "remote", False)


async def test_a_phone_puts_the_call_on_hold_and_resumes(agent: Agent, relay: RelaySeat, login: Login) -> None:
    (alice,) = await registered(login, "alice")
    async with baresip("bob", "bob-password", DOMAIN, port_of(agent), auto_answer=True) as phone:
        await alice.call("bob", "c-1", port=40000)
        await alice.expect(CallEstablished)
        await phone.wait_for("CALL_ESTABLISHED")
        await phone.command("hold")
        held = await relay.offered()
        assert "a=sendonly" in held.sdp or "a=inactive" in held.sdp
        await phone.command("resume")
        assert "a=sendrecv" in (await relay.offered()).sdp
        await alice.hang_up("c-1")
        await phone.wait_for("CALL_CLOSED")


async def test_a_phone_is_put_on_hold_and_taken_back(agent: Agent, relay: RelaySeat, login: Login) -> None:
    (alice,) = await registered(login, "alice")
    async with baresip("bob", "bob-password", DOMAIN, port_of(agent), auto_answer=True) as phone:
        await alice.call("bob", "c-1", port=40000)
        await alice.expect(CallEstablished)
        await phone.wait_for("CALL_ESTABLISHED")
        for is_held, answer in ((True, "a=recvonly"), (False, "a=sendrecv")):
            await alice.hold("c-1", is_held)
            assert (await alice.expect(CallHold)).local == is_held
            last = [command for command in relay.commands if isinstance(command, AnswerMedia)][-1]
            assert answer in last.sdp
        await alice.hang_up("c-1")
        await phone.wait_for("CALL_CLOSED")


async def test_a_phone_that_removes_its_registration_is_unavailable(
    agent: Agent, relay: RelaySeat, login: Login
) -> None:
    (alice,) = await registered(login, "alice")

    async def phones() -> list[str]:
        return [name for name in await agent.services.store.locations.names() if name.startswith("bob@")]

    async with baresip("bob", "bob-password", DOMAIN, port_of(agent)) as phone:
        assert await phones() == [f"bob@{DOMAIN}"]
        await phone.command("uadel", f"sip:bob@{DOMAIN}")
        await eventually_empty(phones)
        await alice.call("bob", "c-1")
        assert (await alice.ended()).status == 480
