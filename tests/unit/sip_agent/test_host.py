"""Addresses, names, and what only looks like one of them."""

from ipaddress import ip_address

import pytest

from sip_agent.core.host import is_host, read_address, read_network, unmapped


@pytest.mark.parametrize("text", ["127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "127.0.0.1.", "fe80::1%eth0", ""])
def test_only_the_plain_spelling_is_an_address(text: str) -> None:
    assert read_address(text) is None
    assert read_network(text) is None or text == "2130706433"


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "localhost.",
        "1.2.3.4.5",
        "256.0.0.1",
        "%31%32%37.0.0.1",
        "fe80::1%25eth0",
        "127。0。0。1",
        "ⓛocalhost",
        "a..b",
        "-a.test",
        "a-.test",
        "x" * 64 + ".test",
        ".".join(["a" * 60] * 5),
        "",
        "::1::",
    ],
)
def test_other_texts_are_no_hosts(host: str) -> None:
    assert not is_host(host)


@pytest.mark.parametrize("host", ["localhost", "sip.example.com", "a-b.c", "x1.xn--p1ai", "10.0.0.1", "::1", "my_host"])
def test_names_and_addresses_are_hosts(host: str) -> None:
    assert is_host(host)


def test_an_ipv4_address_is_the_same_in_ipv6() -> None:
    assert unmapped(ip_address("::ffff:192.0.2.1")) == ip_address("192.0.2.1")
    assert unmapped(ip_address("2001:db8::1")) == ip_address("2001:db8::1")
