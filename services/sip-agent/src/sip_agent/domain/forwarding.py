"""A request of the built-in domain on its way to its targets: carries out what `core.domain.proxy` asks for."""

import asyncio
import time
from collections.abc import Sequence

import structlog

from shared.errors import RemoteError
from sip_agent.alarm import Alarm
from sip_agent.core.domain.proxy import CancelBranch, Forward, Forwarding, RespondUpstream, Target
from sip_agent.core.events import TransactionId
from sip_agent.core.locating.places import Places
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.syntax.uri import SipUri
from sip_agent.domain.locations import received_flow
from sip_agent.services import Services

_log = structlog.get_logger(__name__)


class LiveForwarding:
    """Lives as long as its transactions and its timer hold it."""

    def __init__(
        self, services: Services, transaction: TransactionId, request: Request, own_routes: Sequence[SipUri]
    ) -> None:
        self._services = services
        self.transaction = transaction
        self._request = request
        self._core = Forwarding(request, own_routes, services.settings.domain)
        self._is_cancelled = False
        self._branches: dict[TransactionId, int] = {}
        self._places: dict[Target, Places] = {}
        self._alarm = Alarm(self._on_timer)
        self._over: asyncio.Future[None] | None = None
        if request.method == "INVITE":
            # From the first moment: the caller may give up while the location table is read.
            services.endpoint.on_cancel(transaction, self._cancelled)

    async def start(self, targets: Sequence[Target]) -> None:
        """Find where the targets are, then forward to all of them."""
        reached = []
        for target in targets:
            try:
                self._places[target] = await self._find(target)
            except RemoteError as error:
                _log.info("target not reached", error=str(error))
            else:
                reached.append(target)
        if not reached:
            raise RemoteError(480, "Temporarily Unavailable")
        if self._is_cancelled:
            raise RemoteError(487, "Request Terminated")
        self._core.start(reached, time.monotonic())
        self._drain()

    async def wait_over(self) -> None:
        """Wait until every target has answered."""
        if not self._core.is_over:
            self._over = asyncio.get_running_loop().create_future()
            await self._over

    async def _find(self, target: Target) -> Places:
        if target.received:
            return Places.only(received_flow(target.received))
        if target.route:
            return await self._services.destinations.find(SipUri.parse(target.route))
        peers = [received_flow(target.registered_from)] if target.registered_from else []
        return await self._services.destinations.find(SipUri.parse(target.uri), peers=peers)

    def _cancelled(self, cancel: Request) -> None:
        self._is_cancelled = True
        self._core.cancel()
        self._drain()

    def receive_response(self, transaction: TransactionId, response: Response) -> None:
        """Take a response of a branch."""
        self._core.receive_response(self._branches[transaction], response, time.monotonic())
        self._drain()

    def transaction_failed(self, transaction: TransactionId, status: int, reason: str) -> None:
        """Take the word that a branch got no response."""
        self._core.branch_failed(self._branches[transaction], status)
        self._drain()

    def _on_timer(self) -> None:
        self._core.handle_timer(time.monotonic())
        self._drain()

    def _drain(self) -> None:
        for output in self._core.take_output():
            match output:
                case Forward(branch, request, target):
                    transaction = self._services.endpoint.send_request(request, self._places[target], self)
                    self._branches[transaction] = branch
                case CancelBranch(branch):
                    for transaction in [t for t, number in self._branches.items() if number == branch]:
                        self._services.endpoint.cancel(transaction)
                case RespondUpstream(response):
                    self._services.endpoint.respond(self.transaction, response)
        self._alarm.set(None if self._core.is_over else self._core.next_timer())
        if self._over is not None and self._core.is_over and not self._over.done():
            self._over.set_result(None)
