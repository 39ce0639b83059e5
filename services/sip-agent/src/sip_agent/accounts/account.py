"""One account that this agent owns: its record, its registration and its calls, all in the order of one mailbox."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import msgspec
import nats.errors
import structlog

from shared.errors import RemoteError
from shared.kv import Conflict
from shared.messages import AccountMoved, RegistrationChanged, SessionEnded, SessionSnapshot, stream
from shared.messages.account import RegistrationState
from shared.records import AccountRecord
from shared.subjects import session_events
from sip_agent import metrics
from sip_agent.accounts.live_registration import LiveRegistration
from sip_agent.accounts.messenger import Messenger
from sip_agent.alarm import Alarm
from sip_agent.calls.call_table import CallTable
from sip_agent.calls.switchboard import Switchboard
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.registration.registration import State, StateChanged
from sip_agent.locating.next_hop import NextHop
from sip_agent.mailbox import Mailbox
from sip_agent.ownership.owned import OwnedRecord
from sip_agent.ownership.owner_index import Holding
from sip_agent.services import Services, wall_clock

_log = structlog.get_logger(__name__)

# How many CSeq numbers are reserved by one write of the record.
CSEQ_BLOCK = 100
CLOSE_WITHIN = 5.0
REGISTERED_WITHIN = 4.0  # of an account that has just been adopted; less than the agent that gives it away waits


class Account:
    """Made by `OpenAccount`. `on_gone` is called once nothing of it is left."""

    __slots__ = (
        "session_id",
        "mailbox",
        "identity",
        "next_hop",
        "messenger",
        "switchboard",
        "_services",
        "_record",
        "_kv",
        "_holding",
        "_on_gone",
        "_registration",
        "_grace",
        "_is_closing",
        "_is_gone",
        "_idle",
        "_has_moved",
        "_told",
    )

    def __init__(
        self,
        services: Services,
        record: AccountRecord,
        identity: Identity,
        kv: OwnedRecord[AccountRecord],
        holding: Holding,
        table: CallTable,
        on_gone: Callable[["Account"], None],
    ) -> None:
        self.session_id = record.session_id
        self.mailbox = Mailbox(services.tasks, f"account {record.session_id}")
        self.identity = identity
        self._services = services
        self._record = record
        self._kv = kv
        self._holding = holding
        self._on_gone = on_gone
        self.next_hop = NextHop(services, record.account)
        self.messenger = Messenger(services, self)
        self.switchboard = Switchboard(services, self, table, bool(record.account.outbound_proxy), self._calls_changed)
        self._registration = LiveRegistration(services, self, record.register_call_id, record.register_cseq)
        self._grace = Alarm(lambda: self._on_end_of_time("Session Lost"))
        self._idle = Alarm(lambda: self._on_end_of_time("Idle"))
        self._is_closing = False
        self._is_gone = False
        self._has_moved = False
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

    @property
    def is_headless(self) -> bool:
        """Whether it was opened without a socket, and has had none since."""
        return not self.pod

    @property
    def takes_calls(self) -> bool:
        """Whether calls that come in are for other services to answer."""
        return self.is_headless and self._record.takes_calls

    def check_epoch(self, epoch: int) -> None:
        """Refuse a command of a former ownership; 0 is sent by those who do not know it."""
        if epoch and epoch < self.epoch:
            raise RemoteError(409, "Old Epoch")

    # -- registration

    def open(self) -> None:
        """Register, if the account asks for that."""
        self._calls_changed()
        if self._record.account.register_required:
            self._registration.open()
        else:
            self.mailbox.post(self._find_server)

    async def succeed(self, former: str) -> None:
        """Continue what an agent that died has left; `former` is its Contact."""
        self._keep_grace()
        if self._record.account.register_required:
            self._registration.adopt(former)
        else:
            self.mailbox.post(self._find_server)
        await self._tell_moved(has_calls=True)

    def _keep_grace(self) -> None:
        record = self._record
        self._calls_changed()
        if record.detached_at is not None:
            left = record.detached_at + record.grace_seconds - wall_clock()
            self._grace.set(time.monotonic() + max(0.0, left))

    async def _tell_moved(self, has_calls: bool) -> None:
        moved = AccountMoved(
            session_id=self.session_id, agent=self._services.agent, epoch=self.epoch, has_calls=has_calls
        )
        await self._services.bus.publish(session_events(self.session_id), moved)

    async def go_on(self) -> bool:
        """Continue what another agent gives away; return whether calls can come, as far as that is ours to see to."""
        record = self._record
        self._keep_grace()
        is_reached = True
        if record.account.register_required:
            self._registration.adopt()
        has_calls = self.has_calls
        if has_calls:  # they are ours already
            await self._tell_moved(has_calls)
        if record.account.register_required:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REGISTERED_WITHIN):
                    await self._registration.wait_until(State.REGISTERED, State.FAILED)
            is_reached = self._told == "registered"
        else:
            await self.mailbox.ask(self._find_server)
        if not has_calls:
            await self._tell_moved(has_calls)
        return is_reached

    async def _find_server(self) -> None:
        """Learn who may speak to the account before anything is sent."""
        try:
            await self.next_hop.find()
        except RemoteError as error:
            _log.warning("server not found", session=self.session_id, error=str(error))

    async def reserve_cseq(self, cseq: int) -> None:
        """Write a CSeq ahead of what is about to be sent. Nothing is left to write where another agent goes on."""
        if cseq > self._record.register_cseq and not self._has_moved:
            await self._save(register_cseq=cseq + CSEQ_BLOCK)

    async def registration_changed(self, change: StateChanged) -> None:
        """Tell the session; what becomes of the Contact that is left behind does not concern it."""
        if self._has_moved:
            return
        metrics.REGISTRATIONS.labels(self._told).dec()
        self._told = change.state
        metrics.REGISTRATIONS.labels(self._told).inc()
        _log.info(
            "registration", session=self.session_id, state=change.state, status=change.status, reason=change.reason
        )
        if not self._is_closing:
            await self._save(registration=change.state)
        about: dict[str, Any] = {"session_id": self.session_id, "state": change.state, "status": change.status}
        about |= {"reason": change.reason, "expires": change.expires}
        self._services.publisher.tell_now(stream.RegistrationChanged, account=self.identity.aor, **about)
        await self._services.bus.publish(session_events(self.session_id), RegistrationChanged(**about))

    async def _save(self, **changes: Any) -> None:
        record = msgspec.structs.replace(self._record, **changes)
        try:
            await self._kv.save(record)
        except Conflict:
            self.lost()
            await self._holding.release()
            raise
        self._record = record

    def lost(self) -> None:
        """Another agent owns the account: be silent, and forget it and its calls."""
        _log.error("account lost to another agent", session=self.session_id)
        for call in list(self.switchboard.calls.values()):
            call.abandon()
        self._drop()

    # -- the session's socket

    async def attach(self, pod: str) -> SessionSnapshot:
        """The socket is at `pod` now; raise `RemoteError` if that comes too late."""
        if self._is_closing:
            raise RemoteError(481, "Session Is Closing")
        self._grace.stop()
        self._idle.stop()
        await self._save(pod=pod, detached_at=None)
        told = self._registration.told
        return SessionSnapshot(
            registration=told.state,
            status=told.status,
            reason=told.reason,
            calls=tuple(call.snapshot() for call in self.switchboard.calls.values() if call.told_state != "ended"),
        )

    async def detach(self, pod: str, grace_seconds: float) -> None:
        """The socket at `pod` is lost; wait for another, but no longer than after an earlier word of its loss.

        The earlier word may have been the pod's silence, whose time is the agent's own and longer.
        """
        now, since = wall_clock(), self._record.detached_at
        is_later = since is not None and now + grace_seconds >= since + self._record.grace_seconds
        if pod != self.pod or self._is_closing or is_later:
            return
        await self._save(detached_at=now, grace_seconds=grace_seconds)
        self._grace.set(time.monotonic() + grace_seconds)

    def _on_end_of_time(self, why: str) -> None:
        self._services.tasks.spawn(self.close(why), f"close {self.session_id}")

    def _calls_changed(self) -> None:
        """Without a socket it is the calls that keep an account alive."""
        if not self.is_headless or self._is_closing:
            return
        if self.switchboard.calls:
            self._idle.stop()
        else:
            self._idle.set(time.monotonic() + self._record.idle_seconds)

    # -- moving to another agent

    @property
    def can_move(self) -> bool:
        """Whether nothing is under way that only this agent can go on with: calls may go along, if they are quiet."""
        is_busy = self.messenger.is_busy or not self._registration.is_at_rest
        return self.switchboard.is_quiet and not is_busy and not self._is_closing

    @property
    def has_calls(self) -> bool:
        """Whether it has any."""
        return bool(self.switchboard.calls)

    @property
    def has_moved(self) -> bool:
        """Whether another agent has it by now."""
        return self._has_moved

    def check_here(self) -> None:
        """Raise `RemoteError` if another agent has the account by now."""
        if self._has_moved:
            raise RemoteError(481, "Account Has Moved")

    async def take_back(self) -> bool:
        """Keep an account that another agent may be taking; return False if that was first."""
        # Under a higher epoch: an adopter that has not written yet is too late from here on.
        record = msgspec.structs.replace(self._record, epoch=self.epoch + 1)
        try:
            await self._kv.save(record)
        except Conflict:
            return False
        self._record = record
        await self._tell_moved(has_calls=False)
        return True

    def moved(self) -> None:
        """Another agent is the owner, of the calls too: say nothing more for the session."""
        for call in list(self.switchboard.calls.values()):
            call.abandon()
        self._has_moved = self._is_closing = True
        self._grace.stop()
        self._idle.stop()
        self._registration.moved()

    async def leave(self, is_bound: bool) -> None:
        """Remove our own Contact, if that is still `is_bound`, and be gone."""
        if is_bound and self._record.account.register_required:
            self._registration.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN):
                    await self._registration.wait_until(State.CLOSED)
        await self._holding.release()
        self._drop()

    # -- the end

    async def begin_close(self) -> None:
        """Take nothing new; in the mailbox, so that the account does not move meanwhile."""
        self.check_here()
        self._is_closing = True
        self._grace.stop()
        self._idle.stop()

    async def close(self, why: str = "") -> None:
        """End the calls, remove the registration, delete the record. `why` is empty when the user asked for it."""
        if self._is_closing:
            return
        try:
            await self.mailbox.ask(self.begin_close)
        except RemoteError:  # the agent that has it now sees to that
            return
        await self.finish_close(why)

    async def end_calls(self, why: str) -> None:
        """End every call for a reason that is neither side's, and wait until nothing is left of them."""
        calls = list(self.switchboard.calls.values())
        for call in calls:
            call.fail(480, why)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await asyncio.gather(*(call.wait_finished() for call in calls))

    async def finish_close(self, why: str = "") -> None:
        """Do what `close` does, of which `begin_close` is done."""
        calls = list(self.switchboard.calls.values())
        for call in calls:
            if why:
                call.fail(480, why)
            else:
                call.post(call.hang_up, 0, "")
        self._registration.close()
        ends = (self._registration.wait_until(State.CLOSED), *(call.wait_finished() for call in calls))
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await asyncio.gather(*ends)
        except TimeoutError:
            _log.info("not everything was answered in time", session=self.session_id)
        try:
            await self.mailbox.ask(lambda: self._kv.delete(self.epoch))
            await self._holding.release()
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
        self._registration.stop()
        metrics.REGISTRATIONS.labels(self._told).dec()
        self._on_gone(self)
