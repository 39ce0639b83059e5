"""Where a session of ours is by now, whose Contact names an agent that has died.

Both far sides of a call between two sessions may lose their agents at once: each new one asks here where the other is.
"""

import asyncio
from collections import OrderedDict
from dataclasses import replace

import nats.errors
import structlog

from shared.store import Store
from sip_agent.core.syntax.uri import SipUri, host_and_port
from sip_agent.ownership.lease import find_live

_log = structlog.get_logger(__name__)

MOST_DEAD = 1000
LOOK_EVERY = 0.25
FOUND_WITHIN = 8.0  # it is taken over as we have taken over ours; by a pod that starts anew, when that hears


class Whereabouts:
    """Looks only for what was at the address of an agent that died; everybody else is where the Contact says."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._dead: OrderedDict[str, None] = OrderedDict()

    def died(self, address: str) -> None:
        """Whoever was at this SIP address is dead; it does not matter who is there by now."""
        if address:
            self._dead[address] = None
            if len(self._dead) > MOST_DEAD:
                self._dead.popitem(last=False)

    async def find(self, hop: SipUri) -> SipUri:
        """Return a hop as it is, unless it is the Contact of a session whose agent is dead."""
        if hop.user is None or host_and_port(hop.host, hop.port or 5060) not in self._dead:
            return hop
        try:
            async with asyncio.timeout(FOUND_WITHIN):
                return await self._follow(hop, hop.user)
        except (TimeoutError, nats.errors.Error) as error:
            _log.info("session not found", session=hop.user, error=repr(error))
            return hop

    async def _follow(self, hop: SipUri, session_id: str) -> SipUri:
        while True:
            account = await self._store.accounts.get(session_id)
            if account is None:
                return hop
            lease = await find_live(self._store.leases, account.record.owner)
            if lease is not None and lease.incarnation == account.record.incarnation:
                host, _, port = lease.address.rpartition(":")
                return replace(hop, host=host.strip("[]"), port=int(port))
            await asyncio.sleep(LOOK_EVERY)
