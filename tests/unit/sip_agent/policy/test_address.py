"""Inside and outside."""

from ipaddress import ip_address

import pytest

from sip_agent.core.policy.address import is_global_unicast, views


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.19.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.1.75",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:0:127.0.0.1",
        "::10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_what_is_no_single_host_on_the_internet_is_inside(text: str) -> None:
    assert not is_global_unicast(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8",
        "172.15.255.255",
        "172.32.0.0",
        "100.128.0.1",
        "192.0.1.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    ],
)
def test_hosts_on_the_internet_are_outside(text: str) -> None:
    assert is_global_unicast(ip_address(text))


def test_an_ipv6_address_is_also_the_ipv4_address_in_it() -> None:
    assert [str(view) for view in views(ip_address("2002:a00:1::5"))] == ["2002:a00:1::5", "10.0.0.1"]
    assert [str(view) for view in views(ip_address("2606:4700::1"))] == ["2606:4700::1"]
