"""The addresses that a relay tells others, found on the host where settings do not give them."""

import ipaddress
import os
import socket
from pathlib import Path

import structlog

from shared.errors import LocalError

_log = structlog.get_logger(__name__)

LOOPBACK = "127.0.0.1"
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_LOOPBACK = {socket.AF_INET: LOOPBACK, socket.AF_INET6: "::1"}
_NOBODY = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # RFC 5737, RFC 3849: they belong to no host
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_RESERVED = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
_NODE_PORTS = range(30000, 32768)  # of Kubernetes' Services, unless its API server is told others


def default_route_address(family: socket.AddressFamily = socket.AF_INET) -> str | None:
    """Return the source address of the family's default route, None on a host without one. Nothing is sent."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_NOBODY[family], 9))
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
        found = [address for host in given for address in _addresses(host, "CORDBOARD_RELAY_ADDRESSES")]
    else:
        whole = [_FAMILY[ip.version] for ip in map(ipaddress.ip_address, bound) if ip.is_unspecified]
        named = [host for host in bound if not ipaddress.ip_address(host).is_unspecified]
        routes = [route for route in map(default_route_address, whole) if route is not None]
        found = [*named, *routes, *(_LOOPBACK[family] for family in whole)]
    return tuple(dict.fromkeys(found))


def _addresses(host: str, setting: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:  # the latter: a name that DNS cannot have
        raise LocalError(f"{setting}: {host}: {error}") from error
    return [str(address[0]) for *_, address in found]


def sip_address(given: str) -> str:
    """Return the address for SIP peers, as it is written in the shortest way; of a name's, the first."""
    found = _addresses(given, "CORDBOARD_RELAY_SIP_ADDRESS")[0] if given else default_route_address() or LOOPBACK
    return ipaddress.ip_address(found).compressed


def warn_of_overlap(low: int, high: int, ephemeral: Path = _EPHEMERAL, reserved: Path = _RESERVED) -> bool:
    """Say so if the kernel, or Kubernetes, may give a port of ours to somebody else; return whether the kernel may."""
    _warn_of_node_ports(low, high)
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


def _warn_of_node_ports(low: int, high: int) -> None:
    """On a node's network, what comes for a Service's port goes to the Service, whoever has bound it."""
    if "KUBERNETES_SERVICE_HOST" in os.environ and low < _NODE_PORTS.stop and high >= _NODE_PORTS.start:
        _log.warning(
            "rtp ports overlap the NodePorts of Kubernetes: on the nodes' network a Service may take their packets",
            rtp_ports=f"{low}-{high}",
            node_ports=f"{_NODE_PORTS.start}-{_NODE_PORTS.stop - 1}",
        )


def _ports(ranges: str) -> set[int]:
    """Return the ports of a list as the kernel writes it: `8080,9000-9010`."""
    ports: set[int] = set()
    for part in ranges.strip().split(","):
        first, _, last = part.partition("-")
        if first:
            ports |= set(range(int(first), int(last or first) + 1))
    return ports
