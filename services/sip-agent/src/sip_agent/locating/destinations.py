"""Every look-up of a place to send to: `Locator` finds it, `core.policy.destination` allows it or not.

Nothing outside this module asks the locator, so nothing is sent to an address that was not judged: the next hop of an
account, the route or target of a dialog (Contact, Record-Route), what a redirection or a transfer names. Responses are
not judged: they go where the request came from (RFC 3581).
"""

import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

import structlog

from shared.bus import Bus
from shared.messages import Heartbeat, Message
from shared.subjects import heartbeats
from sip_agent import metrics
from sip_agent.core.events import Flow
from sip_agent.core.host import is_host
from sip_agent.core.locating.places import Places
from sip_agent.core.policy.destination import DestinationPolicy, DestinationRefused, Reason
from sip_agent.core.syntax.uri import SipUri
from sip_agent.locating.locator import Locator

Peers = Callable[[], Awaitable[Collection[Flow]]]

_log = structlog.get_logger(__name__)

AGENT_KEPT = 300.0  # longer than NATS may be away: calls between agents go on meanwhile


class Cluster:
    """The SIP addresses of this agent and of the others that are heard."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._heard: dict[str, float] = {}

    async def listen(self, bus: Bus) -> None:
        """Listen to the heartbeats of agents."""
        await bus.serve(heartbeats("agent"), self._on_beat)

    async def _on_beat(self, message: Message) -> Message | None:
        if isinstance(message, Heartbeat) and message.address:
            self.hear(message.address, time.monotonic())
        return None

    def hear(self, address: str, now: float) -> None:
        """Take note of an agent, and forget those not heard for long."""
        self._heard[address] = now
        for silent in [one for one, at in self._heard.items() if now - at > AGENT_KEPT]:
            del self._heard[silent]

    @property
    def flows(self) -> list[Flow]:
        """Where each sends from by UDP."""
        split = [address.rpartition(":") for address in self.addresses]
        return [Flow("udp", host.strip("[]"), int(port)) for host, _, port in split]

    @property
    def addresses(self) -> Collection[str]:
        """Each as host:port."""
        return {self._own, *self._heard}


class Destinations:
    """The one way from a URI to the places to send to."""

    def __init__(self, policy: DestinationPolicy, cluster: Cluster, locator: Locator) -> None:
        self._locator = locator
        self._policy = policy
        self._cluster = cluster

    async def find(
        self, uri: SipUri, transport: str = "", peers: Collection[Flow] = (), more_peers: Peers | None = None
    ) -> Places:
        """Return the places of `uri` that are allowed; raise `DestinationRefused` where none is.

        `peers` are flows from which a request of the same dialog, or the registration of the same contact, came;
        `more_peers` is asked for others only where nothing else allows the place.
        """
        name = uri.param("maddr") or uri.host
        try:
            if not is_host(name):
                raise DestinationRefused("host")
            places = await self._locator.locate(uri, transport)
            allowed, why = self._judge_all(name, places, peers)
            if why is not None and more_peers is not None:
                allowed, why = self._judge_all(name, places, [*peers, *await more_peers()])
            if why is not None and not allowed:
                raise DestinationRefused(why)
        except DestinationRefused as refused:
            metrics.DESTINATIONS_REFUSED.labels(refused.why).inc()
            _log.warning("destination refused", why=refused.why, host=name, port=uri.port)
            raise
        return replace(places, flows=allowed)

    def _judge_all(self, name: str, places: Places, peers: Collection[Flow]) -> tuple[tuple[Flow, ...], Reason | None]:
        """The flows that are allowed, and why another is not."""
        judged = [(flow, self._judge(name, flow, peers)) for flow in places.flows]
        why = next((why for _, why in judged if why is not None), None)
        return tuple(flow for flow, refused in judged if refused is None), why

    def _judge(self, name: str, flow: Flow, peers: Collection[Flow]) -> Reason | None:
        known = {(peer.host, peer.port) for peer in peers}
        return self._policy.judge(name, flow.host, flow.port, self._cluster.addresses, known)
