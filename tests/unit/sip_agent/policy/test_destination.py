"""Which destinations the lists and the default allow."""

import pytest

from shared.errors import LocalError
from sip_agent.core.policy.destination import DestinationPolicy, parse_ports


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("8.8.8.8", 5060, None),
        ("8.8.8.8", 5099, None),
        ("8.8.8.8", 5100, "port"),
        ("8.8.8.8", 25, "port"),
        ("10.0.0.1", 5060, "address"),
        ("127.0.0.1", 4222, "address"),
        ("::ffff:10.0.0.1", 5060, "address"),
        ("2606:4700::1", 5061, None),
        ("sip.example.com", 5060, "host"),
    ],
)
def test_without_a_setting_only_sip_ports_of_the_internet_are_allowed(host: str, port: int, why: str | None) -> None:
    assert DestinationPolicy().judge("sip.example.com", host, port) == why


@pytest.mark.parametrize(
    ("entry", "name", "host", "port"),
    [
        ("10.0.0.5", "10.0.0.5", "10.0.0.5", 5060),
        ("10.0.0.0/8", "x.test", "10.20.30.40", 5099),
        ("10.0.0.5:15060", "10.0.0.5", "10.0.0.5", 15060),
        ("10.0.0.0/8:1-65535", "10.0.0.5", "10.9.9.9", 4222),
        ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:10.0.0.1", 5060),
        ("pbx.example.com", "PBX.Example.com", "192.168.1.2", 5060),
        ("pbx.example.com:5160-5170", "pbx.example.com", "192.168.1.2", 5165),
        ("*.example.com", "a.b.example.com", "192.168.1.2", 5060),
        ("::1", "::1", "::1", 5060),
        ("[::1]:7000", "::1", "::1", 7000),
        ("[fd00::/8]:5060", "fd00::7", "fd00::7", 5060),
        ("fd00::/8", "fd00::7", "fd00::7", 5061),
        ("localhost", "localhost", "127.0.0.1", 5060),
    ],
)
def test_an_entry_allows_what_it_names(entry: str, name: str, host: str, port: int) -> None:
    assert DestinationPolicy([entry]).judge(name, host, port) is None
    assert DestinationPolicy([]).judge(name, host, port) is not None


@pytest.mark.parametrize(
    ("entry", "name", "host", "port"),
    [
        ("10.0.0.5", "10.0.0.5", "10.0.0.5", 4222),  # an entry without a port is for SIP
        ("10.0.0.5:15060", "10.0.0.5", "10.0.0.5", 5060),
        ("*.example.com", "example.com", "192.168.1.2", 5060),
        ("*.example.com", "evilexample.com", "192.168.1.2", 5060),
        ("pbx.example.com", "pbx.example.com.evil.test", "192.168.1.2", 5060),
        ("::1", "127.0.0.1", "127.0.0.1", 5060),
    ],
)
def test_an_entry_allows_nothing_else(entry: str, name: str, host: str, port: int) -> None:
    assert DestinationPolicy([entry]).judge(name, host, port) is not None


@pytest.mark.parametrize("denied", ["8.8.8.0/24", "sip.example.com", "*.example.com", "8.8.8.8:5060", "8.8.8.8"])
def test_a_denied_destination_is_refused_whatever_allows_it(denied: str) -> None:
    policy = DestinationPolicy(["8.8.8.8:1-65535", "sip.example.com"], [denied])
    assert policy.judge("sip.example.com", "8.8.8.8", 5060, peers=[("8.8.8.8", 5060)]) == "denied"


def test_a_denied_host_is_refused_at_every_port() -> None:
    assert DestinationPolicy(["10.0.0.0/8:1-65535"], ["10.0.0.5"]).judge("10.0.0.5", "10.0.0.5", 9, ()) == "denied"


def test_a_denied_address_is_refused_inside_ipv6_too() -> None:
    assert DestinationPolicy([], ["8.8.8.8"]).judge("x.test", "::ffff:8.8.8.8", 5060) == "denied"


def test_the_cluster_reaches_itself_whatever_the_lists_say() -> None:
    policy = DestinationPolicy([], ["10.0.0.0/8"])
    assert policy.judge("10.0.0.7", "10.0.0.7", 15060, cluster={"10.0.0.7:15060"}) is None
    assert policy.judge("agent-1.test", "10.0.0.7", 15060, cluster={"agent-1.test:15060"}) is None
    assert policy.judge("10.0.0.7", "10.0.0.7", 4222, cluster={"10.0.0.7:15060"}) == "denied"


def test_a_peer_is_answered_at_the_port_it_came_from_and_at_sip_ports() -> None:
    peers = [("192.168.1.20", 40000)]
    policy = DestinationPolicy()
    assert policy.judge("192.168.1.20", "192.168.1.20", 40000, peers=peers) is None
    assert policy.judge("192.168.1.20", "192.168.1.20", 5060, peers=peers) is None
    assert policy.judge("192.168.1.20", "192.168.1.20", 6379, peers=peers) == "address"
    assert policy.judge("192.168.1.21", "192.168.1.21", 40000, peers=peers) == "address"


@pytest.mark.parametrize(
    "entry", ["", "*", "a b", "10.0.0.0/33", "host:0", "host:70000", "host:9-8", "http://x", "a:b"]
)
def test_a_setting_that_cannot_be_read_stops_the_start(entry: str) -> None:
    with pytest.raises(LocalError):
        DestinationPolicy([entry])


def test_ports() -> None:
    assert parse_ports("5060") == range(5060, 5061)
    assert parse_ports("5060-5099") == range(5060, 5100)
