"""Where requests of an account go outside dialogs, and so whose requests it takes there."""

from dataclasses import replace

from shared.errors import RemoteError
from shared.messages import SipAccount
from sip_agent.core.events import Flow
from sip_agent.core.locating.locating import MAX_FLOWS
from sip_agent.core.locating.places import Places
from sip_agent.core.origin import is_known
from sip_agent.core.syntax.uri import SipUri
from sip_agent.services import Services

MAX_SERVERS = 2 * MAX_FLOWS  # a name may lead to others in turn


class NextHop:
    """The outbound proxy, else the domain."""

    __slots__ = ("_services", "_account", "_servers", "_latest", "preferred")

    def __init__(self, services: Services, account: SipAccount) -> None:
        self._services = services
        self._account = account
        self._servers: tuple[Flow, ...] = ()  # the latest last
        self._latest: Places | None = None
        self.preferred: Flow | None = None  # what the registration went by

    @property
    def name(self) -> str:
        """What names it, for people and for whoever counts by it."""
        return self._account.outbound_proxy or self._account.domain

    @property
    def is_proxy(self) -> bool:
        """Whether it is an outbound proxy."""
        return bool(self._account.outbound_proxy)

    async def find(self, is_secure: bool = False) -> Places:
        """Look it up, for a sips: URI by TLS alone; raise `RemoteError` where that leads nowhere."""
        account = self._account
        if not account.outbound_proxy and account.domain.lower() == self._services.settings.domain.lower():
            if is_secure:
                raise RemoteError(416, "SIPS Is Not Served Here")
            return self._remember(Places.only(self._services.listener))
        where = SipUri.parse(f"{'sips' if is_secure else 'sip'}:{account.outbound_proxy or account.domain}")
        if account.port and where.port is None:
            where = replace(where, port=account.port)
        places = await self._services.destinations.find(where, account.transport)
        self._latest = places.as_before(self._latest)
        return self._remember(self._latest if self.preferred is None else self._latest.first(self.preferred))

    def _remember(self, places: Places) -> Places:
        if self._servers[-len(places.flows) :] != places.flows:
            others = [server for server in self._servers if server not in places.flows]
            self._servers = (*others, *places.flows)[-MAX_SERVERS:]
        return places

    def knows(self, source: Flow) -> bool:
        """Whether a request comes from the account's servers or from the cluster, and not from a stranger."""
        return is_known(source, [*self._servers, *self._services.cluster.flows], self._services.trusted)
