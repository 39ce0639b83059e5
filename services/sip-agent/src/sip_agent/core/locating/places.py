"""The places that a request may go to (RFC 3261 §8.1.2: the ordered set of address, port and transport to attempt)."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from sip_agent.core.events import Flow


@dataclass(frozen=True, slots=True)
class Places:
    """`flows` holds one at least. `is_transport_free`: nobody insists on a transport; a long request may go by TCP."""

    flows: tuple[Flow, ...]
    is_transport_free: bool = False

    @classmethod
    def only(cls, flow: Flow) -> "Places":
        """One place, to be reached so and no other way."""
        return cls((flow,))

    def as_before(self, before: "Places | None") -> "Places":
        """The order of an earlier search, if that found the same: servers of equal weight are drawn by lot each time,
        but a nonce, a dialog and a connection are of one of them."""
        return before if before is not None and set(before.flows) == set(self.flows) else self

    def first(self, flow: Flow) -> "Places":
        """These places, but first that of `flow`, if it is one of them."""
        return Places(tuple(sorted(self.flows, key=lambda place: place != flow)), self.is_transport_free)

    def over(self, connections: Iterable[Flow]) -> "Places":
        """These places, but first the connections with their hosts: a phone behind NAT is reached no other way."""
        known = [
            connection
            for connection in connections
            if any((connection.transport, connection.host) == (place.transport, place.host) for place in self.flows)
        ]
        return Places(tuple(dict.fromkeys([*known, *self.flows])), self.is_transport_free)

    def includes(self, flow: Flow) -> bool:
        """Whether the address of a flow is one of these, by whatever transport."""
        return any((place.host, place.port) == (flow.host, flow.port) for place in self.flows)


class Unreachable:
    """Places that did not serve us lately, to be tried last (RFC 3263 §4.3 leaves to us for how long)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._until: OrderedDict[Flow, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def note(self, flow: Flow, until: float) -> None:
        """Avoid a place for a time."""
        self._until.pop(flow, None)
        self._until[flow] = until
        if len(self._until) > self._most:
            self._until.popitem(last=False)

    def answers(self, flow: Flow) -> None:
        """A place serves us again."""
        self._until.pop(flow, None)

    def holds(self, flow: Flow, now: float) -> bool:
        """Whether a place is to be avoided now."""
        return self._until.get(flow, now) > now

    def last(self, flows: Iterable[Flow], now: float) -> list[Flow]:
        """The places in their order, but those to be avoided at the end."""
        return sorted(flows, key=lambda flow: self.holds(flow, now))
