"""A phone that registered at one agent is called by way of another: only the first can reach it."""

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
from tests.integration.test_sip_agent_hand_over import other
from tests.support.baresip import baresip
from tests.support.bus_seats import RelaySeat, sdp
from tests.support.sip_peer import SipPeer

from shared.messages import AnswerMedia, CallEstablished, CallHold, CallProgress
from sip_agent.app import Agent

__all__ = ["agent", "bus", "login", "other", "relay", "settings", "signaling_tasks"]  # fixtures


@pytest.mark.peers
async def test_a_phone_on_a_connection_of_another_agent_is_called_held_and_hangs_up(
    agent: Agent, other: Agent, relay: RelaySeat, login: Login
) -> None:
    (alice,) = await registered(login, "alice")
    port = int(other.address.rpartition(":")[2])
    async with baresip("bob", "bob-password", DOMAIN, port, transport="tcp") as phone:
        await alice.call("bob", "c-1", port=40000)
        await alice.expect(CallProgress, lambda event: event.state == "ringing")
        await phone.wait_for("CALL_INCOMING")
        await phone.accept()
        await alice.expect(CallEstablished)
        await phone.wait_for("CALL_ESTABLISHED")
        await alice.hold("c-1")
        assert (await alice.expect(CallHold)).local
        assert "a=recvonly" in [command for command in relay.commands if isinstance(command, AnswerMedia)][-1].sdp
        await phone.hang_up()
        assert ((end := await alice.ended()).by, end.was_established) == ("remote", True)
        await alice.call("bob", "c-2", port=40000)
        await phone.wait_for("CALL_INCOMING")
        await alice.hang_up("c-2")
        await phone.wait_for("CALL_CLOSED")
        assert (await alice.ended("c-2")).status == 487


async def test_a_phone_whose_agent_is_gone_is_unavailable(
    agent: Agent, other: Agent, relay: RelaySeat, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def renew() -> bool:
        return True

    (alice,) = await registered(login, "alice")
    port = int(other.address.rpartition(":")[2])
    async with baresip("bob", "bob-password", DOMAIN, port, transport="tcp"):
        monkeypatch.setattr(other.services.lease, "_renew", renew)  # it would take its lease anew
        await other.services.store.leases.delete("agent-2")
        await alice.call("bob", "c-1")
        assert (await alice.ended()).status == 480


async def test_a_token_that_no_agent_made_leads_nowhere(agent: Agent, relay: RelaySeat) -> None:
    stranger, victim = await SipPeer.open(), await SipPeer.open()
    fields = [
        ("Route", f"<sip:bm90LW91cnMtYXQtYWxsdWRwOjE@{agent.address};lr>"),
        ("From", "<sip:eve@example.com>;tag=1"),
        ("To", "<sip:bob@example.com>"),
        ("Call-ID", "call-1"),
        ("CSeq", "1 INVITE"),
        ("Content-Type", "application/sdp"),
    ]
    stranger.request("INVITE", f"sip:bob@{victim.address}", fields, sdp(4000).encode(), at=agent.address)
    assert (await stranger.response("INVITE")).status == 404
    # What was sent to the victim before this has come before this.
    stranger.request("OPTIONS", f"sip:bob@{victim.address}", [*fields[1:4], ("CSeq", "2 OPTIONS")], at=victim.address)
    await victim.expect("OPTIONS")
    assert victim.unread("INVITE") == []
    stranger.close()
    victim.close()
