"""The built-in domain: registrar, location and proxy for its addresses (RFC 3261 §10.3, §16), on this agent's socket.

Whatever is asked of it comes as real SIP, from phones and from this agent's own accounts alike.
"""

import functools
from collections.abc import Awaitable, Callable

import nats.errors
import structlog

from shared.errors import RemoteError
from shared.kv import Conflict
from shared.records import Binding, LocationRecord
from sip_agent import metrics
from sip_agent.core.auth.digest_server import DigestServer
from sip_agent.core.domain.proxy import Target
from sip_agent.core.domain.registrar import IntervalTooBrief, live, register
from sip_agent.core.errors import SipError
from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.origin import NOT_FOR_STRANGERS, is_known
from sip_agent.core.registration.register_request import granted_contacts, read_register
from sip_agent.core.syntax.message import Request, make_response
from sip_agent.core.syntax.uri import SipUri
from sip_agent.core.unavailable import retry_after
from sip_agent.domain.authentication import Authentication
from sip_agent.domain.flow_routes import FlowRoutes
from sip_agent.domain.forwarding import LiveForwarding
from sip_agent.domain.locations import aor_of
from sip_agent.domain.users import Users
from sip_agent.services import Services, token, wall_clock

_log = structlog.get_logger(__name__)

Change = Callable[[tuple[Binding, ...]], tuple[Binding, ...]]

DEFAULT_EXPIRES = 3600
EXPIRED_KEPT = 60.0  # the clocks of pods differ a little


class Domain:
    """Serves requests whose Request-URI is in the domain. `is_leaving`: whether there will be nobody to do so."""

    def __init__(
        self,
        services: Services,
        users: Users,
        digest: DigestServer,
        own_routes: list[SipUri],
        flow_routes: FlowRoutes,
        is_leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        self._services = services
        self._flow_routes = flow_routes
        self._users = users
        self._authentication = Authentication(services, users, digest)
        self._own_routes = own_routes
        self._is_leaving = is_leaving
        self._name = services.settings.domain.lower()

    def serves(self, uri: SipUri) -> bool:
        """Whether a URI is in the domain."""
        return uri.host.lower() == self._name

    def receive(self, transaction: TransactionId, request: Request, flow: Flow) -> None:
        """Take a request; it is served aside, for it needs the location table."""
        work: Callable[[], Awaitable[None]]
        if request.method == "REGISTER":
            work = functools.partial(self._register, transaction, request, flow)
        else:
            forwarding = LiveForwarding(self._services, transaction, request, self._own_routes)
            work = functools.partial(self._proxy, request, forwarding, flow)
        self._services.tasks.spawn(self._serve(transaction, request, work), f"domain {request.method}")

    async def _serve(self, transaction: TransactionId, request: Request, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except IntervalTooBrief as error:
            self._refuse(transaction, request, error, [("Min-Expires", str(error.min_expires))])
        except RemoteError as error:
            self._refuse(transaction, request, error)
        except (Conflict, nats.errors.Error) as error:
            # The location table is away, or fought over: another try may do better.
            _log.warning("location table", error=repr(error))
            self._refuse(transaction, request, RemoteError(503, "Service Unavailable"))
        except Exception:  # the task boundary: a transaction without a response would never end
            _log.exception("request not served", method=request.method)
            self._refuse(transaction, request, RemoteError(500, "Server Internal Error"))

    def _refuse(
        self,
        transaction: TransactionId,
        request: Request,
        error: RemoteError,
        headers: list[tuple[str, str]] | None = None,
    ) -> None:
        metrics.PROXIED.labels(metrics.method_label(request.method), metrics.code_class(error.status)).inc()
        headers = list(headers or [])
        if error.status == 503:
            headers.append(retry_after(self._services.chance()))
        response = make_response(request, error.status, error.reason, token(), headers)
        self._services.endpoint.respond(transaction, response)

    # -- registrar

    async def _register(self, transaction: TransactionId, request: Request, flow: Flow) -> None:
        address = request.to.uri
        if not isinstance(address, SipUri) or not self.serves(address) or not address.name:
            raise RemoteError(404, "Not Found")
        received = f"{flow.transport}:{flow.host}:{flow.port}"
        asked = read_register(request, DEFAULT_EXPIRES, received, self._services.agent)
        if not self._authentication.is_proven(transaction, request, flow, address.name, proxy=False):
            return
        if any(self.serves(contact.sip_uri) for contact in request.contacts):
            # RFC 5393 §3: a few such contacts make one request fork without end.
            raise RemoteError(403, "Contact In The Domain Itself")
        aor = aor_of(address)
        least = self._services.settings.min_expires
        bindings = await self._change(aor, lambda old: register(old, asked, least, wall_clock()))
        metrics.PROXIED.labels("REGISTER", "2xx").inc()
        response = make_response(request, 200, None, token(), granted_contacts(bindings, wall_clock()))
        self._services.endpoint.respond(transaction, response)

    async def _change(self, aor: str, change: Change) -> tuple[Binding, ...]:
        """Change an address's bindings; the change is made anew on what another agent wrote."""

        def decide(record: LocationRecord | None) -> LocationRecord | None:
            bindings = change(() if record is None else record.bindings)
            return LocationRecord(aor=aor, bindings=bindings) if bindings else None

        locations, chance = self._services.store.locations, self._services.chance
        entry = await locations.change(aor, decide, chance, ttl=lambda record: self._ttl(record.bindings))
        return () if entry is None else entry.record.bindings

    @staticmethod
    def _ttl(bindings: tuple[Binding, ...]) -> float:
        """How long a record is of use: phones that vanish never ask for the removal of theirs."""
        return max(binding.expires_at for binding in bindings) - wall_clock() + EXPIRED_KEPT

    # -- proxy

    async def _proxy(self, request: Request, forwarding: LiveForwarding, flow: Flow) -> None:
        transaction = forwarding.transaction
        uri = request.parsed_uri
        if self._is_new_call(request, flow) and self._is_leaving():
            raise RemoteError(503, "Agent Draining")
        if request.max_forwards == 0:
            raise RemoteError(483, "Too Many Hops")
        if request.headers.get_all("Proxy-Require"):
            raise RemoteError(420, "Bad Extension")
        if not uri.name:
            if request.method != "OPTIONS":
                raise RemoteError(404, "Not Found")
            self._services.endpoint.respond(transaction, make_response(request, 200, None, token()))
            return
        caller = request.from_.uri
        if isinstance(caller, SipUri) and self.serves(caller):
            if not self._authentication.is_proven(transaction, request, flow, caller.name, proxy=True):
                return
        elif request.method in NOT_FOR_STRANGERS and not request.to.tag and not self._is_known(flow):
            raise RemoteError(403, "Forbidden")
        targets = await self._targets(aor_of(uri), uri.name)
        metrics.PROXIED.labels(metrics.method_label(request.method), "forwarded").inc()
        await forwarding.start(targets)

    def _is_new_call(self, request: Request, flow: Flow) -> bool:
        """What our own accounts still begin belongs to calls that stand: a transfer, a second party."""
        is_begun = request.method == "INVITE" and not request.to.tag
        return is_begun and not is_known(flow, self._services.cluster.flows)

    def _is_known(self, flow: Flow) -> bool:
        return is_known(flow, self._services.cluster.flows, self._services.trusted)

    async def _targets(self, aor: str, name: str) -> list[Target]:
        entry = await self._services.store.locations.get(aor)
        bindings = live(entry.record.bindings, wall_clock()) if entry is not None else ()
        targets = [target for binding in bindings if (target := await self._target(binding)) is not None]
        if targets:
            return targets
        if bindings or self._users.is_listed(name) or entry is not None:
            raise RemoteError(480, "Temporarily Unavailable")
        raise RemoteError(404, "Not Found")

    async def _target(self, binding: Binding) -> Target | None:
        """Where a binding is reached: its Contact, unless it came from elsewhere (NAT) or over a connection."""
        transport, _, address = binding.received.partition(":")
        if transport in ("tcp", "tls"):
            # The phone listens nowhere else: only the agent that holds the connection reaches it.
            if binding.agent == self._services.agent:
                return Target(binding.contact, binding.received)
            return await self._target_elsewhere(binding)
        try:
            contact = SipUri.parse(binding.contact)
        except SipError:
            return None
        # `maddr` would send there what that host has not asked for.
        is_own = contact.host == address.rpartition(":")[0] and contact.param("maddr") is None
        if not binding.received or is_own:
            return Target(binding.contact, registered_from=binding.received)
        if binding.agent != self._services.agent:  # a NAT may let in nobody but the agent that the phone spoke to
            elsewhere = await self._target_elsewhere(binding)
            if elsewhere is not None:
                return elsewhere
        return Target(binding.contact, binding.received)

    async def _target_elsewhere(self, binding: Binding) -> Target | None:
        lease = await self._services.store.leases.get(binding.agent)
        if lease is None:
            return None
        return Target(binding.contact, route=self._flow_routes.route(lease.record.address, binding.received))
