"""Who is a stranger: by where a request comes from."""

import pytest

from shared.errors import LocalError
from sip_agent.core.events import Flow
from sip_agent.core.origin import is_known, read_networks

SERVER = Flow("udp", "192.0.2.1", 5060)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (Flow("udp", "192.0.2.1", 5060), True),
        (Flow("udp", "::ffff:192.0.2.1", 5060), True),  # as a socket of both families tells it
        (Flow("udp", "192.0.2.1", 5062), False),  # another program of that host
        (Flow("tcp", "192.0.2.1", 43210), True),  # a connection that the server has opened
        (Flow("udp", "192.0.2.2", 5060), False),
        (Flow("tcp", "192.0.2.2", 5060), False),
        (Flow("udp", "2001:db8::1", 5060), False),
        (Flow("udp", "no address", 5060), False),
    ],
)
def test_a_datagram_must_come_from_the_servers_port_a_connection_from_its_host(source: Flow, expected: bool) -> None:
    assert is_known(source, [SERVER]) is expected


def test_an_ipv6_address_is_the_same_in_any_spelling() -> None:
    assert is_known(Flow("udp", "2001:db8:0::1", 5060), [Flow("udp", "2001:db8::1", 5060)])


def test_networks_that_the_operator_trusts_are_known_at_any_port() -> None:
    networks = read_networks(["198.51.100.0/24", "2001:db8::5"])
    assert is_known(Flow("udp", "198.51.100.77", 40000), [], networks)
    assert is_known(Flow("udp", "2001:db8::5", 1), [], networks)
    assert not is_known(Flow("udp", "198.51.101.1", 5060), [], networks)


def test_a_setting_that_names_no_network_is_told() -> None:
    with pytest.raises(LocalError, match="trusted sources"):
        read_networks(["pbx.example.com"])
