"""Wiring: what is made, in which order it starts, and in which it ends."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import structlog

from shared.drain import Drain
from shared.errors import LocalError
from shared.kv import LEASE_TTL
from shared.messages import Heartbeat
from shared.metrics import DRAINING, watch_loop_lag
from shared.presence import Presence, beat, listen
from shared.publisher import Publisher
from shared.records import AgentLease
from shared.sealing import Seal, given
from shared.start import Start, starting
from shared.subjects import agent_commands, agent_events
from shared.tasks import Tasks
from sip_agent import metrics
from sip_agent.accounts.table import Accounts
from sip_agent.calls.relay_watch import RelayWatch
from sip_agent.calls.usage import Usage
from sip_agent.core.auth.digest import HASHES
from sip_agent.core.auth.digest_server import DigestServer
from sip_agent.core.domain.flow_token import FlowTokens
from sip_agent.core.events import Flow
from sip_agent.core.host import read_address
from sip_agent.core.keep_alive import KeepAlive
from sip_agent.core.origin import read_networks
from sip_agent.core.policy.destination import DestinationPolicy
from sip_agent.core.policy.usage import Caps
from sip_agent.core.syntax.uri import SipUri
from sip_agent.core.takeover.failure_detector import FailureDetector
from sip_agent.core.transaction.layer import TransactionLayer
from sip_agent.core.transaction.timers import Timers
from sip_agent.domain.domain import Domain
from sip_agent.domain.flow_routes import FlowRoutes
from sip_agent.domain.users import Users
from sip_agent.locating.destinations import Cluster, Destinations
from sip_agent.locating.locator import Locator
from sip_agent.locating.lookup import Lookup
from sip_agent.locating.whereabouts import Whereabouts
from sip_agent.ownership.departure import Departure
from sip_agent.ownership.hearing import Hearing
from sip_agent.ownership.lease import Lease
from sip_agent.ownership.owner_index import OwnerIndex
from sip_agent.ownership.rescue import Rescue
from sip_agent.ownership.spreading import Spreading
from sip_agent.services import Services, token, wall_clock
from sip_agent.settings import Settings
from sip_agent.transport.endpoint import Endpoint
from sip_agent.transport.sockets import Listening, Sockets, families, is_local, own_address, reachable
from sip_agent.transport.stream import Limits
from sip_agent.transport.tls import Tls, TlsFiles
from sip_agent.user_agent import UserAgents

_log = structlog.get_logger(__name__)

DRAIN_NOTICE = 0.3  # one heartbeat and a bit: others stop sending work here


class Agent:
    """A running sip-agent."""

    def __init__(self, services: Services, accounts: Accounts, departure: Departure) -> None:
        self.services = services
        self.departure = departure
        self.accounts = accounts
        metrics.ACCOUNT_CAPACITY.set(services.settings.capacity)

    @property
    def address(self) -> str:
        """The SIP host:port that Contacts name."""
        return self.services.listening.address()

    def not_ready(self) -> str:
        """Why no new work is taken, "" if it is."""
        if self.accounts.is_draining:
            return "draining"
        return self.services.bus.not_ready() or ("" if self.services.lease.held() else "no lease")

    def heartbeat(self) -> Heartbeat:
        """What others hear of this agent."""
        return Heartbeat(
            kind="agent",
            pod=self.services.agent,
            load=len(self.accounts),
            capacity=self.services.settings.capacity,
            draining=self.accounts.is_draining,
            incarnation=self.services.lease.incarnation,
            address=self.address,
        )


@contextlib.asynccontextmanager
async def running(settings: Settings, timers: Timers | None = None) -> AsyncIterator[Agent]:
    """Run an agent while the block runs; leaving the block drains it and closes everything in order.

    `timers` are those of RFC 3261 unless a test cannot wait for them.
    """
    check(settings)
    rules = _Rules.of(settings)
    async with contextlib.AsyncExitStack() as stack:
        start = await stack.enter_async_context(starting(settings))
        services, sockets = await _open(settings, rules, timers or Timers(), start, stack)
        await services.cluster.listen(services.bus)
        if services.lease.has_former:
            services.whereabouts.died(services.listening.address())
        agent = await _start(services, rules.users, start)
        sockets.attach(services.endpoint)
        drain = Drain(services.tasks, lambda: _drain(agent))
        start.ready(agent.not_ready, drain)
        _log.info("ready", sip=agent.address, domain=settings.domain)
        try:
            with _ended_by(services.lease):
                yield agent
        finally:
            await drain.finish()
            await _close(agent)


@dataclass(frozen=True)
class _Rules:
    """What follows from the settings alone: wrong ones are told before anything is waited for, or taken."""

    users: Users
    seal: Seal
    caps: Caps
    destinations: DestinationPolicy
    tls: Tls

    @classmethod
    def of(cls, settings: Settings) -> "_Rules":
        """Raise `LocalError` that says which setting is wrong."""
        files = settings.sip_tls_certificate, settings.sip_tls_key, settings.sip_tls_ca, settings.sip_tls_client_ca
        return cls(
            users=Users(settings.users, settings.domain, *given(settings.secret, settings.second_secret)),
            seal=Seal(settings.secret, settings.second_secret),
            caps=Caps(settings.max_concurrent_calls, settings.max_calls_per_minute, settings.max_calls_per_day),
            destinations=DestinationPolicy(
                settings.allowed_destinations, settings.denied_destinations, settings.destination_ports
            ),
            tls=Tls(TlsFiles(*files)),
        )


async def _bind(settings: Settings, tls: Tls) -> Sockets:
    limits = Limits(most=settings.max_connections, most_of_address=settings.max_connections_of_address)
    return await Sockets.bind(settings.sip_host, settings.sip_port, settings.sip_tls_port, tls, limits)


async def _open(
    settings: Settings, rules: _Rules, timers: Timers, start: Start, stack: contextlib.AsyncExitStack
) -> tuple[Services, Sockets]:
    """Make what the parts share, the lease held, and the sockets, which nobody serves yet; `stack` ends each."""
    bus, store = start.bus, await start.open_store(settings)
    publisher = Publisher(bus, settings.pod, token(), settings.events)
    stack.push_async_callback(publisher.aclose)
    sockets = await _bind(settings, rules.tls)
    stack.push_async_callback(sockets.aclose)
    lookup = Lookup(settings.dns_servers, families(settings.sip_host))
    stack.push_async_callback(lookup.aclose)
    hosts = reachable(settings.sip_host, settings.advertised_host)
    listening = Listening(*hosts, sockets.port, sockets.tls_port)
    own = AgentLease(agent=settings.pod, incarnation=token(), address=listening.address())
    lease = Lease(store.leases, own, token, is_local(listening.host))
    layer = TransactionLayer(timers, token, listening.sent_by)
    endpoint = Endpoint(layer, lease.held, KeepAlive(settings.udp_keep_alive_seconds, random.random))
    stack.callback(endpoint.close)
    owner_index = OwnerIndex(store)
    await _acquire(lease, owner_index, start)
    stack.push_async_callback(lease.release)
    tasks = Tasks("agent")
    stack.push_async_callback(tasks.aclose)
    stack.enter_context(metrics.watch_stack(layer))
    cluster = Cluster(own.address)
    services = Services(
        settings=settings,
        bus=bus,
        store=store,
        publisher=publisher,
        endpoint=endpoint,
        lease=lease,
        owner_index=owner_index,
        seal=rules.seal,
        tasks=tasks,
        destinations=Destinations(rules.destinations, cluster, Locator(lookup)),
        cluster=cluster,
        whereabouts=Whereabouts(store),
        usage=Usage(store.usage, store.leases, rules.caps, lambda: lease.record, tasks, wall_clock, random.random),
        listener=Flow("udp", str(read_address(listening.host) or own_address()), sockets.port),
        listening=listening,
        trusted=read_networks(settings.trusted_sources),
        identity_sources=read_networks(settings.identity_sources),
        relays=Presence(random.Random()),
    )
    return services, sockets


async def _acquire(lease: Lease, owner_index: OwnerIndex, start: Start) -> None:
    """Take the lease; whoever takes over from this incarnation finds its accounts by the index that begins before."""
    lease.on_begin = owner_index.begin
    await start.insist("lease", lambda: owner_index.begin(lease.record))
    await start.insist("lease", lease.acquire)


@contextlib.contextmanager
def _ended_by(lease: Lease) -> Iterator[None]:
    """End the block by a `LocalError` once another process has the lease."""
    life = asyncio.current_task()
    assert life is not None
    lease.on_superseded = life.cancel
    if lease.is_superseded:
        life.cancel()
    try:
        yield
    except asyncio.CancelledError:
        if not lease.is_superseded:
            raise
        life.uncancel()
        raise LocalError(f"another process is {lease.record.agent}: CORDBOARD_POD must be unique") from None
    finally:
        lease.on_superseded = lambda: None  # leaving ends by itself, for nothing is left


async def _start(services: Services, users: Users, start: Start) -> Agent:
    settings, bus, tasks = services.settings, services.bus, services.tasks
    signaling, agents = Presence(random.Random()), Presence(random.Random())
    accounts = Accounts(services, signaling)
    agent = Agent(services, accounts, Departure(services, accounts, agents))
    secrets = given(settings.secret, settings.second_secret)
    nonces, *also = (Seal.derive(secret, b"cordboard digest nonces") for secret in secrets)
    digest = DigestServer(settings.domain, nonces, token, settings.digest_algorithms, also=also)
    own = SipUri.parse(f"sip:{services.listening.address()}")
    own_routes = [own, own.with_params(lr=None), SipUri("sip", None, settings.domain)]
    flow_routes = FlowRoutes(services, FlowTokens(*(Seal.derive(one, b"cordboard flow tokens") for one in secrets)))
    domain = Domain(services, users, digest, own_routes, flow_routes, lambda: agent.departure.is_last)
    UserAgents(services.endpoint, accounts, domain, flow_routes, settings.strangers_may_call)
    services.lease.on_buried = accounts.drop
    tasks.spawn(services.lease.renew_for_ever(), "lease")
    tasks.spawn(watch_loop_lag(), "loop lag")
    hearing = Hearing()
    await hearing.listen(bus, settings.pod)
    rescue = Rescue(services, accounts, agents, hearing, FailureDetector(LEASE_TTL))
    await rescue.listen(bus)
    await listen(bus, "relay", services.relays)
    await listen(bus, "signaling", signaling)
    await bus.serve(agent_commands(settings.pod), accounts.handle)
    await bus.serve(agent_events(settings.pod), accounts.hear)
    await start.insist("bus", bus.settle)
    tasks.spawn(accounts.watch(hearing), "watch")
    tasks.spawn(RelayWatch(bus, accounts.calls, services.relays).run(hearing), "relay watch")
    tasks.spawn(rescue.watch(), "rescue")
    tasks.spawn(Spreading(agent.heartbeat(), accounts, agent.departure, agents).run(hearing), "spreading")
    tasks.spawn(beat(bus, agent.heartbeat), "heartbeat")
    return agent


async def _drain(agent: Agent) -> None:
    agent.accounts.is_draining = True
    DRAINING.set(1)
    _log.info("draining", accounts=len(agent.accounts))
    if len(agent.accounts):
        await asyncio.sleep(DRAIN_NOTICE)
        await agent.departure.run(agent.services.settings.drain_seconds)


async def _close(agent: Agent) -> None:
    await agent.accounts.close()
    if agent.services.lease.held():
        await agent.services.owner_index.end(agent.services.lease.incarnation)
    DRAINING.set(0)


def check(settings: Settings) -> None:
    """Refuse settings with which nothing can work."""
    if not settings.digest_algorithms or not {*settings.digest_algorithms} <= HASHES.keys():
        raise LocalError(f"CORDBOARD_AGENT_DIGEST_ALGORITHMS: of {', '.join(HASHES)}, one or more")
    if not settings.secret:
        raise LocalError("CORDBOARD_SECRET is not set: every pod of the cluster needs the same one")
