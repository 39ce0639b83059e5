"""Instant messages between sessions, and what strangers may say to one."""

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
from tests.support.bus_seats import RelaySeat
from tests.support.sip_peer import SipPeer

from shared.errors import RemoteError
from shared.messages import IncomingMessage
from sip_agent.app import Agent

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]  # fixtures


async def test_a_message_reaches_the_other_session_through_the_domain(agent: Agent, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await alice.send_message("bob", "m-1", "Grüße")
    message = await bob.expect(IncomingMessage)
    assert (message.sender, message.body, message.call_id) == (f"sip:alice@{DOMAIN}", "Grüße", "")
    assert message.content_type == "text/plain;charset=UTF-8"
    assert await alice.sent("m-1") == 200
    await nothing_left(agent, alice, bob)


async def test_messages_to_one_address_arrive_in_order(agent: Agent, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    for number in range(10):
        await alice.send_message("bob", f"m-{number}", str(number))
    assert [await alice.sent(f"m-{number}") for number in range(10)] == [200] * 10
    assert [event.body for event in bob.events if isinstance(event, IncomingMessage)] == [str(n) for n in range(10)]


async def test_a_message_too_long_for_a_datagram_arrives_all_the_same(agent: Agent, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    body = "all work and no play " * 2000
    await alice.send_message("bob", "m-1", body)
    assert await alice.sent("m-1") == 200
    assert (await bob.expect(IncomingMessage)).body == body
    with pytest.raises(RemoteError) as refused:
        await alice.send_message("bob", "m-2", "a" * 65537)
    assert refused.value.status == 413


async def test_a_message_that_cannot_be_delivered_is_the_senders_to_know(agent: Agent, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await alice.send_message("nobody", "m-1")
    assert await alice.sent("m-1") == 404
    bob.refuse = RemoteError(486, "Busy Here")
    await alice.send_message("bob", "m-2")
    assert await alice.sent("m-2") == 486
    await bob.leave()
    await alice.send_message("bob", "m-3")
    assert await alice.sent("m-3") == 480


async def test_messages_inside_a_call(agent: Agent, relay: RelaySeat, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    call_id = await talking(alice, bob)
    await alice.send_message("", "m-1", "to bob", call_id="c-1")
    assert await alice.sent("m-1") == 200
    assert (await bob.expect(IncomingMessage)).call_id == call_id
    await bob.send_message("", "m-2", "to alice", call_id=call_id)
    assert await bob.sent("m-2") == 200
    assert (await alice.expect(IncomingMessage)).call_id == "c-1"
    await nothing_left(agent, alice, bob)


def from_stranger(method: str, uri: str) -> list[tuple[str, str]]:
    return [
        ("From", "<sip:mallory@evil.example>;tag=1"),
        ("To", f"<{uri}>"),
        ("Call-ID", f"stranger-{method}"),
        ("CSeq", f"1 {method}"),
        ("Content-Type", "text/plain"),
        ("Event", "refer"),
        ("Refer-To", "<sip:premium@evil.example>"),
    ]


@pytest.mark.parametrize("through_the_domain", [False, True])
@pytest.mark.parametrize("method", ["MESSAGE", "REFER", "NOTIFY", "OPTIONS", "SUBSCRIBE", "PUBLISH"])
async def test_a_stranger_reaches_no_session(agent: Agent, login: Login, method: str, through_the_domain: bool) -> None:
    (bob,) = await registered(login, "bob")
    uri = f"sip:bob@{DOMAIN}" if through_the_domain else f"sip:{bob.session_id}@{agent.address}"
    stranger = await SipPeer.open()
    stranger.request(method, uri, from_stranger(method, uri), b"Hello", at=agent.address)
    assert (await stranger.response(method)).status == 403
    assert not any(isinstance(event, IncomingMessage) for event in bob.events)
    stranger.close()


async def test_a_message_in_the_name_of_a_user_needs_his_password(agent: Agent, login: Login) -> None:
    (bob,) = await registered(login, "bob")
    uri = f"sip:bob@{DOMAIN}"
    stranger = await SipPeer.open()
    fields = [("From", f"<sip:alice@{DOMAIN}>;tag=1"), *from_stranger("MESSAGE", uri)[1:]]
    stranger.request("MESSAGE", uri, fields, b"Hello", at=agent.address)
    assert (await stranger.response("MESSAGE")).status == 407
    assert not any(isinstance(event, IncomingMessage) for event in bob.events)
    stranger.close()
