"""Whose connection it is, and how many of them a host may have: nobody may use up what is there for all.

Of IPv6 a host is the /64 that it is in, for it may take any address of that (RFC 4291 §2.5.1).
"""

import ipaddress
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, TypeVar

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

C = TypeVar("C", bound=Hashable)


def host_of(address: str) -> str:
    """Return the host that an address counts for."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


class Proxies:
    """Addresses and blocks of proxies whose word on their clients is believed; raise `ValueError` for other texts."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks: tuple[_Network, ...] = tuple(ipaddress.ip_network(one, strict=False) for one in trusted)

    def trusts(self, address: str) -> bool:
        """Whether there is a proxy at this address."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)

    def client(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """Return the address of the client: the last one of X-Forwarded-For that is no proxy of ours.

        What stands before it was said by the client himself.
        """
        client = peer
        hops = [hop.strip() for field in forwarded_for for hop in field.split(",")]
        while hops and self.trusts(client):
            hop = hops.pop()
            try:
                client = str(ipaddress.ip_address(hop))
            except ValueError:
                break
        return client


class Shares:
    """Counts what there is `most` of in all, and what one host may have of it. A host without a name has no bound."""

    def __init__(self, most: int, most_of_host: int) -> None:
        self._most = most
        self._most_of_host = most_of_host
        self._taken: Counter[str] = Counter()
        self._total = 0

    def __len__(self) -> int:
        return self._total

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left for anybody."""
        return self._total >= self._most

    def is_used_up_by(self, host: str) -> bool:
        """Whether the host has its share."""
        return host != "" and self._taken[host] >= self._most_of_host

    def take(self, host: str) -> None:
        """One more."""
        self._taken[host] += 1
        self._total += 1

    def give_back(self, host: str) -> None:
        """One less; a host without any is forgotten."""
        self._total -= 1
        self._taken[host] -= 1
        if self._taken[host] <= 0:
            del self._taken[host]


class HalfOpen(Generic[C]):
    """Connections that have not said what they want, in the order in which they came.

    Where there is no room, the oldest one must go and not the newest: who means it speaks at once.
    """

    def __init__(self, most: int, most_of_host: int) -> None:
        self._shares = Shares(most, most_of_host)
        self._hosts: dict[C, str] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    def add(self, connection: C, host: str) -> C | None:
        """Take note of a connection; return the one that is to be cut for it."""
        cut: C | None = None
        if self._shares.is_used_up_by(host):
            cut = next(one for one, whose in self._hosts.items() if whose == host)
        elif self._shares.is_used_up:
            cut = next(iter(self._hosts))
        if cut is not None:
            self.remove(cut)
        self._hosts[connection] = host
        self._shares.take(host)
        return cut

    def remove(self, connection: C) -> None:
        """It has spoken, or is gone."""
        host = self._hosts.pop(connection, None)
        if host is not None:
            self._shares.give_back(host)
