"""The addresses that a relay tells others, found on the host where settings do not give them."""

import ipaddress
import socket
from pathlib import Path

import structlog

from shared.errors import LocalError

_log = structlog.get_logger(__name__)

LOOPBACK = "127.0.0.1"
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_RESERVED = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")


def default_route_address() -> str | None:
    """Return the source address of the default route, None on a host without one. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: belongs to nobody
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return address


def browser_addresses(given: tuple[str, ...], bound: tuple[str, ...] = ("0.0.0.0",)) -> tuple[str, ...]:
    """Return the candidates' addresses, best first. Loopback is for browsers on this host.

    A name, a load balancer's say, is looked up here: browsers may ignore candidates that are names
    (RFC 8839 §5.1). Raise `LocalError` where it leads nowhere.
    """
    if given:
        return tuple(dict.fromkeys(address for host in given for address in _addresses(host)))
    if not any(ipaddress.ip_address(host).is_unspecified for host in bound):
        return bound
    found = default_route_address()
    return (LOOPBACK,) if found in (None, LOOPBACK) else (str(found), LOOPBACK)


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:  # the latter: a name that DNS cannot have
        raise LocalError(f"CORDBOARD_RELAY_ADDRESSES: {host}: {error}") from error
    return [str(address[0]) for *_, address in found]


def sip_address(given: str) -> str:
    """Return the address for SIP peers, as it is written in the shortest way."""
    try:
        return ipaddress.ip_address(given or default_route_address() or LOOPBACK).compressed
    except ValueError as error:
        raise LocalError(f"the address for SIP peers is no IP address: {given}") from error


def warn_of_overlap(low: int, high: int, ephemeral: Path = _EPHEMERAL, reserved: Path = _RESERVED) -> bool:
    """Say so if the kernel may give a port of ours to somebody else; return whether it may."""
    try:
        first, last = map(int, ephemeral.read_text().split())
        kept = reserved.read_text()
    except OSError:
        return False  # not Linux, or hidden from us
    in_danger = set(range(max(low, first), min(high, last) + 1)) - _ports(kept)
    if in_danger:
        _log.warning(
            "rtp ports overlap net.ipv4.ip_local_port_range: lower them or reserve them",
            rtp_ports=f"{low}-{high}",
            ephemeral_ports=f"{first}-{last}",
            unreserved=len(in_danger),
            sysctl=f"net.ipv4.ip_local_reserved_ports={kept.strip()},{low}-{high}".replace("=,", "="),
        )
    return bool(in_danger)


def _ports(ranges: str) -> set[int]:
    """Return the ports of a list as the kernel writes it: `8080,9000-9010`."""
    ports: set[int] = set()
    for part in ranges.strip().split(","):
        first, _, last = part.partition("-")
        if first:
            ports |= set(range(int(first), int(last or first) + 1))
    return ports
