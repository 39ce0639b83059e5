"""Transfers, with far sides that are played by hand: sent by us, received by us, and calls that replace others."""

from collections.abc import AsyncIterator

import pytest
from tests.integration.test_sip_agent import (
    DOMAIN,
    Login,
    agent,
    bus,
    login,
    nothing_left,
    registered,
    relay,
    settings,
    signaling_tasks,
    talking,
)
from tests.support.bus_seats import RelaySeat, SessionSeat, sdp
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.errors import RemoteError
from shared.messages import CallActionFailed, CallEstablished, TransferProgress
from shared.records import Binding, LocationRecord
from sip_agent.app import Agent
from sip_agent.services import wall_clock

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]  # fixtures


@pytest.fixture
async def phones(agent: Agent) -> AsyncIterator[dict[str, SipPeer]]:
    """Phones that are registered, without the REGISTER."""
    made = {name: await SipPeer.open() for name in ("carol", "dave")}
    for name, phone in made.items():
        binding = Binding(
            contact=f"sip:peer@{phone.address}",
            call_id="r-1",
            cseq=1,
            expires_at=wall_clock() + 60,
            received=f"udp:{phone.address}",
            agent="agent-1",
        )
        aor = f"{name}@{DOMAIN}"
        await agent.services.store.locations.create(aor, LocationRecord(aor=aor, bindings=(binding,)))
    yield made
    for phone in made.values():
        phone.close()


async def called(alice: SessionSeat, phone: SipPeer, name: str, call_id: str) -> PeerDialog:
    """Let alice call a phone, which answers."""
    await alice.call(name, call_id)
    invite = await phone.expect("INVITE")
    phone.respond(invite, 200, sdp(30000))
    await phone.expect("ACK")
    await alice.expect(CallEstablished, lambda event: event.call_id == call_id)
    return PeerDialog(phone, received=invite)


def sipfrag(status: str, state: str = "active;expires=60") -> dict[str, object]:
    headers = [("Event", "refer"), ("Subscription-State", state), ("Content-Type", "message/sipfrag")]
    return {"headers": headers, "body": f"SIP/2.0 {status}\r\n".encode()}


async def test_a_blind_transfer(agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    await alice.transfer("c-1", "bob")
    refer = await carol.peer.expect("REFER")
    assert refer.headers.get("Refer-To") == f"<sip:bob@{DOMAIN}>"
    carol.peer.respond(refer, 202)
    carol.send("NOTIFY", **sipfrag("180 Ringing"))  # type: ignore[arg-type]
    assert (await carol.peer.response("NOTIFY")).status == 200
    assert (await alice.expect(TransferProgress)).status == 180
    carol.send("NOTIFY", **sipfrag("200 OK", "terminated;reason=noresource"))  # type: ignore[arg-type]
    carol.peer.respond(await carol.peer.expect("BYE"), 200)
    ended = await alice.ended("c-1")
    assert (ended.status, ended.reason, ended.by) == (200, "Transferred", "local")
    await alice.log_out()


async def test_a_transfer_that_fails_leaves_the_call(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    await alice.transfer("c-1", "bob")
    carol.peer.respond(await carol.peer.expect("REFER"), 603)
    failed = await alice.expect(CallActionFailed)
    assert (failed.action, failed.status) == ("transfer", 603)
    carol.send("OPTIONS")
    assert (await carol.peer.response("OPTIONS")).status == 200
    await alice.hang_up("c-1")
    carol.peer.respond(await carol.peer.expect("BYE"), 200)


async def test_an_attended_transfer_names_the_dialog_of_the_other_call(
    agent: Agent, relay: RelaySeat, login: Login, phones: dict[str, SipPeer]
) -> None:
    (alice,) = await registered(login, "alice")
    carol = await called(alice, phones["carol"], "carol", "c-1")
    dave = await called(alice, phones["dave"], "dave", "c-2")
    await alice.transfer("c-1", other_call_id="c-2")
    refer = await carol.peer.expect("REFER")
    uri = refer.headers.get("Refer-To") or ""
    assert uri.startswith(f"<sip:dave@{DOMAIN}?Replaces={dave.call_id}%3B")
    assert f"to-tag%3D{dave.local_tag}" in uri and f"from-tag%3D{dave.remote_tag}" in uri


@pytest.mark.parametrize(
    ("target", "other", "status"),
    [("", "", 400), ("bob", "c-2", 400), ("", "c-1", 400), ("", "none", 481), ("a b", "", 400)],
)
async def test_a_transfer_that_names_nobody_is_refused(
    agent: Agent, relay: RelaySeat, login: Login, target: str, other: str, status: int
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    with pytest.raises(RemoteError) as refused:
        await alice.transfer("c-1", target, other)
    assert refused.value.status == status
    await nothing_left(agent, alice, bob)
