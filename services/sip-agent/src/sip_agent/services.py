"""What the parts of the shell share: made once in `app`, passed to each."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.bus import Bus, expiry
from shared.ids import new_id
from shared.presence import Presence
from shared.publisher import Publisher
from shared.sealing import Seal
from shared.store import Store
from shared.tasks import Tasks
from sip_agent.accounts.registrar_turns import RegistrarTurns
from sip_agent.calls.usage import Usage
from sip_agent.core.call.rules import CallRules
from sip_agent.core.events import Flow
from sip_agent.core.host import Network
from sip_agent.locating.destinations import Cluster, Destinations
from sip_agent.locating.whereabouts import Whereabouts
from sip_agent.ownership.lease import Lease
from sip_agent.ownership.owner_index import OwnerIndex
from sip_agent.settings import Settings
from sip_agent.transport.endpoint import Endpoint
from sip_agent.transport.sockets import Listening


@dataclass(frozen=True)
class Services:
    """`listener` is where this agent's own SIP socket is reached: the next hop of accounts of the built-in domain.

    `relays` are those that are heard. The word of `identity_sources` counts for who a caller is (RFC 3325).
    """

    settings: Settings
    bus: Bus
    store: Store
    publisher: Publisher
    endpoint: Endpoint
    lease: Lease
    owner_index: OwnerIndex
    seal: Seal
    tasks: Tasks
    destinations: Destinations
    cluster: Cluster
    whereabouts: Whereabouts
    usage: Usage
    listener: Flow
    listening: Listening
    relays: Presence
    registrar_turns: RegistrarTurns = field(default_factory=RegistrarTurns)
    trusted: tuple[Network, ...] = ()  # networks whose requests are no stranger's
    identity_sources: tuple[Network, ...] = ()
    chance: Callable[[], float] = random.random

    @property
    def agent(self) -> str:
        """This pod's id."""
        return self.settings.pod

    def call_rules(self, has_outbound_proxy: bool) -> CallRules:
        """What calls of an account go by."""
        settings = self.settings
        return CallRules(
            ring_seconds=settings.ring_seconds,
            timers=self.endpoint.timers,
            chance=self.chance,
            reliable_provisional=settings.reliable_provisional,
            follow_redirects=settings.follow_redirects,
            has_outbound_proxy=has_outbound_proxy,
            session_expires=settings.session_expires,
            min_session_expires=settings.min_session_expires,
            accept_transfers=settings.accept_transfers,
        )


def token() -> str:
    """Return 80 random bits for a tag, branch or Call-ID."""
    return new_id("t", os.urandom)[2:]


def command_id() -> str:
    """Return a new id for a bus command."""
    return new_id("m", os.urandom)


def command_expiry() -> float:
    """Return when a command sent now is stale."""
    return expiry()


def wall_clock() -> float:
    """Return the time that records hold."""
    return time.time()
