"""From where an account is spoken to: by its own servers and its own cluster, or by strangers.

A session's Contact is no secret to those who have had a call with it, and nothing in SIP proves who sends: what comes
straight to the Contact, past the server that asks for credentials, comes from anybody.
"""

import functools
import ipaddress
from collections.abc import Iterable

from shared.errors import LocalError
from sip_agent.core.events import Flow
from sip_agent.core.host import Address, Network, read_address, unmapped

# Of what a stranger may send outside a dialog, none of these may reach a browser or tell that there is one.
NOT_FOR_STRANGERS = frozenset({"MESSAGE", "NOTIFY", "OPTIONS", "PUBLISH", "REFER", "SUBSCRIBE"})


def is_known(source: Flow, servers: Iterable[Flow], networks: Iterable[Network] = ()) -> bool:
    """Whether a request comes from one of `servers`, or out of `networks` that the operator trusts.

    A datagram has the port that its server listens on, so that answers find it (RFC 3581 or not); a connection may
    come from any port of the server's host (RFC 3261 §18.2.1).
    """
    address = _address(source.host)
    if address is None:
        return False
    for server in servers:
        if _address(server.host) == address and (source.reliable or source.port == server.port):
            return True
    return any(address.version == network.version and address in network for network in networks)


def read_networks(entries: Iterable[str]) -> tuple[Network, ...]:
    """Return the addresses and blocks of a setting."""
    try:
        return tuple(ipaddress.ip_network(entry) for entry in entries)
    except ValueError as error:
        raise LocalError(f"trusted sources: {error}") from error


@functools.lru_cache(1024)
def _address(host: str) -> Address | None:
    address = read_address(host.partition("%")[0])  # without the zone that the system writes behind a link-local one
    return None if address is None else unmapped(address)
