"""Every look-up of a place to send to: `resolve` finds it, `core.policy.destination` allows it or not.

Nothing outside this module calls `resolve`, so nothing is sent to an address that was not judged: the next hop of an
account, the route or target of a dialog (Contact, Record-Route), what a redirection or a transfer names. Responses are
not judged: they go where the request came from (RFC 3581).
"""

import time
from collections.abc import Awaitable, Callable, Collection

import structlog

from shared.bus import Bus
from shared.messages import Heartbeat, Message
from shared.subjects import heartbeats
from sip_agent import metrics
from sip_agent.core.events import Flow
from sip_agent.core.policy.destination import DestinationPolicy, DestinationRefused, Reason, check_host
from sip_agent.core.syntax.uri import SipUri
from sip_agent.resolve import resolve

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
        return [Flow("udp", host, int(port)) for host, _, port in split]

    @property
    def addresses(self) -> Collection[str]:
        """Each as host:port."""
        return {self._own, *self._heard}


class Destinations:
    """The one way from a URI to a flow."""

    def __init__(self, policy: DestinationPolicy, cluster: Cluster) -> None:
        self._policy = policy
        self._cluster = cluster

    async def find(
        self, uri: SipUri, transport: str = "", peers: Collection[Flow] = (), more_peers: Peers | None = None
    ) -> Flow:
        """Return the flow to the host of `uri`; raise `DestinationRefused` where nothing may be sent there.

        `peers` are flows from which a request of the same dialog, or the registration of the same contact, came;
        `more_peers` is asked for others only where nothing else allows the place.
        """
        name = uri.param("maddr") or uri.host
        try:
            check_host(name)
            flow = await resolve(uri, transport)
            why = self._judge(name, flow, peers)
            if why is not None and more_peers is not None:
                why = self._judge(name, flow, await more_peers())
            if why is not None:
                raise DestinationRefused(why)
        except DestinationRefused as refused:
            metrics.DESTINATIONS_REFUSED.labels(refused.why).inc()
            _log.warning("destination refused", why=refused.why, host=name, port=uri.port)
            raise
        return flow

    def _judge(self, name: str, flow: Flow, peers: Collection[Flow]) -> Reason | None:
        known = {(peer.host, peer.port) for peer in peers}
        return self._policy.judge(name, flow.host, flow.port, self._cluster.addresses, known)
