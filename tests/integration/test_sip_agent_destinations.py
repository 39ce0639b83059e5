"""A page, or a SIP peer, names a place inside: nothing is sent there (only one SIP server is allowed here)."""

from collections.abc import AsyncIterator
from itertools import count

import msgspec
import pytest
from tests.integration.test_sip_agent import agent, bus, relay, signaling_tasks
from tests.integration.test_sip_agent import settings as open_settings
from tests.support.bus_seats import RelaySeat, SessionSeat, sdp
from tests.support.dns_server import DnsServer
from tests.support.sip_peer import PeerDialog, SipPeer
from tests.support.sniffer import Sniffer, sniffer

from shared.bus import Bus
from shared.errors import RemoteError
from shared.messages import CallEstablished, IncomingCall, SipAccount
from sip_agent.app import Agent
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "open_settings", "relay", "signaling_tasks"]  # fixtures

INSIDE = "10.20.30.40"
METADATA = "169.254.169.254"


@pytest.fixture
async def server() -> AsyncIterator[SipPeer]:
    """The one SIP server that the setting allows."""
    peer = await SipPeer.open()
    yield peer
    peer.close()


@pytest.fixture
async def names() -> AsyncIterator[DnsServer]:
    """All names that there are."""
    async with DnsServer.running() as server:
        yield server


@pytest.fixture
def settings(open_settings: Settings, server: SipPeer, names: DnsServer) -> Settings:
    return msgspec.structs.replace(
        open_settings, allowed_destinations=(server.address,), dns_servers=(names.address,), ring_seconds=5.0
    )


@pytest.fixture
async def wire() -> AsyncIterator[Sniffer]:
    with sniffer() as seen:
        yield seen


_sessions = count(1)


async def log_in(bus: Bus, outbound_proxy: str, register: bool = False, **more: str) -> SessionSeat:
    account = SipAccount(
        login="alice",
        domain="example.test",
        outbound_proxy=outbound_proxy,
        register_required=register,
        transport=more.get("transport", "udp"),  # type: ignore[arg-type]
    )
    seat = SessionSeat(bus, "agent-1", f"s-{next(_sessions)}", account)
    await seat.sit()
    await seat.open()
    return seat


LITERALS = [
    ("127.0.0.1", "127.0.0.1", 5060),
    ("127.0.0.1:{nats}", "127.0.0.1", 0),
    ("127.9.9.9", "127.9.9.9", 5060),
    ("0.0.0.0", "0.0.0.0", 5060),
    ("[::]", "::", 5060),
    ("[::1]", "::1", 5060),
    ("[::ffff:127.0.0.1]", "127.0.0.1", 5060),
    ("[::ffff:7f00:1]", "127.0.0.1", 5060),
    ("[::127.0.0.1]", "127.0.0.1", 5060),
    ("[64:ff9b::7f00:1]", "127.0.0.1", 5060),
    ("[2002:7f00:1::]", "127.0.0.1", 5060),
    ("[fe80::1]", "fe80::1", 5060),
    ("[fd00:ec2::254]", "fd00:ec2::254", 5060),
    (METADATA, METADATA, 5060),
    (f"{METADATA}:80", METADATA, 80),
    ("100.100.100.200", "100.100.100.200", 5060),
    ("10.20.30.40", INSIDE, 5060),
    ("172.16.0.1", "172.16.0.1", 5060),
    ("192.168.1.1", "192.168.1.1", 5060),
    ("10.9.9.1:5060", "10.9.9.1", 5060),
    ("224.0.1.75", "224.0.1.75", 5060),
    ("255.255.255.255", "255.255.255.255", 5060),
    ("198.51.101.7:4222", "198.51.101.7", 4222),  # on the Internet, but no SIP port
    ("10.20.30.40;maddr=127.0.0.1", "127.0.0.1", 5060),
    ("198.51.101.7;maddr=10.20.30.40", INSIDE, 5060),
    ("user@10.20.30.40", INSIDE, 5060),
]
ODD = ["2130706433", "0x7f000001", "0177.0.0.1", "0x7f.0.0.1", "127.1", "127.0.0.1.", "localhost.", "017700000001"]


@pytest.mark.parametrize(("proxy", "host", "port"), LITERALS)
async def test_an_account_names_an_address_inside(
    agent: Agent, bus: Bus, wire: Sniffer, proxy: str, host: str, port: int
) -> None:
    nats = int(agent.services.settings.nats_url.rpartition(":")[2])
    for transport in ("udp", "tcp"):
        before = wire.sent_to(host, port or nats)
        seat = await log_in(bus, proxy.format(nats=nats), register=True, transport=transport)
        failed = await seat.registration("failed")
        assert (failed.status, failed.reason) == (403, "Destination Not Allowed")
        with pytest.raises(RemoteError, match="403 Destination Not Allowed"):
            await seat.call("bob", "c-1")
        assert wire.sent_to(host, port or nats) == before


@pytest.mark.parametrize("host", ODD)
async def test_an_account_names_an_address_in_an_odd_spelling(
    bus: Bus, wire: Sniffer, names: DnsServer, host: str
) -> None:
    seat = await log_in(bus, host, register=True)
    assert (await seat.registration("failed")).status == 400
    assert wire.sent_to("127.0.0.1", 5060) == set()
    assert names.asked == []


@pytest.mark.parametrize("host", ["%6cocalhost", "127。0。0。1", "ⓛocalhost", "a b", "a\r\nb"])
async def test_an_account_names_no_host_at_all(bus: Bus, wire: Sniffer, names: DnsServer, host: str) -> None:
    seat = await log_in(bus, host, register=True)
    assert (await seat.registration("failed")).status == 400
    assert names.asked == []


async def test_a_name_that_leads_inside(bus: Bus, wire: Sniffer, names: DnsServer) -> None:
    names.answers["inside.test", "A"] = [[METADATA]]
    names.answers["_sip._udp.srv.test", "SRV"] = [["1 1 5060 inside.test."]]
    for name in ("inside.test", "srv.test"):
        seat = await log_in(bus, name, register=True)
        assert (await seat.registration("failed")).status == 403
    assert "inside.test" in names.asked
    assert wire.sent_to(METADATA) == set()


async def test_of_several_addresses_only_those_outside_are_used(
    bus: Bus, server: SipPeer, wire: Sniffer, names: DnsServer
) -> None:
    port = int(server.address.rpartition(":")[2])
    names.answers["both.test", "A"] = [[INSIDE, "127.0.0.1", METADATA]]
    await log_in(bus, f"both.test:{port}", register=True)
    await server.expect("REGISTER")
    assert wire.sent_to("127.0.0.1", port) != set()  # what is sent is seen
    assert wire.sent_to(INSIDE) == set() == wire.sent_to(METADATA)


async def test_a_name_that_changes_its_mind_between_two_look_ups(
    bus: Bus, server: SipPeer, wire: Sniffer, names: DnsServer
) -> None:
    port = int(server.address.rpartition(":")[2])
    names.answers["rebinding.test", "A"] = [["127.0.0.1"], [INSIDE]]
    seat = await log_in(bus, f"rebinding.test:{port}", register=True)
    server.respond(await server.expect("REGISTER"), 200, headers=[("Expires", "300")])
    await seat.registration("registered")
    with pytest.raises(RemoteError, match="403 Destination Not Allowed"):
        await seat.call("bob", "c-1")
    assert names.asked.count("rebinding.test") == 2
    assert wire.sent_to(INSIDE) == set()


# -- what a SIP peer names


@pytest.fixture
async def alice(bus: Bus, relay: RelaySeat, server: SipPeer) -> SessionSeat:
    return await log_in(bus, server.address)


INNER = f"<sip:x@{INSIDE}:5060>"
NAMED = [
    ("Contact", INNER),
    ("Contact", "<sip:x@[::ffff:10.20.30.40]:5060>"),
    ("Contact", f"<sip:x@example.test;maddr={INSIDE}>"),
    ("Contact", "<sip:x@inside.test>"),
    ("Record-Route", f"<sip:{INSIDE};lr>"),
    ("Record-Route", f"<sip:{INSIDE}:5060>"),
]


async def talking(alice: SessionSeat, agent: Agent, server: SipPeer, field: tuple[str, str]) -> PeerDialog:
    """Let the server call alice, with that field, until both are through."""
    await invite(alice, agent, server, field)
    incoming = await alice.expect(IncomingCall)
    await alice.answer(incoming.call_id)
    dialog = PeerDialog(server, answered=await server.response("INVITE"))
    dialog.send("ACK", cseq=1)
    await alice.expect(CallEstablished)
    return dialog


async def invite(alice: SessionSeat, agent: Agent, server: SipPeer, *more: tuple[str, str]) -> None:
    fields = [
        ("From", f"<sip:bob@example.test>;tag={server.tag}"),
        ("To", "<sip:alice@example.test>"),
        ("Call-ID", f"in-{server.tag}"),
        ("CSeq", "1 INVITE"),
        ("Content-Type", "application/sdp"),
        *more,
    ]
    server.request("INVITE", f"sip:{alice.session_id}@{agent.address}", fields, sdp(40000).encode(), at=agent.address)


@pytest.mark.parametrize("field", NAMED)
async def test_an_answer_names_a_place_inside(
    alice: SessionSeat, server: SipPeer, wire: Sniffer, names: DnsServer, field: tuple[str, str]
) -> None:
    names.answers["inside.test", "A"] = [[INSIDE]]
    await alice.call("bob", "c-1")
    server.respond(await server.expect("INVITE"), 200, sdp(40000), [field])
    end = await alice.ended()
    assert (end.status, end.reason, end.by) == (403, "Destination Not Allowed", "system")
    assert wire.sent_to(INSIDE) == set()


async def test_a_redirection_leads_inside(bus: Bus, relay: RelaySeat, server: SipPeer, wire: Sniffer) -> None:
    host, _, port = server.address.rpartition(":")
    account = SipAccount(login="alice", domain=host, port=int(port), register_required=False)
    alice = SessionSeat(bus, "agent-1", "s-redirected", account)
    await alice.sit()
    await alice.open()
    await alice.call("bob", "c-1")
    server.respond(await server.expect("INVITE"), 302, headers=[("Contact", INNER)])
    end = await alice.ended()
    assert (end.status, end.reason) == (403, "Destination Not Allowed")
    assert wire.sent_to(INSIDE) == set()


@pytest.mark.parametrize("field", NAMED)
async def test_an_invite_names_a_place_inside(
    agent: Agent, alice: SessionSeat, server: SipPeer, wire: Sniffer, names: DnsServer, field: tuple[str, str]
) -> None:
    names.answers["inside.test", "A"] = [[INSIDE]]
    await talking(alice, agent, server, field)
    (call,) = agent.accounts.calls
    await alice.hang_up(call.call_id)
    assert (await alice.ended()).status == 200  # over for the user; to the far side no way leads
    assert wire.sent_to(INSIDE) == set()


async def test_a_target_refresh_names_a_place_inside(
    agent: Agent, alice: SessionSeat, server: SipPeer, wire: Sniffer
) -> None:
    dialog = await talking(alice, agent, server, server.contact)
    dialog.send("INVITE", [("Contact", INNER), ("Content-Type", "application/sdp")], sdp(40002).encode())
    assert (await server.response("INVITE")).status == 200
    dialog.send("ACK", cseq=101)
    (call,) = agent.accounts.calls
    await alice.hang_up(call.call_id)
    await alice.ended()
    assert wire.sent_to(INSIDE) == set()


async def test_a_host_inside_that_calls_is_answered_and_its_other_ports_are_not(
    agent: Agent, alice: SessionSeat, wire: Sniffer
) -> None:
    stranger = await SipPeer.open("10.9.9.1")
    await talking(alice, agent, stranger, stranger.contact)
    (call,) = agent.accounts.calls
    await alice.hang_up(call.call_id)
    await stranger.expect("BYE")
    await alice.ended()
    other = await SipPeer.open("10.9.9.1")
    await talking(alice, agent, other, ("Contact", "<sip:x@10.9.9.1:4222>"))
    await alice.hang_up([*agent.accounts.calls][-1].call_id)
    await alice.ended()
    assert wire.sent_to("10.9.9.1", 4222) == set()
    stranger.close()
    other.close()
