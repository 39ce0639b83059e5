"""Where SIP may be sent for a browser: it names SIP servers, and with them any host that this agent can reach.

What is judged is the address that a name has led to, and exactly that address is sent to, so a name that changes its
mind between two look-ups (DNS rebinding) gains nothing. The order of the rules, the first that fits decides:

1. another part of this cluster: allowed
2. `denied`: refused
3. `allowed`, by the name that was asked for or by the address: allowed
4. a host that has sent SIP in the same dialog, or registered here, at its own port or a SIP port: allowed
5. anything but a global unicast address: refused; any port but a SIP port: refused
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from shared.errors import LocalError, RemoteError
from sip_agent.core.host import Address, Network, is_name, read_address, read_network
from sip_agent.core.policy.address import is_global_unicast, views
from sip_agent.core.syntax.uri import host_and_port

Reason = Literal["host", "denied", "address", "port"]

_PORTS = re.compile(r"(?P<low>[0-9]{1,5})(?:-(?P<high>[0-9]{1,5}))?")
_RULE = re.compile(rf"(?P<host>\[[^\]]*\]|[^:\[\]]+)(?::(?P<ports>{_PORTS.pattern}))?")

EVERY_PORT = range(1, 65536)


class DestinationRefused(RemoteError):
    """What the page is told; `why` is for the log and the metric."""

    def __init__(self, why: Reason) -> None:
        super().__init__(400, "Bad Host") if why == "host" else super().__init__(403, "Destination Not Allowed")
        self.why: Reason = why


def parse_ports(text: str) -> range:
    """Read `port` or `from-to`; `LocalError` for anything else."""
    found = _PORTS.fullmatch(text)
    if found is not None:
        ports = range(int(found["low"]), int(found["high"] or found["low"]) + 1)
        if ports and 1 <= ports[0] and ports[-1] <= 65535:
            return ports
    raise LocalError(f"no port or range of ports: {text}")


@dataclass(frozen=True)
class Rule:
    """One entry of a list: a block of addresses, or a name, or with `is_suffix` all names below one."""

    network: Network | None
    name: str
    is_suffix: bool
    ports: range

    @classmethod
    def parse(cls, text: str, default_ports: range) -> "Rule":
        """Read `host`, `*.suffix`, `address` or `address/bits`, each with `:port` or `:from-to` if wanted."""
        block = read_network(text)  # an IPv6 address without brackets has no room for a port
        if block is not None:
            return cls(block, "", False, default_ports)
        found = _RULE.fullmatch(text)
        if found is None:
            raise LocalError(f"no destination: {text}")
        host, ports = found["host"], parse_ports(found["ports"]) if found["ports"] else default_ports
        block = read_network(host[1:-1] if host.startswith("[") else host)
        if block is not None:
            return cls(block, "", False, ports)
        name = host.removeprefix("*.").lower()
        if not is_name(name):
            raise LocalError(f"no destination: {text}")
        return cls(None, name, host.startswith("*."), ports)

    def fits(self, names: Iterable[str], addresses: Iterable[Address], port: int) -> bool:
        """Whether the entry speaks of a destination."""
        if port not in self.ports:
            return False
        if self.network is not None:
            return any(address in self.network for address in addresses)
        return any(name.endswith(f".{self.name}") if self.is_suffix else name == self.name for name in names)


class DestinationPolicy:
    """Made from settings: `LocalError` for an entry that cannot be read."""

    def __init__(self, allowed: Iterable[str] = (), denied: Iterable[str] = (), sip_ports: str = "5060-5099") -> None:
        self._sip_ports = parse_ports(sip_ports)
        self._allowed = [Rule.parse(text, self._sip_ports) for text in allowed]
        self._denied = [Rule.parse(text, EVERY_PORT) for text in denied]

    def judge(
        self,
        name: str,
        host: str,
        port: int,
        cluster: Collection[str] = (),
        peers: Collection[tuple[str, int]] = (),
    ) -> Reason | None:
        """Say why nothing may be sent to the address `host` that `name` has led to, or None where it may.

        `cluster` holds the host:port of agents, `peers` those that a request of the same dialog, or a registration,
        really came from (RFC 3581).
        """
        address = read_address(host)
        if address is None:
            return "host"
        if host_and_port(host, port) in cluster or host_and_port(name, port) in cluster:
            return None
        names, seen = (name.lower(),), views(address)
        if any(rule.fits(names, seen, port) for rule in self._denied):
            return "denied"
        if any(rule.fits(names, seen, port) for rule in self._allowed) or self._is_peer(host, port, peers):
            return None
        if not is_global_unicast(address):
            return "address"
        return None if port in self._sip_ports else "port"

    def _is_peer(self, host: str, port: int, peers: Collection[tuple[str, int]]) -> bool:
        # Also at a SIP port: a phone that sends from any port, or over a connection, listens there.
        return any(host == peer and (port == own or port in self._sip_ports) for peer, own in peers)
