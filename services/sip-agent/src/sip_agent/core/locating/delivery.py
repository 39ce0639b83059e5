"""One request on its way to one of several places (RFC 3263 §4.3), each tried by a transaction of its own.

The next place is tried after a time-out, a failure of the transport or a 503, unless more than a 100 was heard: then
somebody is being called already. Long requests go by TCP first (RFC 3261 §18.1.1).
"""

from collections.abc import Sequence

from sip_agent.core.events import Flow
from sip_agent.core.locating.places import Places, Unreachable
from sip_agent.core.syntax.message import Request

# §18.1.1: beyond this a datagram may not fit the path. What the layer adds is our Via and Max-Forwards.
MAX_DATAGRAM = 1300
_ADDED = 150


def ordered(request: Request, places: Places, unreachable: Unreachable, now: float) -> list[Flow]:
    """The flows to try: the same place by TCP first where the request is too long for a datagram."""
    flows = unreachable.last(places.flows, now)
    if not places.is_transport_free or flows[0].transport != "udp" or not is_long(request):
        return flows
    long_ways = []
    for flow in flows:
        by_tcp = flow._replace(transport="tcp")
        if flow.transport == "udp" and by_tcp not in flows and not unreachable.holds(by_tcp, now):
            long_ways.append(by_tcp)
        long_ways.append(flow)
    return long_ways


def is_long(request: Request) -> bool:
    """Whether a request is too long for a datagram, counted in characters: what is not ASCII takes a little more."""
    head = sum(len(name) + len(value) + 4 for name, value in request.headers)
    return len(request.start_line) + head + len(request.body) + _ADDED > MAX_DATAGRAM


class Delivery:
    """`flow` is where the request is now."""

    __slots__ = ("request", "flow", "_left", "_is_settled")

    def __init__(self, request: Request, flows: Sequence[Flow]) -> None:
        self.request = request
        self.flow = flows[0]
        self._left = list(flows[1:])
        self._is_settled = False

    @property
    def has_quick_way_out(self) -> bool:
        """Whether this is TCP in place of UDP to the same place, which is next."""
        return self.flow.reliable and self._left[:1] == [self.flow._replace(transport="udp")]

    def settle(self) -> None:
        """No other place is tried from now on."""
        self._is_settled = True
        self._left.clear()

    def hear(self, status: int) -> None:
        """Take note of a response."""
        if 100 < status < 200:
            self.settle()

    def go_on(self, is_connection_lost: bool) -> bool:
        """Move to the next place; return False where there is none.

        A place that was silent or busy is so by every transport; one that takes no TCP may take UDP (§18.1.1).
        """
        left = [
            flow
            for flow in self._left
            if is_connection_lost or (flow.host, flow.port) != (self.flow.host, self.flow.port)
        ]
        if self._is_settled or not left:
            return False
        self.flow, *self._left = left
        return True
