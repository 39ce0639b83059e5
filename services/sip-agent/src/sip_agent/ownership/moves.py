"""Requests for accounts that change hands (docs/bus.md): while it is open whose an account is, they wait; afterwards
they are served here, or sent on to the agent that has it.

A registrar knows our Contact until we remove it, and what it sent a moment before arrives a moment after.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from shared.errors import RemoteError
from sip_agent.core.domain.proxy import Target
from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.origin import NOT_FOR_STRANGERS
from sip_agent.core.syntax.message import Request, make_response
from sip_agent.core.syntax.uri import SipUri
from sip_agent.core.unavailable import retry_after
from sip_agent.domain.forwarding import LiveForwarding
from sip_agent.services import Services, token

_log = structlog.get_logger(__name__)

Serve = Callable[[TransactionId, Request, Flow], None]
Knows = Callable[[Flow], bool]
Waiting = dict[TransactionId, tuple[Request, Flow]]


@dataclass(frozen=True)
class _Moved:
    """`knows` tells the account's own servers from strangers, which the next agent cannot: to it all comes from us."""

    address: str
    knows: Knows


class Moves:
    """`serve` takes the requests that are served here after all."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._waiting: dict[str, Waiting] = {}
        self._moved: dict[str, _Moved] = {}
        self._forwarding: set[asyncio.Task[None]] = set()
        self.serve: Serve = lambda *_: None

    async def join(self, within: float) -> None:
        """Wait until the requests that were sent on are answered, but not longer than `within` seconds."""
        if self._forwarding:
            await asyncio.wait(self._forwarding, timeout=max(0.0, within))

    def begin(self, session_id: str) -> None:
        """It is open whose the account is."""
        self._waiting[session_id] = {}

    def stays(self, session_id: str) -> None:
        """The account is ours."""
        self._settle(session_id)

    def moved(self, session_id: str, address: str, knows: Knows) -> None:
        """The account is that of the agent with this SIP address."""
        self._moved[session_id] = _Moved(address, knows)
        self._settle(session_id)

    def forget(self, session_id: str) -> None:
        """The account has come back."""
        self._moved.pop(session_id, None)

    def _settle(self, session_id: str) -> None:
        self._serve_all(self._waiting.pop(session_id, {}))

    def _serve_all(self, waiting: Waiting) -> None:
        for transaction, (request, flow) in list(waiting.items()):
            del waiting[transaction]  # from here on whoever serves it sees to its CANCEL
            self.serve(transaction, request, flow)

    def go_first(
        self, move: Callable[[], Awaitable[bool]], transaction: TransactionId, request: Request, flow: Flow
    ) -> None:
        """Let an INVITE wait until its account has moved; it is refused if the account stays, as we shall not."""
        waiting: Waiting = {}
        self._let_wait(waiting, transaction, request, flow)
        self._services.tasks.spawn(self._serve_after(move, waiting), "go first")

    async def _serve_after(self, move: Callable[[], Awaitable[bool]], waiting: Waiting) -> None:
        has_moved = False
        try:
            has_moved = await move()
        finally:
            if has_moved:
                self._serve_all(waiting)
            else:
                self._refuse_all(waiting)

    def _refuse_all(self, waiting: Waiting) -> None:
        for transaction, (request, _) in waiting.items():
            again = [retry_after(self._services.chance())]
            response = make_response(request, 503, "Agent Draining", token(), again)
            self._services.endpoint.respond(transaction, response)
        waiting.clear()

    def let_wait(self, session_id: str, transaction: TransactionId, request: Request, flow: Flow) -> bool:
        """Take a request inside a dialog while it is open who has that; False if it is not."""
        if session_id in self._waiting:
            self._let_wait(self._waiting[session_id], transaction, request, flow)
            return True
        return False

    def take(self, transaction: TransactionId, request: Request, flow: Flow) -> bool:
        """Take a request outside any dialog; False if its account is not one that moves, or has moved."""
        uri = request.parsed_uri
        if uri.name in self._waiting:
            self._let_wait(self._waiting[uri.name], transaction, request, flow)
        elif uri.name in self._moved:
            self._send_on(self._moved[uri.name], transaction, request, flow, uri)
        else:
            return False
        return True

    def _let_wait(self, waiting: Waiting, transaction: TransactionId, request: Request, flow: Flow) -> None:
        waiting[transaction] = request, flow
        if request.method != "INVITE":
            return

        def cancelled(_: Request) -> None:
            if waiting.pop(transaction, None) is not None:
                response = make_response(request, 487, None, token())
                self._services.endpoint.respond(transaction, response)

        self._services.endpoint.on_cancel(transaction, cancelled)

    def _send_on(self, to: _Moved, transaction: TransactionId, request: Request, flow: Flow, uri: SipUri) -> None:
        is_guarded = request.method in NOT_FOR_STRANGERS or not self._services.settings.strangers_may_call
        if is_guarded and not to.knows(flow):
            raise RemoteError(403, "Forbidden")
        if uri.scheme != "sip" or request.max_forwards == 0:
            raise RemoteError(480, "Temporarily Unavailable")
        own = SipUri.parse(f"sip:{self._services.listening.address()}")
        forwarding = LiveForwarding(self._services, transaction, request, [own, own.with_params(lr=None)])
        work = self._forward(forwarding, request, f"sip:{uri.user}@{to.address}")
        task = self._services.tasks.spawn(work, "send on")
        self._forwarding.add(task)
        task.add_done_callback(self._forwarding.discard)

    async def _forward(self, forwarding: LiveForwarding, request: Request, to: str) -> None:
        try:
            await forwarding.start([Target(to)])
            await forwarding.wait_over()
        except RemoteError as error:
            _log.info("request not sent on", method=request.method, error=str(error))
            response = make_response(request, error.status, error.reason, token())
            self._services.endpoint.respond(forwarding.transaction, response)
