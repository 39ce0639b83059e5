"""The registration of one account on the wire: carries out what its core asks for, in the account's mailbox."""

import asyncio
import functools
import time
from collections.abc import Callable
from typing import Any, Protocol

import nats.errors
import structlog

from shared.errors import RemoteError
from sip_agent.accounts.registrar_flow import RegistrarFlow
from sip_agent.alarm import Alarm
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.events import TransactionId
from sip_agent.core.registration.registration import (
    Closed,
    Registration,
    RegistrationOutput,
    SendRegister,
    State,
    StateChanged,
)
from sip_agent.core.syntax.message import Request, Response
from sip_agent.locating.next_hop import NextHop
from sip_agent.mailbox import Mailbox
from sip_agent.services import Services, token

_log = structlog.get_logger(__name__)


class RegistrationOwner(Protocol):
    """The account."""

    session_id: str
    identity: Identity
    mailbox: Mailbox
    next_hop: NextHop

    @property
    def is_closing(self) -> bool:
        """Whether it takes nothing new."""

    @property
    def has_moved(self) -> bool:
        """Whether another agent keeps it registered."""

    async def reserve_cseq(self, cseq: int) -> None:
        """See that the record is ahead of a CSeq that is about to be sent."""

    async def registration_changed(self, change: StateChanged) -> None:
        """Tell the session."""


class LiveRegistration:
    """`call_id` and `cseq` are from the account's record: the registrar goes by them whoever sends."""

    __slots__ = (
        "_services",
        "_owner",
        "_registrar",
        "_core",
        "_flow",
        "_register",
        "_refresh",
        "_turn",
        "_has_turn",
        "_waiting",
        "_is_stopped",
    )

    def __init__(self, services: Services, owner: RegistrationOwner, call_id: str, cseq: int) -> None:
        self._services = services
        self._owner = owner
        self._registrar = owner.next_hop.name
        expires = services.settings.register_expires
        self._core = Registration(owner.identity, call_id, token(), expires, services.chance, cseq)
        self._flow = RegistrarFlow(services.endpoint, self._flow_lost)
        self._register: TransactionId | None = None
        self._refresh = Alarm(self._on_refresh_due)
        self._turn: Callable[[], None] | None = None  # asked for, or had
        self._has_turn = False
        self._waiting: list[tuple[tuple[State, ...], asyncio.Future[None]]] | None = None
        self._is_stopped = False

    @property
    def told(self) -> StateChanged:
        """What the session was told last."""
        return self._core.told

    @property
    def is_at_rest(self) -> bool:
        """Whether no REGISTER is under way."""
        return self._core.state in (State.NONE, State.REGISTERED, State.FAILED)

    def open(self) -> None:
        """Register, and keep it so."""
        self._post(self._core.open)

    def adopt(self, former: str = "") -> None:
        """Register where another agent had done so; `former` is its Contact, if it is to be removed for it."""
        self._post(self._core.adopt, former)

    def close(self) -> None:
        """Remove our binding."""
        self._owner.mailbox.post(self._close)

    def moved(self) -> None:
        """Refresh nothing any more."""
        self._refresh.stop()

    def stop(self) -> None:
        """Say nothing any more."""
        self._is_stopped = True
        self._refresh.stop()
        self._register = None
        self._give_turn_back()
        self._flow.release()
        self._wake(*State)

    async def wait_until(self, *states: State) -> State:
        """Wait for one of these states, or for the end of everything; return where the registration stands."""
        if self._core.state not in states and not self._is_stopped:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting = [*(self._waiting or ()), (states, future)]
            await future
        return self._core.state

    def _wake(self, *reached: State) -> None:
        waiting, self._waiting = self._waiting or [], None
        for states, future in waiting:
            if set(states).isdisjoint(reached):
                self._waiting = [*(self._waiting or ()), (states, future)]
            elif not future.done():
                future.set_result(None)

    # -- the core

    def _post(self, verb: Callable[..., None], *facts: Any) -> None:
        self._owner.mailbox.post(lambda: self._do(verb, *facts))

    async def _do(self, verb: Callable[..., None], *facts: Any) -> None:
        if self._is_stopped:
            return
        verb(*facts, time.monotonic())
        await self._drain()

    async def _close(self) -> None:
        is_unsent = self._turn is not None and not self._has_turn
        await self._do(self._core.close)
        if is_unsent:
            await self._do(self._core.transaction_failed, 503, "Not Sent")

    async def _drain(self) -> None:
        try:
            while outputs := self._core.take_output():
                for output in outputs:
                    await self._carry_out(output)
        finally:
            if self._core.state not in (State.REGISTERING, State.WITHDRAWING):
                self._give_turn_back()
            is_over = self._is_stopped or self._owner.has_moved
            self._refresh.set(None if is_over else self._core.next_timer())
            if self._waiting:
                self._wake(self._core.state)

    async def _carry_out(self, output: RegistrationOutput) -> None:
        match output:
            case SendRegister(request):
                await self._send(request)
            case StateChanged():
                try:
                    await self._owner.registration_changed(output)
                except (nats.errors.Error, RemoteError) as error:
                    # NATS is away; the session is told by the snapshot when it is back.
                    _log.warning("registration not told", session=self._owner.session_id, error=repr(error))
            case Closed():
                self._flow.release()

    async def _send(self, request: Request) -> None:
        if self._turn is None and request.expires != 0:
            self._turn = functools.partial(self._on_turn, request)
            self._has_turn = self._services.registrar_turns.ask(self._registrar, self._turn)
            if not self._has_turn:
                return
        await self._send_now(request)

    def _on_turn(self, request: Request) -> None:
        self._has_turn = True
        self._owner.mailbox.post(lambda: self._send_in_turn(request))

    async def _send_in_turn(self, request: Request) -> None:
        if self._has_turn:
            await self._send_now(request)
            await self._drain()

    def _give_turn_back(self) -> None:
        turn, self._turn, self._has_turn = self._turn, None, False
        if turn is not None:
            self._services.registrar_turns.over(self._registrar, turn)

    async def _send_now(self, request: Request) -> None:
        try:
            await self._owner.reserve_cseq(request.cseq[0])
            places = await self._owner.next_hop.find()
        except nats.errors.Error:
            self._core.transaction_failed(503, "Service Unavailable", time.monotonic())
            return
        except RemoteError as error:
            self._core.transaction_failed(error.status, error.reason, time.monotonic())
            return
        self._register = self._services.endpoint.send_request(request, places, self)

    # -- what comes in

    def receive_response(self, transaction: TransactionId, response: Response) -> None:
        """Take a response to the last REGISTER; one to an earlier says nothing any more."""
        if transaction == self._register:
            if 200 <= response.status < 300 and not self._owner.is_closing:
                self._flow.registered(transaction, response)
                self._owner.next_hop.preferred = self._flow.flow
            self._post(self._core.receive_response, response)

    def transaction_failed(self, transaction: TransactionId, status: int, reason: str) -> None:
        """Take the word that the last REGISTER got no response."""
        if transaction == self._register:
            self._post(self._core.transaction_failed, status, reason)

    def _flow_lost(self) -> None:
        self._post(self._core.flow_lost)

    def _on_refresh_due(self) -> None:
        self._post(self._core.handle_timer)
