"""Requests for phones that only one agent can reach: over a connection, or through a NAT (RFC 3327, RFC 5626 §5.3).

Another agent sends them with a Route that names this one and the flow. Those that begin a dialog get a Record-Route,
so that what follows in it comes by here from either side. That dialog lives as long as this agent: the connection that
it needs dies with it, and the phone registers anew with another.
"""

import structlog

from shared.errors import RemoteError
from sip_agent.core.domain.flow_token import FlowTokens
from sip_agent.core.domain.proxy import Target
from sip_agent.core.errors import SipError
from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.locating.places import Places
from sip_agent.core.syntax.message import Request, make_response
from sip_agent.core.syntax.uri import SipUri
from sip_agent.domain.forwarding import LiveForwarding
from sip_agent.domain.locations import received_flow
from sip_agent.services import Services, token

_log = structlog.get_logger(__name__)

_BEGINS_DIALOG = ("INVITE", "SUBSCRIBE", "REFER")


class FlowRoutes:
    """`tokens` are the cluster's."""

    def __init__(self, services: Services, tokens: FlowTokens) -> None:
        self._services = services
        self._tokens = tokens

    def route(self, agent_address: str, received: str) -> str:
        """Return the Route that leads to a phone by the agent that it registered at."""
        return f"sip:{self._tokens.make(received)}@{agent_address};lr"

    def take(self, transaction: TransactionId, request: Request, flow: Flow) -> bool:
        """Take a request whose Route names one of our flows; False for any other."""
        found = self._strip(request)
        if found is None:
            return False
        stripped, received = found
        if request.max_forwards == 0:
            raise RemoteError(483, "Too Many Hops")
        forwarding = LiveForwarding(self._services, transaction, stripped, [])
        work = self._forward(forwarding, request, self._target(stripped, received, flow))
        self._services.tasks.spawn(work, f"flow {request.method}")
        return True

    def take_ack(self, ack: Request, flow: Flow) -> bool:
        """Take the ACK of a 2xx, which is of no transaction."""
        found = self._strip(ack)
        if found is None:
            return False
        stripped, received = found
        self._services.tasks.spawn(self._send_ack(stripped, self._target(stripped, received, flow)), "flow ACK")
        return True

    def _strip(self, request: Request) -> tuple[Request, str] | None:
        """Return the request without the Routes that are ours (RFC 3261 §16.4), and the flow that they name."""
        received = None
        stripped = request
        while stripped.routes and (named := self._flow_of(stripped.routes[0].uri)) is not None:
            received = named
            stripped = stripped.copy()
            stripped.headers.remove_first("Route")
        return None if received is None else (stripped, received)

    def _flow_of(self, uri: object) -> str | None:
        listening = self._services.listening
        if not isinstance(uri, SipUri) or not uri.user or uri.host not in (listening.host, listening.host6):
            return None
        return self._tokens.read(uri.user)

    def _target(self, request: Request, received: str, source: Flow) -> Target:
        if source == received_flow(received):  # the phone speaks: outward
            following = request.routes[0].uri if request.routes else None
            return Target(request.uri, route=str(following) if following is not None else "", is_routed=True)
        return Target(request.uri, received, record_route=self._record_route(request, received))

    def _record_route(self, request: Request, received: str) -> tuple[str, ...]:
        """Two where the sides differ in their transport (RFC 5658): first the one that the phone is to use."""
        if request.method not in _BEGINS_DIALOG or request.to.tag:
            return ()
        transport, name, listening = received.partition(":")[0], self._tokens.make(received), self._services.listening
        to_us = f"<sip:{name}@{listening.address()};lr>"
        if transport == "udp":
            return (to_us,)
        return f"<sip:{name}@{listening.address(transport)};transport={transport};lr>", to_us

    async def _forward(self, forwarding: LiveForwarding, request: Request, target: Target) -> None:
        try:
            await forwarding.start([target])
        except (RemoteError, SipError) as error:
            _log.info("request not sent down its flow", method=request.method, error=str(error))
            response = make_response(request, error.status, error.reason, token())
            self._services.endpoint.respond(forwarding.transaction, response)

    async def _send_ack(self, ack: Request, target: Target) -> None:
        try:
            if target.received:
                places = Places.only(received_flow(target.received))
            else:
                places = await self._services.destinations.find(SipUri.parse(target.route or target.uri))
        except (RemoteError, SipError) as error:
            _log.info("ack not sent down its flow", error=str(error))
        else:
            self._services.endpoint.send_ack(ack, places)
