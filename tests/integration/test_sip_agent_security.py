"""What pages and strangers try: header fields, passwords, more calls than are theirs, words for our metrics."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from prometheus_client import REGISTRY, generate_latest
from tests.integration.test_sip_agent import (
    DOMAIN,
    SECRET,
    Login,
    agent,
    bus,
    login,
    registered,
    relay,
    signaling_tasks,
)
from tests.integration.test_sip_agent import settings as open_settings
from tests.support.bus_seats import RelaySeat, SessionSeat, account, eventually, eventually_allowed, sdp
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.bus import Bus
from shared.errors import RemoteError
from shared.messages import CallActionFailed, CallEstablished, IncomingCall
from sip_agent.app import Agent
from sip_agent.core.auth.digest import Credentials, DigestClient, parse_credentials
from sip_agent.core.policy.usage import RINGING_OF_SOURCE
from sip_agent.core.syntax.message import Request, Response
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "login", "open_settings", "relay", "signaling_tasks"]  # fixtures

HOME = 'Digest realm="home.example", nonce="n{}", algorithm={}, qop="auth"'
FOREIGN = 'Digest realm="evil.example", nonce="n9", algorithm=MD5, qop="auth"'


@pytest.fixture
def settings(open_settings: Settings) -> Settings:
    return msgspec.structs.replace(open_settings, max_calls_per_minute=4, max_concurrent_calls=2)


@pytest.fixture
async def server() -> AsyncIterator[SipPeer]:
    peer = await SipPeer.open()
    yield peer
    peer.close()


@pytest.fixture
async def stranger() -> AsyncIterator[SipPeer]:
    peer = await SipPeer.open()
    yield peer
    peer.close()


async def at(server: SipPeer, bus: Bus, register: bool = False, session_id: str = "s-alice") -> SessionSeat:
    """Log in with an account of that server."""
    host, _, port = server.address.partition(":")
    sealed = account(SECRET, session_id, "alice", "secret", host)
    seat = SessionSeat(
        bus, "agent-1", session_id, msgspec.structs.replace(sealed, port=int(port), register_required=register)
    )
    await seat.sit()
    await seat.open()
    return seat


async def answered(server: SipPeer, alice: SessionSeat, call_id: str = "c-1") -> PeerDialog:
    """Let alice call until both are through."""
    await alice.call("bob", call_id)
    invite = await server.expect("INVITE")
    server.respond(invite, 200, sdp(40000))
    await server.expect("ACK")
    await alice.expect(CallEstablished)
    return PeerDialog(server, received=invite)


def credentials_of(request: Request) -> list[str]:
    return [*request.headers.get_all("Authorization"), *request.headers.get_all("Proxy-Authorization")]


# -- header fields


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "1\r\nRoute: <sip:evil.example;lr>"),
        ("X-A", "1\nRoute: <sip:evil.example;lr>"),
        ("X-A", "1\r\n folded"),
        ("X-A", "1\0"),
        ("X-A\r\nRoute", "<sip:evil.example;lr>"),
        ("X-A: 1\r\nX-B", "1"),
        ("rOuTe", "<sip:evil.example;lr>"),
        ("v", "SIP/2.0/UDP evil.example"),
        ("t", "<sip:evil.example>"),
        ("Contact", "<sip:evil.example>"),
        ("l", "0"),
        ("Authorization", "Digest x=y"),
        ("P-Asserted-Identity", "<sip:boss@example.com>"),
        ("Diversion", "<sip:boss@example.com>"),
        ("X-A", "x" * 5000),
    ],
)
async def test_a_page_writes_no_protocol(
    bus: Bus, agent: Agent, relay: RelaySeat, server: SipPeer, name: str, value: str
) -> None:
    alice = await at(server, bus)
    with pytest.raises(RemoteError, match="400 Header Not Allowed"):
        await alice.call("bob", "c-1", **{name: value})
    await alice.call("bob", "c-2", **{"X-City": "Köln"})
    # The first INVITE is the second call's, and it has what we and the page wrote, once each.
    invite = await server.expect("INVITE")
    assert invite.headers.get("X-City") == "Köln"
    assert invite.headers.get_all("Route") == [] and len(invite.headers.get_all("Via")) == 1
    names = [name for name, _ in invite.headers]
    assert len(names) == len(set(names))


# -- passwords


async def test_our_bye_challenged_by_the_own_server(bus: Bus, agent: Agent, relay: RelaySeat, server: SipPeer) -> None:
    alice = await at(server, bus, register=True)
    register = await server.expect("REGISTER")
    assert credentials_of(register) == []
    offers = [("WWW-Authenticate", HOME.format(number, name)) for number, name in enumerate(("MD5", "SHA-512-256"))]
    server.respond(register, 401, headers=offers)
    again = await server.expect("REGISTER")
    (value,) = credentials_of(again)
    assert parse_credentials(value)["algorithm"] == "SHA-512-256"
    server.respond(again, 200, headers=[("Expires", "300")])
    await alice.registration("registered")
    await answered(server, alice)
    await alice.hang_up("c-1")
    bye = await server.expect("BYE")
    server.respond(bye, 401, headers=[("WWW-Authenticate", FOREIGN), ("Proxy-Authenticate", FOREIGN)])
    await eventually(lambda: len(agent.accounts.calls) == 0)
    await answered(server, alice, "c-2")
    await alice.hang_up("c-2")
    bye = await server.expect("BYE")
    assert credentials_of(bye) == []  # nor was the one before repeated with credentials, which would have come first
    server.respond(bye, 401, headers=[("WWW-Authenticate", HOME.format(7, "SHA-256"))])
    (value,) = credentials_of(await server.expect("BYE"))
    assert parse_credentials(value)["realm"] == "home.example"


async def test_our_re_invite_challenged_with_a_foreign_realm(
    bus: Bus, agent: Agent, relay: RelaySeat, server: SipPeer
) -> None:
    alice = await at(server, bus)
    await answered(server, alice)
    await alice.hold("c-1")
    invite = await server.expect("INVITE")
    server.respond(invite, 407, headers=[("Proxy-Authenticate", FOREIGN), ("WWW-Authenticate", FOREIGN)])
    assert (await alice.expect(CallActionFailed)).status == 407
    await alice.hang_up("c-1")
    bye = await server.expect("BYE")
    assert credentials_of(bye) == []


@pytest.mark.parametrize("status", [401, 407])
async def test_a_far_side_beside_the_server_gets_no_credentials_even_for_a_known_realm(
    bus: Bus, agent: Agent, relay: RelaySeat, server: SipPeer, stranger: SipPeer, status: int
) -> None:
    alice = await at(server, bus, register=True)
    register = await server.expect("REGISTER")
    server.respond(register, 401, headers=[("WWW-Authenticate", HOME.format(1, "MD5"))])
    server.respond(await server.expect("REGISTER"), 200, headers=[("Expires", "300")])
    await alice.registration("registered")
    await alice.call("bob", "c-1")
    invite = await server.expect("INVITE")
    stranger.tag = server.tag
    server.respond(invite, 200, sdp(40000), [stranger.contact])
    await stranger.expect("ACK")
    await alice.expect(CallEstablished)
    challenge = [("WWW-Authenticate", HOME.format(2, "MD5")), ("Proxy-Authenticate", HOME.format(2, "MD5"))]
    await alice.hold("c-1")
    stranger.respond(await stranger.expect("INVITE"), status, headers=challenge)
    assert (await alice.expect(CallActionFailed)).status == status
    await alice.hang_up("c-1")
    bye = await stranger.expect("BYE")
    stranger.respond(bye, status, headers=challenge)
    await eventually(lambda: len(agent.accounts.calls) == 0)
    assert credentials_of(bye) == []
    assert stranger.unread("BYE") == [] == stranger.unread("INVITE")


async def register_as(phone: SipPeer, agent: Agent, name: str, password: str, number: int) -> list[int]:
    """Let a phone register with one password; return the final statuses that it gets."""

    def fields(cseq: int) -> list[tuple[str, str]]:
        address = f"<sip:{name}@{DOMAIN}>"
        call_id = ("Call-ID", f"{phone.tag}-{name}-{number}")
        return [("From", f"{address};tag={phone.tag}"), ("To", address), call_id, ("CSeq", f"{cseq} REGISTER")]

    sent = phone.request("REGISTER", f"sip:{DOMAIN}", fields(1), at=agent.address)
    challenged = await phone.response("REGISTER")
    digest = DigestClient(Credentials(name, password), lambda: "cnonce")
    credentials = digest.answer(sent, challenged)
    phone.request("REGISTER", f"sip:{DOMAIN}", [*fields(2), *credentials], at=agent.address)
    return [challenged.status, (await phone.response("REGISTER")).status]


async def test_guessing_is_slowed_and_tells_nothing_of_who_exists(agent: Agent, stranger: SipPeer) -> None:
    known = [await register_as(stranger, agent, "alice", f"guess {number}", number) for number in range(7)]
    unknown = [await register_as(stranger, agent, "nobody", f"guess {number}", number) for number in range(7)]
    assert known == unknown == [[401, 401]] * 6 + [[401, 403]]
    # The right password of another user, from the same host, is taken.
    assert await register_as(stranger, agent, "bob", "bob-password", 1) == [401, 200]


async def test_who_is_logged_in_stays_so_while_another_one_guesses(
    agent: Agent, relay: RelaySeat, login: Login, stranger: SipPeer
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    for number in range(7):
        await register_as(stranger, agent, "alice", f"guess {number}", number)
    await alice.call("bob", "c-1")  # challenged anew, with a nonce that nobody has used
    await bob.expect(IncomingCall)


# -- more calls than are theirs


async def test_calls_at_once_are_capped_for_all_sessions_of_an_address(
    bus: Bus, agent: Agent, relay: RelaySeat, server: SipPeer
) -> None:
    desk, sofa = await at(server, bus), await at(server, bus, session_id="s-sofa")
    await answered(server, desk, "c-1")
    await answered(server, sofa, "c-2")
    with pytest.raises(RemoteError, match=r"403 Call Limit Reached \(2 At Once\)"):
        await sofa.call("bob", "c-3")
    assert server.unread("INVITE") == []
    await desk.hang_up("c-1")
    server.respond(await server.expect("BYE"), 200)
    await eventually(lambda: len(agent.accounts.calls) == 1)
    await until_allowed(sofa, "c-4")
    await server.expect("INVITE")


async def until_allowed(seat: SessionSeat, call_id: str) -> None:
    """Call once the end of the last call is written, which happens in the background."""
    await eventually_allowed(lambda: seat.call("bob", call_id))


async def test_calls_in_a_minute_are_capped(bus: Bus, agent: Agent, relay: RelaySeat, server: SipPeer) -> None:
    alice = await at(server, bus)
    for number in range(4):
        await until_allowed(alice, f"c-{number}")
        server.respond(await server.expect("INVITE"), 486)
        await alice.ended(f"c-{number}")
        await eventually(lambda: len(agent.accounts.calls) == 0)
    with pytest.raises(RemoteError, match="403 Call Limit Reached"):
        await alice.call("bob", "c-9")
    assert server.unread("INVITE") == []


async def test_one_stranger_cannot_take_all_calls_of_a_session(
    bus: Bus, agent: Agent, relay: RelaySeat, server: SipPeer, stranger: SipPeer
) -> None:
    alice = await at(server, bus)
    # The account's server becomes known by what is sent to it.
    await alice.call("bob", "c-1")
    server.respond(await server.expect("INVITE"), 486)
    await alice.ended()
    for number in range(20):
        invite(stranger, agent, alice, f"flood-{number}")
    refused = [await stranger.response("INVITE") for _ in range(20 - RINGING_OF_SOURCE)]
    assert {response.status for response in refused} == {486}
    assert len(agent.accounts.calls) == RINGING_OF_SOURCE
    for number in range(4):
        invite(server, agent, alice, f"real-{number}")
    await eventually(lambda: len(agent.accounts.calls) == RINGING_OF_SOURCE + 4)


def invite(peer: SipPeer, agent: Agent, seat: SessionSeat, call_id: str) -> None:
    fields = [
        ("From", f"<sip:caller@example.com>;tag={call_id}"),
        ("To", "<sip:alice@example.com>"),
        ("Call-ID", call_id),
        ("CSeq", "1 INVITE"),
        ("Content-Type", "application/sdp"),
    ]
    peer.request("INVITE", f"sip:{seat.session_id}@{agent.address}", fields, sdp(40000).encode(), at=agent.address)


# -- words for our metrics


async def test_strangers_choose_no_label_of_a_metric(agent: Agent, stranger: SipPeer) -> None:
    words = ["EVILMETHOD", "X'OR'1", "A" * 200]
    script = "<script>alert(1)</script>"
    for number, method in enumerate(words):
        fields = [
            ("From", f'"{script}" <sip:evil@{DOMAIN}>;tag=evil'),
            ("To", f"<sip:evil@{DOMAIN}>"),
            ("Call-ID", f"{script}{number}"),
            ("CSeq", f"{number + 1} {method}"),
            ("User-Agent", script),
        ]
        stranger.request(method, f"sip:evil@{DOMAIN}", fields, at=agent.address)
        assert isinstance(await stranger.response(method), Response)
    shown = generate_latest(REGISTRY).decode()
    assert 'method="other"' in shown
    assert [word for word in (*words, script, "evil@") if word in shown] == []
