"""Locating servers with a real DNS server and the system's resolver."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from tests.support.dnsmasq import Dnsmasq, dnsmasq

from shared.errors import LocalError, RemoteError
from sip_agent.core.events import Flow
from sip_agent.core.locating.places import Places
from sip_agent.core.syntax.uri import SipUri
from sip_agent.locating.locator import Locator
from sip_agent.locating.lookup import Lookup

pytestmark = pytest.mark.peers

RECORDS = (
    "host-record=a.sip.test,192.0.2.1",
    "host-record=b.sip.test,192.0.2.2,2001:db8::2",
    "srv-host=_sip._tcp.sip.test,a.sip.test,5070,1",
    "srv-host=_sip._tcp.sip.test,b.sip.test,5071,2",
    "srv-host=_sip._udp.sip.test,a.sip.test,5060,1",
    "srv-host=_sips._tcp.sip.test,b.sip.test,5061,1",
    "naptr-record=sip.test,10,10,s,SIP+D2T,,_sip._tcp.sip.test",
    "naptr-record=sip.test,10,20,s,SIP+D2U,,_sip._udp.sip.test",
    "naptr-record=sip.test,20,10,s,SIPS+D2T,,_sips._tcp.sip.test",
    "srv-host=_sip._udp.closed.test,.,0,0",
)


@pytest.fixture
async def server() -> AsyncIterator[Dnsmasq]:
    async with dnsmasq(*RECORDS) as server:
        yield server


@pytest.fixture
async def lookup(server: Dnsmasq) -> AsyncIterator[Lookup]:
    lookup = Lookup([server.server])
    yield lookup
    await lookup.aclose()


async def test_records_of_all_kinds_lead_to_places(lookup: Lookup) -> None:
    async def flows(uri: str, transport: str = "") -> tuple[Flow, ...]:
        return (await Locator(lookup).locate(SipUri.parse(uri), transport)).flows

    tcp_first = (Flow("tcp", "192.0.2.1", 5070), Flow("tcp", "192.0.2.2", 5071), Flow("udp", "192.0.2.1", 5060))
    assert await flows("sip:bob@sip.test") == tcp_first
    assert await flows("sip:bob@sip.test", "udp") == tcp_first[2:]
    assert await flows("sips:bob@sip.test") == (Flow("tls", "192.0.2.2", 5061, "sip.test"),)
    assert await flows("sip:b.sip.test:5090") == (Flow("udp", "192.0.2.2", 5090),)


async def test_an_address_of_both_kinds_is_found_where_we_have_both(server: Dnsmasq) -> None:
    lookup = Lookup([server.server], (socket.AF_INET6, socket.AF_INET))
    flows = (await Locator(lookup).locate(SipUri.parse("sip:b.sip.test:5090"))).flows
    assert [flow.host for flow in flows] == ["2001:db8::2", "192.0.2.2"]
    await lookup.aclose()


async def test_a_name_without_records_cannot_be_reached(lookup: Lookup) -> None:
    for host, status in (("no.sip.test", 503), ("closed.test", 503), ("a..b", 400)):  # the last is no name at all
        with pytest.raises(RemoteError) as caught:
            await Locator(lookup).locate(SipUri.parse(f"sip:{host}"), "udp")
        assert caught.value.status == status


async def test_many_who_ask_the_same_share_one_look_up(server: Dnsmasq, lookup: Lookup) -> None:
    uri = SipUri.parse("sip:a.sip.test:5060")
    await asyncio.gather(*(Locator(lookup).locate(uri) for _ in range(50)))
    await Locator(lookup).locate(uri)
    await server.process.wait_for_output(r"query\[A\] a\.sip\.test")
    assert server.process.log.count("query[A] a.sip.test") == 1


async def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sip_agent.locating.lookup.ANSWER_WITHIN", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        lookup = Lookup([f"127.0.0.1:{silent.getsockname()[1]}"])
        with pytest.raises(RemoteError) as caught:
            await Locator(lookup).locate(SipUri.parse("sip:sip.test"))
        assert caught.value.status == 503
        await lookup.aclose()


async def test_without_servers_of_its_own_the_hosts_file_counts() -> None:
    lookup = Lookup()
    places = await Locator(lookup).locate(SipUri.parse("sip:localhost"), "udp")
    assert places == Places.only(Flow("udp", "127.0.0.1", 5060))
    await lookup.aclose()


@pytest.mark.parametrize("server", ["dns.test:53", "127.0.0.1", "127.0.0.1:x"])
def test_a_server_that_is_no_address_is_refused(server: str) -> None:
    with pytest.raises(LocalError):
        Lookup([server])
