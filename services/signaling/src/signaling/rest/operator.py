"""Does what a caller of the REST API asks: reads what KV has, commands the agent that has the call."""

import asyncio
import os
import time
from dataclasses import dataclass, field
from typing import Any

import structlog

from shared.bus import expiry
from shared.errors import DeadlineExceeded, NoOwner, RemoteError
from shared.ids import new_id
from shared.messages import (
    AnswerCall,
    AnswerRequested,
    Done,
    HangupCall,
    HoldCall,
    PlaySound,
    SecondParty,
    SendDtmf,
    SessionEnded,
    SipAccount,
    Sound,
    StopSound,
    TransferCall,
)
from shared.records import AccountRecord, CallRecord, EndingRecord
from shared.subjects import session_events

from .. import metrics
from ..agents import Owner, Unattended, envelope
from ..call_start import start_call
from ..core.errors import PageError, no_such_call, no_such_session
from ..core.requests import SipCredentials
from ..hooks.rest_calls import Party, Started
from ..pod import Pod

_log = structlog.get_logger(__name__)

CallCommand = AnswerCall | HangupCall | HoldCall | SendDtmf | TransferCall | PlaySound | StopSound

# Of an account that was opened for one call: longer than it takes to ask three relays and start the call.
ONE_CALL_IDLE_SECONDS = 15.0

_REQUEST_PENDING = 491
_THROUGH_WITHIN = 2.0
_FIRST_PAUSE = 0.05


@dataclass(frozen=True)
class Order:
    """A call that nobody's browser takes part in; `name` and `app_key` are WCS's, of its caller's own choice."""

    to: str
    name: str = ""
    app_key: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    is_private: bool = False
    sound: Sound | None = None
    ends_with_sound: bool = False
    second: SecondParty | None = None


class Operator:
    """One for each application; `path` is where that is mounted."""

    def __init__(self, pod: Pod, path: str) -> None:
        self.path = path
        self.store = pod.store
        self._pod = pod

    # What there is.

    async def call(self, call_id: str) -> CallRecord:
        """Return a live call; raise `PageError` 481, or 487 where it is known to have ended."""
        found = await self.find(call_id)
        if isinstance(found, EndingRecord):
            raise PageError(487, "The Call Has Ended")
        return found

    async def find(self, call_id: str) -> CallRecord | EndingRecord:
        """Return a call, or how it has ended; raise `PageError` 481."""
        found = await self.known(call_id)
        if found is None:
            raise no_such_call(call_id)
        return found

    async def known(self, call_id: str) -> CallRecord | EndingRecord | None:
        """Return the same, None where there is nothing."""
        entry = await self.store.calls.get(call_id) or await self.store.endings.get(call_id)
        return None if entry is None else entry.record

    async def session(self, session_id: str) -> AccountRecord:
        """Return a session; raise `PageError` 404."""
        entry = await self.store.accounts.get(session_id)
        if entry is None:
            raise no_such_session()
        return entry.record

    # Sessions.

    async def open(self, credentials: SipCredentials, unattended: Unattended) -> AccountRecord:
        """Open a session that has no page."""
        session_id = new_id("s", os.urandom)
        account = self._account(credentials, session_id)
        await self._pod.agents.open_account(session_id, account, unattended)
        return await self.session(session_id)

    def _account(self, credentials: SipCredentials, session_id: str) -> SipAccount:
        return self._pod.authenticator.given(credentials).sealed(self._pod.seal, session_id)

    async def close(self, session_id: str) -> None:
        """End a session and its calls. The agent takes it for the user's own wish, so its page is told here."""
        record = await self.session(session_id)
        await self._pod.agents.close_account(session_id, _owner(record))
        if record.pod:
            ended = SessionEnded(session_id=session_id, reason="account closed")
            await self._pod.bus.publish(session_events(session_id), ended)

    # Calls.

    async def start_within(self, session_id: str, call_id: str, order: Order) -> CallRecord | EndingRecord:
        """Start a call of a session that has no page."""
        account = await self.session(session_id)
        if account.pod:
            raise RemoteError(409, "The Session Has A Page, Which Makes Its Own Calls")
        async with self._pod.headless.permitted(_started(session_id, account.account.login, call_id, order)):
            return await self._start(session_id, _owner(account), call_id, order)

    async def start_for(self, credentials: SipCredentials, call_id: str, order: Order) -> CallRecord | EndingRecord:
        """Start a call of a session that is opened for it, and ends with it."""
        session_id = new_id("s", os.urandom)
        account = self._account(credentials, session_id)
        async with self._pod.headless.permitted(_started(session_id, account.login, call_id, order)):
            return await self._start_in_new(session_id, account, call_id, order)

    async def _start_in_new(
        self, session_id: str, account: SipAccount, call_id: str, order: Order
    ) -> CallRecord | EndingRecord:
        owner = await self._pod.agents.open_account(session_id, account, Unattended(ONE_CALL_IDLE_SECONDS))
        try:
            return await self._start(session_id, owner, call_id, order)
        except DeadlineExceeded:
            raise  # the call may be under way all the same: the account ends after it
        except Exception:
            self._pod.tasks.spawn(self._close_unused(session_id, owner), "close account")
            raise

    async def _close_unused(self, session_id: str, owner: Owner) -> None:
        try:
            await self._pod.agents.close_account(session_id, owner)
        except RemoteError as error:
            _log.info("account is left to its agent", session=session_id, error=str(error))

    async def _start(self, session_id: str, owner: Owner, call_id: str, order: Order) -> CallRecord | EndingRecord:
        try:
            await start_call(
                self._pod,
                session_id,
                owner,
                self._pod.media.without_browser(call_id, owner.agent),
                call_id=call_id,
                lives_if_late=True,
                callee=order.to,
                headers=order.headers,
                is_private=order.is_private,
                is_headless=True,
                sound=order.sound,
                ends_with_sound=order.ends_with_sound,
                second=order.second,
            )
        except RemoteError as error:
            metrics.CALLS.labels("rest", str(error.status)).inc()
            raise
        metrics.CALLS.labels("rest", "ok").inc()
        found = await self.known(call_id)
        return _unseen(session_id, owner, call_id, order) if found is None else found

    async def command(self, kind: type[CallCommand], call_id: str, **fields: Any) -> None:
        """Send a command to the agent that has a call.

        A record says `established` from the 200 on, before the relay, or the ACK, has made it so: till then the agent
        refuses, and who has read the record should not have to try again.
        """
        record = await self.call(call_id)
        give_up_at = time.monotonic() + (_THROUGH_WITHIN if record.state == "established" else 0.0)
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._command(kind, record, fields)
                return
            except RemoteError as error:
                if error.status != _REQUEST_PENDING or time.monotonic() >= give_up_at:
                    raise
            await asyncio.sleep(pause)
            pause *= 2

    async def _command(self, kind: type[CallCommand], record: CallRecord, fields: dict[str, Any]) -> None:
        owner = Owner(record.owner, record.epoch)
        command = kind(**envelope(owner), session_id=record.session_id, call_id=record.call_id, **fields)
        await self._pod.agents.request(record.session_id, owner, command, Done)

    async def ask_to_answer(self, call_id: str) -> None:
        """Answer a call without a page; else ask the page where it rings, which answers if it was made to."""
        record = await self.call(call_id)
        if record.state != "incoming":
            raise RemoteError(409, f"The Call Is {record.state.capitalize()}")
        if record.is_headless:
            await self.command(AnswerCall, call_id, browser_sdp="")
            return
        command = AnswerRequested(
            id=new_id("q", os.urandom), expires_at=expiry(), session_id=record.session_id, call_id=call_id
        )
        try:
            await self._pod.bus.request(session_events(record.session_id), command, Done)
        except NoOwner as error:
            raise RemoteError(480, "The Page Is Away") from error


def _started(session_id: str, caller: str, call_id: str, order: Order) -> Started:
    parties = [Party(call_id, order.to, order.name, order.headers)]
    if order.second is not None:
        parties.append(Party(order.second.call_id, order.second.callee, "", order.second.headers))
    return Started(session_id, caller, tuple(parties), order.app_key)


def _unseen(session_id: str, owner: Owner, call_id: str, order: Order) -> CallRecord:
    """Return what is known of a call that its agent has, and a KV replica that lags behind has not."""
    return CallRecord(
        call_id=call_id,
        session_id=session_id,
        owner=owner.agent,
        epoch=owner.epoch,
        direction="outgoing",
        state="trying",
        caller="",
        callee=order.to,
        created_at=time.time(),
        is_headless=True,
    )


def _owner(record: AccountRecord) -> Owner:
    return Owner(record.owner, record.epoch)
