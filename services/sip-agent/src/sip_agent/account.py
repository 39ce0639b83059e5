"""One account that this agent owns: its record, its registration and its calls, all in the order of one mailbox."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import nats.errors
import structlog

from shared.errors import RemoteError
from shared.kv import Conflict
from shared.messages import (
    RegistrationChanged,
    SessionEnded,
    SessionSnapshot,
)
from shared.messages.account import RegistrationState
from shared.records import AccountRecord
from shared.subjects import session_events
from sip_agent import metrics
from sip_agent.alarm import Alarm
from sip_agent.call_table import CallTable
from sip_agent.core.call.identity import Identity
from sip_agent.core.events import TransactionId
from sip_agent.core.registration.registration import (
    Closed,
    Registration,
    RegistrationOutput,
    SendRegister,
    StateChanged,
)
from sip_agent.core.syntax.message import Request, Response
from sip_agent.mailbox import Mailbox
from sip_agent.messenger import Messenger
from sip_agent.next_hop import NextHop
from sip_agent.owned import OwnedRecord
from sip_agent.registrar_flow import RegistrarFlow
from sip_agent.services import Services, token, wall_clock
from sip_agent.switchboard import Switchboard

_log = structlog.get_logger(__name__)

# How many CSeq numbers are reserved by one write of the record.
CSEQ_BLOCK = 100
CLOSE_WITHIN = 5.0


class Account:
    """Made by `OpenAccount`. `on_gone` is called once nothing of it is left."""

    def __init__(
        self,
        services: Services,
        record: AccountRecord,
        identity: Identity,
        kv: OwnedRecord[AccountRecord],
        table: CallTable,
        on_gone: Callable[["Account"], None],
    ) -> None:
        self.session_id = record.session_id
        self.mailbox = Mailbox(services.tasks, f"account {record.session_id}")
        self.identity = identity
        self._services = services
        self._record = record
        self._kv = kv
        self._on_gone = on_gone
        self.next_hop = NextHop(services, record.account)
        self.messenger = Messenger(services, self)
        self._flow = RegistrarFlow(services.endpoint, lambda: self._post(self._registration.flow_lost))
        self.switchboard = Switchboard(services, self, table, bool(record.account.outbound_proxy))
        self._registration = Registration(
            identity,
            record.register_call_id,
            token(),
            services.settings.register_expires,
            services.chance,
            record.register_cseq,
        )
        self._register: TransactionId | None = None
        self._refresh = Alarm(self._on_refresh_due)
        self._grace = Alarm(self._on_grace_over)
        self._is_closing = False
        self._is_gone = False
        self._closed = asyncio.Event()
        self._told: RegistrationState = "none"
        metrics.REGISTRATIONS.labels(self._told).inc()

    @property
    def epoch(self) -> int:
        """Of our ownership."""
        return self._record.epoch

    @property
    def pod(self) -> str:
        """The signaling pod that holds the socket, or held it last."""
        return self._record.pod

    @property
    def is_closing(self) -> bool:
        """Whether it takes nothing new."""
        return self._is_closing

    @property
    def is_attached(self) -> bool:
        """Whether there is a socket, as far as we know."""
        return self._record.detached_at is None and not self._is_closing

    def check_epoch(self, epoch: int) -> None:
        """Refuse a command of a former ownership; 0 is sent by those who do not know it."""
        if epoch and epoch < self.epoch:
            raise RemoteError(409, "Old Epoch")

    # -- registration

    def open(self) -> None:
        """Register, if the account asks for that."""
        if not self._record.account.register_required:
            self.mailbox.post(self._find_server)
        else:
            self._post(self._registration.open)

    async def _find_server(self) -> None:
        """Learn who may speak to the account before anything is sent."""
        try:
            await self.next_hop.find()
        except RemoteError as error:
            _log.warning("server not found", session=self.session_id, error=str(error))

    def _post(self, verb: Callable[..., None], *facts: Any) -> None:
        """Give something to the registration in its turn."""
        self.mailbox.post(lambda: self._do_registration(verb, *facts))

    async def _do_registration(self, verb: Callable[..., None], *facts: Any) -> None:
        verb(*facts, time.monotonic())
        try:
            while outputs := self._registration.take_output():
                for output in outputs:
                    await self._carry_out(output)
        finally:
            self._refresh.set(None if self._is_gone else self._registration.next_timer())

    async def _carry_out(self, output: RegistrationOutput) -> None:
        match output:
            case SendRegister(request):
                await self._send_register(request)
            case StateChanged():
                try:
                    await self._registration_changed(output)
                except (nats.errors.Error, RemoteError) as error:
                    # NATS is away; the session is told by the snapshot when it is back.
                    _log.warning("registration not told", session=self.session_id, error=repr(error))
            case Closed():
                self._closed.set()

    async def _send_register(self, request: Request) -> None:
        try:
            if request.cseq[0] > self._record.register_cseq:
                await self._save(register_cseq=request.cseq[0] + CSEQ_BLOCK)
            places = await self.next_hop.find()
        except nats.errors.Error:
            self._registration.transaction_failed(503, "Service Unavailable", time.monotonic())
            return
        except RemoteError as error:
            self._registration.transaction_failed(error.status, error.reason, time.monotonic())
            return
        self._register = self._services.endpoint.send_request(request, places, self)

    def receive_response(self, transaction: TransactionId, response: Response) -> None:
        """Take a response to the last REGISTER; one to an earlier says nothing any more."""
        if transaction == self._register:
            if 200 <= response.status < 300 and not self._is_closing:
                self._flow.registered(transaction, response)
                self.next_hop.preferred = self._flow.flow
            self._post(self._registration.receive_response, response)

    def transaction_failed(self, transaction: TransactionId, status: int, reason: str) -> None:
        """Take the word that the last REGISTER got no response."""
        if transaction == self._register:
            self._post(self._registration.transaction_failed, status, reason)

    def _on_refresh_due(self) -> None:
        self._post(self._registration.handle_timer)

    async def _registration_changed(self, change: StateChanged) -> None:
        metrics.REGISTRATIONS.labels(self._told).dec()
        self._told = change.state
        metrics.REGISTRATIONS.labels(self._told).inc()
        _log.info(
            "registration", session=self.session_id, state=change.state, status=change.status, reason=change.reason
        )
        if not self._is_closing:
            await self._save(registration=change.state)
        event = RegistrationChanged(
            session_id=self.session_id,
            state=change.state,
            status=change.status,
            reason=change.reason,
            expires=change.expires,
        )
        await self._services.bus.publish(session_events(self.session_id), event)

    async def _save(self, **changes: Any) -> None:
        record = msgspec.structs.replace(self._record, **changes)
        try:
            await self._kv.save(record)
        except Conflict:
            self._lost()
            raise
        self._record = record

    def _lost(self) -> None:
        """Another agent owns the account: be silent and forget it."""
        _log.error("account lost to another agent", session=self.session_id)
        self._drop()

    # -- the session's socket

    async def attach(self, pod: str) -> SessionSnapshot:
        """The socket is at `pod` now; raise `RemoteError` if that comes too late."""
        if self._is_closing:
            raise RemoteError(481, "Session Is Closing")
        self._grace.stop()
        await self._save(pod=pod, detached_at=None)
        told = self._registration.told
        return SessionSnapshot(
            registration=told.state,
            status=told.status,
            reason=told.reason,
            calls=tuple(call.snapshot() for call in self.switchboard.calls.values() if call.core.told_state != "ended"),
        )

    async def detach(self, pod: str, grace_seconds: float) -> None:
        """The socket at `pod` is lost; wait for another."""
        if pod != self.pod or not self.is_attached:
            return
        await self._save(detached_at=wall_clock(), grace_seconds=grace_seconds)
        self._grace.set(time.monotonic() + grace_seconds)

    def _on_grace_over(self) -> None:
        self._services.tasks.spawn(self.close("Session Lost"), f"close {self.session_id}")

    # -- the end

    async def close(self, why: str = "") -> None:
        """End the calls, remove the registration, delete the record. `why` is empty when the user asked for it."""
        if self._is_closing:
            return
        self._is_closing = True
        self._grace.stop()
        calls = list(self.switchboard.calls.values())
        for call in calls:
            if why:
                call.fail(480, why)
            else:
                call.hang_up(0, "")
        self._post(self._registration.close)
        ends = (self._closed.wait(), *(call.wait_finished() for call in calls))
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await asyncio.gather(*ends)
        except TimeoutError:
            _log.info("not everything was answered in time", session=self.session_id)
        try:
            await self.mailbox.ask(lambda: self._kv.delete(self.epoch))
            if why:
                event = SessionEnded(session_id=self.session_id, reason="account closed")
                await self._services.bus.publish(session_events(self.session_id), event)
        except (nats.errors.Error, RemoteError) as error:
            _log.warning("account not removed", session=self.session_id, error=repr(error))
        finally:
            self._drop()

    def _drop(self) -> None:
        if self._is_gone:
            return
        self._is_closing = self._is_gone = True
        self._grace.stop()
        self._refresh.stop()
        self._register = None
        self._flow.release()
        metrics.REGISTRATIONS.labels(self._told).dec()
        self._on_gone(self)
