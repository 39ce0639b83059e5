"""What a sip-agent must live through: two agents with one address, strange bytes, a bucket that cannot be written."""

import asyncio
from collections.abc import Callable

import msgspec
import nats.errors
import pytest
from prometheus_client import CollectorRegistry
from tests.integration.test_sip_agent import (
    DOMAIN,
    SECRET,
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
from tests.support.bus_seats import RelaySeat, SessionSeat, account, eventually
from tests.support.sip_calls import make_in_dialog, make_invite

from shared import kv
from shared.bus import Bus
from shared.messages import CallEstablished, IncomingCall, SipAccount
from shared.sealing import Seal
from sip_agent import metrics
from sip_agent.app import Agent, running
from sip_agent.core.auth.digest import Challenge, Credentials, DigestClient
from sip_agent.core.auth.digest_server import DigestServer
from sip_agent.core.syntax.message import Message, Request, Response, make_response
from sip_agent.core.syntax.parser import parse
from sip_agent.core.transaction.timers import Timers
from sip_agent.services import wall_clock
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]  # fixtures


class Datagrams(asyncio.DatagramProtocol):
    """A stranger's socket."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.put_nowait(data)


async def send(agent: Agent, data: bytes) -> tuple[asyncio.DatagramTransport, Datagrams]:
    host, _, port = agent.address.rpartition(":")
    transport, stranger = await asyncio.get_running_loop().create_datagram_endpoint(
        Datagrams, remote_addr=(host, int(port))
    )
    transport.sendto(data)
    return transport, stranger


async def final_status(stranger: Datagrams) -> int:
    async with asyncio.timeout(5):
        while (status := int((await stranger.received.get()).split(b" ", 2)[1])) < 200:
            pass
    return status


def from_nearby(request: Request) -> bytes:
    request.headers.set("Via", "SIP/2.0/UDP 127.0.0.1:1;rport;branch=z9hG4bKstranger")
    return request.to_bytes()


async def test_one_address_at_two_agents_rings_at_both_and_one_answers(
    agent: Agent,
    bus: Bus,
    relay: RelaySeat,
    login: Login,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(metrics, "REGISTRY", CollectorRegistry())
        theirs = msgspec.structs.replace(settings, pod="agent-2", ops_port=0)
        async with running(theirs, Timers(t1=0.02, t2=0.16, t4=0.2)) as other:
            # Four contacts of one record, written by two agents at once: compare-and-swap must lose none.
            here = [SessionSeat(bus, "agent-1", f"s-{n}", _bob(f"s-{n}")) for n in range(2)]
            there = [SessionSeat(bus, "agent-2", f"s-{n}", _bob(f"s-{n}")) for n in range(2, 4)]
            for seat in (*here, *there):
                await seat.sit()
            await asyncio.gather(*(seat.open() for seat in (*here, *there)))
            for seat in (*here, *there):
                await seat.registration("registered")
            entry = await agent.services.store.locations.get(f"bob@{DOMAIN}")
            assert entry is not None and len(entry.record.bindings) == 4
            (alice,) = await registered(login, "alice")
            await alice.call("bob", "c-1")
            incoming = [await seat.expect(IncomingCall) for seat in (*here, *there)]
            await there[1].answer(incoming[3].call_id)
            await alice.expect(CallEstablished)
            await there[1].expect(CallEstablished)
            for seat in (*here, there[0]):
                assert (await seat.ended()).was_established is False
            await there[1].hang_up(incoming[3].call_id)
            assert (await alice.ended()).was_established
            await nothing_left(agent, alice, *here, *there)
            await eventually(lambda: other.services.endpoint.live == len(other.accounts.calls) == 0)
            await eventually(lambda: len(relay.released) == 5)
    assert sorted(relay.released) == sorted(["media of s-alice", *(f"media of s-{n}" for n in range(4))])


def _bob(session_id: str) -> SipAccount:
    return account(SECRET, session_id, "bob", "bob-password", DOMAIN)


async def test_a_caller_whose_name_is_no_utf_8_is_shown_and_its_call_recorded(
    agent: Agent, relay: RelaySeat, login: Login
) -> None:
    (alice,) = await registered(login, "alice")
    invite = make_invite()
    invite.uri = f"sip:s-alice@{agent.address}"
    invite.headers.set("From", '"J\udcfcrgen" <sip:bob@example.com>;tag=far')
    transport, stranger = await send(agent, from_nearby(invite))
    incoming = await alice.expect(IncomingCall)
    assert incoming.caller_name == "J\ufffdrgen"
    # It rings once it is recorded; a 100 may come before.
    await next_of(stranger, lambda message: isinstance(message, Response) and message.status == 180)
    assert len(await agent.services.store.calls.names()) == 1
    await alice.hang_up(incoming.call_id, 486, "Busy Here")
    assert await final_status(stranger) == 486
    assert (await alice.ended()).status == 486
    transport.close()


async def test_a_stranger_who_challenges_our_bye_learns_nothing_of_the_password(
    agent: Agent, relay: RelaySeat, login: Login
) -> None:
    (alice,) = await registered(login, "alice")
    invite = make_invite()
    invite.uri = f"sip:s-alice@{agent.address}"
    transport, stranger = await send(agent, b"\r\n")
    host, port = transport.get_extra_info("sockname")
    invite.headers.set("Contact", f"<sip:bob@{host}:{port}>")
    transport.sendto(from_nearby(invite))
    incoming = await alice.expect(IncomingCall)
    await alice.answer(incoming.call_id)
    ok = await next_of(stranger, lambda message: isinstance(message, Response) and message.status == 200)
    ack = make_in_dialog("ACK", 7, "far-call", "far", ok.to.tag or "")
    transport.sendto(from_nearby(ack))
    await alice.expect(CallEstablished)
    await alice.hang_up(incoming.call_id)
    bye = await next_of(stranger, lambda message: isinstance(message, Request) and message.method == "BYE")
    assert isinstance(bye, Request)
    challenge = [("WWW-Authenticate", challenge_of_the_domain())]
    transport.sendto(make_response(bye, 401, headers=challenge).to_bytes())
    await eventually(lambda: len(agent.accounts.calls) == 0)
    await nothing_left(agent, alice)
    while not stranger.received.empty():
        assert b"Authorization" not in stranger.received.get_nowait()
    transport.close()


async def next_of(stranger: Datagrams, such: Callable[[Message], bool]) -> Message:
    async with asyncio.timeout(5):
        while not such(message := parse(await stranger.received.get())):
            pass
    return message


async def test_credentials_of_a_name_that_is_no_utf_8_are_refused(agent: Agent) -> None:
    request = Request(
        "REGISTER",
        f"sip:{DOMAIN}",
        [
            ("Via", ""),
            ("From", f"<sip:bob@{DOMAIN}>;tag=t"),
            ("To", f"<sip:bob@{DOMAIN}>"),
            ("Call-ID", "strange"),
            ("CSeq", "1 REGISTER"),
        ],
    )
    nonce = Challenge.parse(challenge_of_the_domain()).nonce
    request.headers.add(
        "Authorization",
        f'Digest username="b\udcf6b", realm="{DOMAIN}", nonce="{nonce}", uri="sip:{DOMAIN}", response="0", qop=auth, '
        'nc=00000001, cnonce="c", algorithm=MD5',
    )
    transport, stranger = await send(agent, from_nearby(request))
    assert await final_status(stranger) == 401
    transport.close()


def challenge_of_the_domain() -> str:
    server = DigestServer(DOMAIN, Seal.derive(SECRET, b"cordboard digest nonces"), lambda: "salt")
    return server.challenge(wall_clock())[-1]


async def test_a_contact_that_is_in_the_domain_itself_is_refused(agent: Agent) -> None:
    fields = [
        ("Via", ""),
        ("From", f"<sip:bob@{DOMAIN}>;tag=t"),
        ("To", f"<sip:bob@{DOMAIN}>"),
        ("Call-ID", "loop"),
        ("CSeq", "1 REGISTER"),
        ("Contact", f"<sip:bob@{DOMAIN};maddr=127.0.0.1>"),
    ]
    request = Request("REGISTER", f"sip:{DOMAIN}", fields)
    challenge = Response(401, None, [("WWW-Authenticate", challenge_of_the_domain())])
    digest = DigestClient(Credentials("bob", "bob-password"), lambda: "cnonce")
    for name, value in digest.answer(request, challenge):
        request.headers.add(name, value)
    transport, stranger = await send(agent, from_nearby(request))
    assert await final_status(stranger) == 403
    transport.close()


async def test_calls_and_accounts_end_though_nothing_can_be_written_and_are_forgotten_once_it_can(
    agent: Agent, relay: RelaySeat, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)

    with monkeypatch.context() as patched:
        patched.setattr(agent.services.lease, "_acknowledged_at", float("-inf"))
        patched.setattr(kv, "write", _not_written)
        await alice.log_out()
        await bob.log_out()
        for seat in (alice, bob):
            assert (await seat.ended()).was_established
        assert len(await agent.services.store.calls.names()) == 2
    await eventually(lambda: len(agent.accounts) == len(agent.accounts.calls) == 0)
    await eventually(lambda: len(relay.released) == 2)


async def _not_written(*_: object) -> int:
    raise nats.errors.TimeoutError
