"""Hosts of SIP URIs (RFC 3261 §25.1): addresses, names, and texts that some resolvers take for addresses."""

import ipaddress

from sip_agent.core.errors import SipError


def address(host: str) -> str | None:
    """The address that a literal means, None for what is none. An IPv4-mapped IPv6 address is the IPv4 address."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def is_name(host: str) -> bool:
    """Whether this is a name for DNS: its last label begins with a letter.

    `2130706433`, `0x7f.1` and `0177.0.0.1` are none, and a resolver that takes them for 127.0.0.1 must not see them.
    """
    last = host.removesuffix(".").rpartition(".")[2]
    return last[:1].isascii() and last[:1].isalpha()


def check_host(host: str) -> None:
    """Refuse what is neither address nor name."""
    if address(host) is None and not is_name(host):
        raise SipError(400, "Bad Host")
