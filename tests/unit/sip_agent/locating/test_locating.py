"""The search for a URI's places, against RFC 3263 clause by clause."""

from collections.abc import Mapping, Sequence

import pytest

from shared.errors import RemoteError
from sip_agent.core.events import Flow
from sip_agent.core.locating.locating import MAX_FLOWS, MAX_SERVERS, Locating
from sip_agent.core.locating.records import Naptr, Question, Record, Srv
from sip_agent.core.syntax.uri import SipUri

A1, A2, A3 = "192.0.2.1", "192.0.2.2", "192.0.2.3"

Zone = Mapping[tuple[str, str], Sequence[Record]]


def find(uri: str, zone: Zone, transport: str = "") -> tuple[list[str], tuple[Flow, ...]]:
    """Return what was asked, in order, and the flows."""
    locating = Locating(SipUri.parse(uri), lambda: 0.5, transport)
    asked = []
    while questions := locating.questions:
        for question in questions:
            asked.append(f"{question.kind} {question.name}")
            locating.take_answer(question, zone.get((question.kind, question.name), ()))
    return asked, locating.flows


@pytest.mark.parametrize(
    ("uri", "transport", "flow"),
    [
        # §4.1: a numeric TARGET without a transport is UDP for sip:, TLS over TCP for sips:; §4.2: default ports.
        ("sip:bob@192.0.2.1", "", Flow("udp", A1, 5060)),
        ("sips:bob@192.0.2.1", "", Flow("tls", A1, 5061, A1)),
        ("sips:bob@192.0.2.1:5070", "", Flow("tls", A1, 5070, A1)),
        ("sip:192.0.2.1:5070", "tcp", Flow("tcp", A1, 5070)),
        ("sip:192.0.2.1;transport=TCP", "udp", Flow("tcp", A1, 5060)),
        ("sip:192.0.2.1;transport=tls", "udp", Flow("tls", A1, 5061, A1)),
        # RFC 5630 §3.1.3: transport=tcp of a sips: URI is TLS; what the account prefers does not weaken it.
        ("sips:192.0.2.1;transport=tcp", "", Flow("tls", A1, 5061, A1)),
        ("sips:192.0.2.1", "udp", Flow("tls", A1, 5061, A1)),
        # §4: maddr is the TARGET; the certificate is still to be the domain's.
        ("sip:example.com;maddr=192.0.2.9", "", Flow("udp", "192.0.2.9", 5060)),
        ("sips:Example.com;maddr=192.0.2.9", "", Flow("tls", "192.0.2.9", 5061, "example.com")),
        ("sip:[2001:db8::1]:5080", "", Flow("udp", "2001:db8::1", 5080)),
        ("sip:[::ffff:192.0.2.1]", "", Flow("udp", A1, 5060)),
    ],
)
def test_an_address_needs_no_look_up(uri: str, transport: str, flow: Flow) -> None:
    assert find(uri, {}, transport) == ([], (flow,))


@pytest.mark.parametrize(
    ("uri", "transport", "asked"),
    [
        # §4.1, §4.2: with a port neither NAPTR nor SRV.
        ("sip:example.com:5070", "", ["ADDRESS example.com"]),
        # §4.2: with a transport SRV at once, and without SRV records the name itself.
        ("sip:example.com", "udp", ["SRV _sip._udp.example.com", "ADDRESS example.com"]),
        ("sip:example.com;transport=tcp", "", ["SRV _sip._tcp.example.com", "ADDRESS example.com"]),
        ("sip:example.com", "tls", ["SRV _sips._tcp.example.com", "ADDRESS example.com"]),
        # §4.1: without NAPTR records SRV for each transport of the scheme.
        (
            "sip:example.com",
            "",
            ["NAPTR example.com", "SRV _sip._udp.example.com", "SRV _sip._tcp.example.com", "ADDRESS example.com"],
        ),
        ("sips:example.com", "", ["NAPTR example.com", "SRV _sips._tcp.example.com", "ADDRESS example.com"]),
    ],
)
def test_what_is_asked_where_dns_has_addresses_only(uri: str, transport: str, asked: list[str]) -> None:
    questions, flows = find(uri, {("ADDRESS", "example.com"): [A1, A2]}, transport)
    assert questions == asked
    assert [flow.host for flow in flows] == [A1, A2]


def test_the_transport_without_any_record_is_that_of_the_scheme() -> None:
    zone = {("ADDRESS", "example.com"): [A1]}
    assert find("sip:example.com", zone)[1] == (Flow("udp", A1, 5060),)
    assert find("sips:example.com", zone)[1] == (Flow("tls", A1, 5061, "example.com"),)


def test_naptr_decides_transport_and_servers() -> None:
    zone: Zone = {
        ("NAPTR", "example.com"): [
            Naptr(50, 50, "s", "SIP+D2U", "_sip._udp.example.com"),
            Naptr(50, 20, "S", "sip+d2t", "_sip._tcp.example.com"),
            Naptr(20, 10, "s", "SIP+D2S", "_sip._sctp.example.com"),  # not understood, so its order does not count
            Naptr(90, 10, "s", "SIPS+D2T", "_sips._tcp.example.com"),  # RFC 3403 §4.1: of a higher order
        ],
        ("SRV", "_sip._tcp.example.com"): [Srv(1, 0, 5070, "a.example.net")],
        ("SRV", "_sip._udp.example.com"): [Srv(1, 0, 5080, "b.example.net")],
        ("ADDRESS", "a.example.net"): [A1],
        ("ADDRESS", "b.example.net"): [A2],
    }
    asked, flows = find("sip:example.com", zone)
    assert flows == (Flow("tcp", A1, 5070), Flow("udp", A2, 5080))
    assert "SRV _sips._tcp.example.com" not in asked


def test_sips_takes_nothing_but_tls_from_naptr_and_keeps_the_domain_for_the_certificate() -> None:
    zone: Zone = {
        ("NAPTR", "example.com"): [
            Naptr(10, 10, "s", "SIP+D2U", "_sip._udp.example.com"),
            Naptr(20, 10, "s", "SIPS+D2T", "_sips._tcp.hosting.net"),
        ],
        ("SRV", "_sips._tcp.hosting.net"): [Srv(1, 0, 5063, "sbc.hosting.net")],
        ("ADDRESS", "sbc.hosting.net"): [A1],
    }
    assert find("sips:example.com", zone)[1] == (Flow("tls", A1, 5063, "example.com"),)


def test_servers_are_tried_by_priority_each_with_all_its_addresses() -> None:
    zone: Zone = {
        ("SRV", "_sip._udp.example.com"): [
            Srv(20, 0, 5060, "second.example.com"),
            Srv(10, 0, 5062, "first.example.com"),
        ],
        ("ADDRESS", "first.example.com"): [A1, A2],
        ("ADDRESS", "second.example.com"): [A3],
    }
    flows = find("sip:example.com", zone, "udp")[1]
    assert flows == (Flow("udp", A1, 5062), Flow("udp", A2, 5062), Flow("udp", A3, 5060))


def test_a_server_without_address_is_left_out() -> None:
    zone: Zone = {
        ("SRV", "_sip._udp.example.com"): [Srv(1, 0, 5060, "gone.example.com"), Srv(2, 0, 5060, A3)],
    }
    assert find("sip:example.com", zone, "udp")[1] == (Flow("udp", A3, 5060),)


def test_a_name_that_a_resolver_takes_for_an_address_is_never_asked() -> None:
    zone: Zone = {("SRV", "_sip._udp.example.com"): [Srv(1, 0, 5060, "2130706433"), Srv(1, 0, 5060, "0x7f.1")]}
    asked, _ = find("sip:example.com", zone, "udp")
    assert asked == ["SRV _sip._udp.example.com", "ADDRESS example.com"]


@pytest.mark.parametrize(
    "host", ["2130706433", "0177.0.0.1", "0x7f.1", "0x7f000001", "127.1", "1.2.3.4.5", "a.1", "a.1."]
)
def test_a_host_that_is_neither_address_nor_name_is_refused(host: str) -> None:
    for uri in (f"sip:{host}", f"sip:bob@{host}:5060", f"sip:example.com;maddr={host}"):
        with pytest.raises(RemoteError) as caught:
            Locating(SipUri.parse(uri), lambda: 0.5)
        assert caught.value.status == 400


@pytest.mark.parametrize(("uri", "status"), [("sip:a.test;transport=ws", 501), ("sips:a.test;transport=udp", 400)])
def test_a_transport_that_cannot_be_is_refused(uri: str, status: int) -> None:
    with pytest.raises(RemoteError) as caught:
        Locating(SipUri.parse(uri), lambda: 0.5)
    assert caught.value.status == status


def test_a_domain_cannot_make_us_try_without_end() -> None:
    names = [f"s{number}.example.com" for number in range(50)]
    zone: dict[tuple[str, str], Sequence[Record]] = {
        ("SRV", "_sip._udp.example.com"): [Srv(number, 0, 5060, name) for number, name in enumerate(names)]
    }
    zone |= {("ADDRESS", name): [f"198.51.100.{number}" for number in range(200)] for name in names}
    asked, flows = find("sip:example.com", zone, "udp")
    assert len(asked) == 1 + MAX_SERVERS and len(flows) == MAX_FLOWS


def test_an_address_that_comes_twice_is_tried_once() -> None:
    assert find("sip:example.com:5060", {("ADDRESS", "example.com"): [A1, A1]})[1] == (Flow("udp", A1, 5060),)


def test_mapped_addresses_in_answers_are_ipv4() -> None:
    zone = {("ADDRESS", "example.com"): ["::ffff:192.0.2.1", "2001:db8::1"]}
    assert [flow.host for flow in find("sip:example.com:5060", zone)[1]] == [A1, "2001:db8::1"]


def test_only_a_free_transport_may_be_changed() -> None:
    assert Locating(SipUri.parse("sip:a.test"), lambda: 0.5).is_transport_free
    assert not Locating(SipUri.parse("sip:a.test"), lambda: 0.5, "udp").is_transport_free
    assert not Locating(SipUri.parse("sip:a.test;transport=udp"), lambda: 0.5).is_transport_free


def test_the_answers_of_one_stage_may_come_in_any_order() -> None:
    locating = Locating(SipUri.parse("sip:example.com"), lambda: 0.5)
    locating.take_answer(Question("NAPTR", "example.com"), ())
    udp, tcp = locating.questions
    locating.take_answer(tcp, [Srv(1, 0, 5070, A2)])
    assert locating.questions == (udp, tcp)
    locating.take_answer(udp, [Srv(1, 0, 5080, A1)])
    assert locating.flows == (Flow("udp", A1, 5080), Flow("tcp", A2, 5070))
