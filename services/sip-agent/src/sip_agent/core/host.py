"""Hosts as SIP writes them (RFC 3261 §25.1): addresses, names for DNS, and texts that only look like one of them.

C libraries take `2130706433`, `0x7f.1` and `0177.0.0.1` for addresses, and others read them differently: here none of
them is a host, so no resolver ever sees one.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

# Without the dot at the end: the last label starts with a letter, so no number in any spelling is one. Underscores
# besides: Docker and Windows make such names.
_NAME = re.compile(r"(?=.{1,253}\Z)(?:(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\.)*(?!-)[A-Za-z][A-Za-z0-9_-]{0,62}(?<!-)")


def read_address(text: str) -> Address | None:
    """Read an address in its one plain spelling: four decimal numbers, or RFC 4291 text without a zone."""
    if "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def read_network(text: str) -> Network | None:
    """Read an address or a block `address/bits`; None for anything else."""
    if "%" in text:
        return None
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def unmapped(address: Address) -> Address:
    """Return the IPv4 address of an IPv4-mapped IPv6 one, any other as it is."""
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def is_name(text: str) -> bool:
    """Whether this is a name for DNS."""
    return _NAME.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """Whether this is an address in plain spelling or a name."""
    return read_address(text) is not None or is_name(text)
