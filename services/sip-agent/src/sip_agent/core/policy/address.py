"""Which addresses are somebody's on the Internet, and which are inside (the IANA special-purpose registries, RFC 6890).

Written out, not taken from `ipaddress.is_global`: its verdict on several of these blocks differs between releases of
Python 3.11, and what a browser may reach must not.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from sip_agent.core.host import Address, read_address

_INSIDE = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this host, this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; a cloud's metadata service at 100.100.100.200
        "127.0.0.0/8",
        "168.63.129.16/32",  # global by the registry, but the host agent of every machine in Azure
        "169.254.0.0/16",  # link-local; the metadata service of most clouds at 169.254.169.254
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, withdrawn
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")  # all that is assigned; loopback, fc00::/7, fe80::/10 and ff00::/8 are elsewhere
_INSIDE_V6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
# Where an IPv6 address holds an IPv4 one, and how many bits follow it.
_WITH_IPV4 = (
    (IPv6Network("::ffff:0:0/96"), 0),  # mapped
    (IPv6Network("::/96"), 0),  # compatible
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64 (RFC 6052)
    (IPv6Network("2002::/16"), 80),  # 6to4
)


def views(address: Address) -> tuple[Address, ...]:
    """Return the address, and the IPv4 address that it stands for, if any."""
    if isinstance(address, IPv6Address):
        for network, shift in _WITH_IPV4:
            if address in network:
                return address, IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return (address,)


def is_global_unicast(address: Address) -> bool:
    """Whether packets for it leave for one host on the Internet."""
    seen = views(address)[-1]
    if isinstance(seen, IPv4Address):
        return not any(seen in network for network in _INSIDE)
    return seen in _GLOBAL_V6 and not any(seen in network for network in _INSIDE_V6)


def source_of(host: str) -> str:
    """Return what one stranger may come from: an IPv4 address, or the /64 of an IPv6 one."""
    address = read_address(host)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Network((address, 64), strict=False))
    return host
