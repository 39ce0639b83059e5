"""The calls of one account: what its page does with them, and the INVITEs that come for it."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable
from functools import partial

import msgspec
import structlog

from shared.errors import RemoteError
from shared.kv import Bucket, Conflict, Entry
from shared.messages import (
    AnswerCall,
    HangupCall,
    HoldCall,
    MediaAllocated,
    MediaRef,
    SecondParty,
    SendDtmf,
    SendMessage,
    StartCall,
    TransferCall,
)
from shared.records import CallRecord
from sip_agent import metrics
from sip_agent.calls.adopted_call import AdoptedCall
from sip_agent.calls.call_owner import CallOwner
from sip_agent.calls.call_record import facts_of
from sip_agent.calls.call_table import CallTable
from sip_agent.calls.digits import check, send_in_media
from sip_agent.calls.history import History
from sip_agent.calls.joining import RINGBACK, Joining, SecondPartyCall, rejoin
from sip_agent.calls.live_call import LiveCall
from sip_agent.calls.relay_client import release
from sip_agent.core.call.call import Call
from sip_agent.core.call.facts import CallFacts
from sip_agent.core.call.incoming import IncomingCall
from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.outputs import Unheard
from sip_agent.core.dialog.extra_headers import checked
from sip_agent.core.dialog.shown_headers import asserted_identity, shown
from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.in_dialog.session_timer import too_small
from sip_agent.core.instant.message import check as check_message
from sip_agent.core.syntax.grammar import readable
from sip_agent.core.syntax.message import Request
from sip_agent.core.syntax.uri import SipUri, is_secure
from sip_agent.core.transfer.referral import Referral, to_replace
from sip_agent.services import Services, token, wall_clock

_log = structlog.get_logger(__name__)

CallCommand = StartCall | AnswerCall | HangupCall | HoldCall | SendDtmf | TransferCall | SendMessage
"""What a page does with calls, and with messages in them."""


class Switchboard:
    """Everything here is done in the account's mailbox. `has_proxy`: whether all goes through an outbound proxy.

    `on_change` is called when a call has come or gone.
    """

    __slots__ = ("calls", "_services", "_owner", "_table", "_rules", "_on_change")

    def __init__(
        self, services: Services, owner: CallOwner, table: CallTable, has_proxy: bool, on_change: Callable[[], None]
    ) -> None:
        self.calls: dict[str, LiveCall] = {}
        self._services = services
        self._owner = owner
        self._table = table
        self._rules = services.call_rules(has_proxy)
        self._on_change = on_change

    async def carry_out(self, command: CallCommand) -> None:
        """Do what a page wants, or begin to; raise `RemoteError` if that is not possible."""
        match command:
            case StartCall():
                await self.start(command)
            case AnswerCall():
                await self.answer(command)
            case HangupCall():
                await self.hang_up(command)
            case HoldCall() | SendDtmf():
                await self.change(command)
            case TransferCall():
                await self.transfer(command)
            case SendMessage():
                await self.send_message(command)

    async def start(self, command: StartCall) -> None:
        """Send an INVITE; raise `RemoteError` if that is not possible."""
        second = command.second
        if not command.is_headless and (command.sound or second):
            raise RemoteError(400, "A Sound Or A Second Party Beside A Browser")
        if second is not None:
            self._check_second(command.call_id, second)
        await self._start(command)

    def _check_second(self, call_id: str, second: SecondParty) -> None:
        """What is wrong with it is better told before anybody is called."""
        if second.call_id == call_id or self._table.find(second.call_id) is not None:
            raise RemoteError(409, "Call Exists")
        self._owner.identity.target(second.callee)
        checked(second.headers)

    async def _start(self, command: StartCall, joining: Joining | None = None) -> None:
        if self._owner.is_closing:
            raise RemoteError(480, "Account Closing")
        if self._table.find(command.call_id) is not None:
            own = self.calls.get(command.call_id)
            if own is not None and own.media == command.media:
                return  # asked once more: the agent that was asked first died before it had answered
            raise RemoteError(409, "Call Exists")
        target = self._owner.identity.target(command.callee)
        headers = checked(command.headers)
        await self._owner.next_hop.find(is_secure(target))  # told by the reply, not by an event, if it cannot be found
        await self._services.usage.begin(self._owner.identity.aor, command.call_id)
        facts = CallFacts(
            call_id=command.call_id,
            session_id=self._owner.session_id,
            direction="outgoing",
            caller=str(self._owner.identity.address.uri),
            callee=target,
            created_at=wall_clock(),
            is_private=command.is_private,
        )
        core = OutgoingCall(facts, self._owner.identity.within(target), self._rules, token(), token())
        call = self._add(core, command.media, command.has_video, command.is_headless)
        call.history.started(facts)
        if joining is not None:
            joining.add(call)
        elif command.second is not None:
            self._join(call, command, command.second)
        elif command.sound is not None:
            call.sounds.begin_with(command.sound, command.ends_with_sound)
        try:
            await call.do(core.start, target, command.sip_sdp, headers)
        except Conflict:  # of another agent's, which was asked for the same before
            raise RemoteError(409, "Call Exists") from None

    def _join(self, first: LiveCall, command: StartCall, second: SecondParty) -> None:
        """Let the second party be called once the first has answered."""

        async def invite(allocated: MediaAllocated) -> None:
            if first.told_state != "established":
                raise RemoteError(487, "Request Terminated")
            following = msgspec.structs.replace(
                command,
                call_id=second.call_id,
                callee=second.callee,
                headers=second.headers,
                media=allocated.media,
                sip_sdp=allocated.sip_sdp or "",
                sound=None,
                second=None,
            )
            await self._start(following, joining)

        joining = SecondPartyCall(
            self._services.bus,
            self._services.agent,
            first,
            second.call_id,
            command.sound or RINGBACK,
            lambda allocated: self._owner.mailbox.ask(partial(invite, allocated)),
        )

    def invited(self, transaction: TransactionId, request: Request, flow: Flow, call_id: str, local_tag: str) -> None:
        """Take an INVITE for this account's contact."""
        if self._owner.is_closing:
            raise RemoteError(480, "Temporarily Unavailable")
        refused = too_small(request, self._rules, local_tag)
        if refused is not None:
            self._services.endpoint.respond(transaction, refused)
            return
        facts = CallFacts(
            call_id=call_id,
            session_id=self._owner.session_id,
            direction="incoming",
            caller=readable(str(request.from_.uri)),
            callee=readable(str(request.to.uri)),
            caller_name=readable(request.from_.display_name),
            created_at=wall_clock(),
            asserted=asserted_identity(request, flow, self._services.identity_sources),
            headers=shown(request),
        )
        core = IncomingCall(
            facts, self._owner.identity.within(request.uri), self._rules, local_tag, transaction, request
        )
        call = self._add(core, is_headless=self._owner.takes_calls)
        call.history.started(facts)
        call.leg.came_from(flow)
        self._services.endpoint.on_cancel(transaction, lambda cancel: call.post(core.receive_cancel, cancel))
        call.offer_to_session(core)

    def give_up(self, request: Request) -> None:
        """A caller that tries again (RFC 3261 §8.1.3.5) waits for nothing that it tried before.

        The one of an agent that died cannot be cancelled by way of that agent.
        """
        for call in self.calls.values():
            core = call.core
            if isinstance(core, IncomingCall) and core.is_earlier_than(request):
                call.post(core.receive_cancel, request)

    async def answer(self, command: AnswerCall) -> None:
        """The user answers."""
        call = self._call(command.call_id)
        if not isinstance(call.core, IncomingCall) or not await call.do(call.core.answer, command.browser_sdp):
            raise RemoteError(481, "Nothing To Answer")

    async def established(self, call_id: str) -> LiveCall:
        """Return a call that its browser may come anew to; raise `RemoteError`."""
        call = self._call(call_id)
        if call.told_state != "established":
            raise RemoteError(491, "Call Is Not Established")
        return call

    async def hang_up(self, command: HangupCall) -> None:
        """The user ends a call."""
        call = self._call(command.call_id)
        await call.do(call.hang_up, command.status, command.reason)

    async def change(self, command: HoldCall | SendDtmf) -> None:
        """Do something in an established call; raise `RemoteError` if that cannot be begun."""
        call = self._call(command.call_id)
        in_media = isinstance(command, SendDtmf) and command.method != "info"
        if call.core.told_state not in (("early", "established") if in_media else ("established",)):
            raise RemoteError(491, "Call Is Not Established")
        match command:
            case HoldCall() if call.is_changing_hands:  # who is being called has an offer already
                raise RemoteError(491, "Transfer Under Way")
            case HoldCall(is_held=is_held):
                await call.do(call.core.hold, is_held)
            case SendDtmf(method="info"):
                await call.do(call.core.send_dtmf, command.digits, command.duration_ms)
            case SendDtmf():
                check(command.digits)
                self._send_in_media(call, command)

    def _send_in_media(self, call: LiveCall, command: SendDtmf) -> None:
        """Let the relay send digits, in order with what else it is asked."""
        if call.media is not None:
            send = partial(send_in_media, self._services.bus, call.media, self._owner.epoch)
            call.asides.post(partial(send, command, call.core, call.post))

    async def transfer(self, command: TransferCall) -> None:
        """Let the far side of a call take over another one, or call somebody; raise `RemoteError`."""
        call = self._call(command.call_id)
        if bool(command.target) == bool(command.other_call_id) or command.other_call_id == command.call_id:
            raise RemoteError(400, "One Target Or Another Call")
        if command.target:
            target = SipUri.parse(self._owner.identity.target(command.target))
            referral = Referral(dataclasses.replace(target, headers=()))
        else:
            other = self._call(command.other_call_id).core
            if other.dialog is None or not other.was_established:
                raise RemoteError(491, "The Other Call Is Not Established")
            referral = to_replace(other.dialog)
        if call.core.told_state != "established":
            raise RemoteError(491, "Call Is Not Established")
        await call.do(call.core.usages.referrer.transfer, referral)

    async def send_message(self, command: SendMessage) -> None:
        """Send an instant message, in a call or outside; raise `RemoteError` if that is not possible."""
        if self._owner.is_closing:
            raise RemoteError(480, "Account Closing")
        if not command.call_id:
            await self._owner.messenger.send(command)
            return
        check_message(command.body, command.content_type)
        call, headers = self._call(command.call_id), tuple(checked(command.headers))
        if not call.core.is_answered:
            raise RemoteError(491, "Call Is Not Established")
        send = call.core.usages.messages.send
        await call.do(send, command.message_id, command.body, command.content_type, headers)

    @property
    def is_quiet(self) -> bool:
        """Whether another agent could go on with every call, without a word being lost."""
        return all(call.is_quiet for call in self.calls.values())

    async def save(self) -> None:
        """Write every call as it stands."""
        for call in self.calls.values():
            await call.save(call.leg)

    async def adopt_all(self, call_ids: Iterable[str], is_same_place: bool) -> None:
        """Go on with calls that another agent began."""
        records = self._services.store.calls.of(self._owner.session_id)
        for call_id in call_ids:
            while (kept := await records.get(call_id)) is not None:
                try:
                    await self._adopt(kept, is_same_place)
                except Conflict:  # the last word of the former owner, which is heard no more from here on
                    continue
                except Exception:  # the boundary of one call: the others are no worse for it
                    metrics.CALLS_TAKEN_OVER.labels("lost").inc()
                    _log.exception("call not taken over", call=call_id, session=self._owner.session_id)
                    await self._clear(records, kept)
                break
        rejoin(self._services.bus, self.calls.values())

    async def _adopt(self, kept: Entry[CallRecord], is_same_place: bool) -> None:
        call = AdoptedCall(self._services, self._owner, self._finished, self._table, self._rules, kept, is_same_place)
        self._keep(call)
        if call.facts.direction == "outgoing":
            self._services.usage.adopt(self._owner.identity.aor, call.call_id)
        try:
            await call.go_on()
        except BaseException:
            call.abandon()
            raise
        metrics.CALLS_TAKEN_OVER.labels(call.way).inc()
        _log.info("call taken over from another agent", call=call.call_id, way=call.way)

    async def _clear(self, records: Bucket[CallRecord], kept: Entry[CallRecord]) -> None:
        """Leave nothing of a call that nobody can go on with; its page learns by the snapshot that it is gone."""
        history = History(self._services, self._owner.identity.aor)
        history.ended(kept.record, facts_of(kept.record), Unheard(503, "Lost With Its Agent", "system"))
        await history.settle()
        with contextlib.suppress(Conflict):
            await records.delete(kept.record.call_id, kept.revision)
        if kept.record.media is not None:
            media, epoch = kept.record.media, self._owner.epoch
            self._services.tasks.spawn(release(self._services.bus, media, epoch), f"release {media.media_id}")

    def _call(self, call_id: str) -> LiveCall:
        call = self.calls.get(call_id)
        if call is None or call.told_state == "ended":
            raise RemoteError(481, "Call Does Not Exist")
        return call

    def _finished(self, call: LiveCall) -> None:
        self.calls.pop(call.call_id, None)
        self._table.remove(call)
        if call.facts.direction == "outgoing":
            self._services.usage.end(self._owner.identity.aor, call.call_id)
        self._on_change()

    def _add(
        self, core: Call, media: MediaRef | None = None, has_video: bool = False, is_headless: bool = False
    ) -> LiveCall:
        call = LiveCall(self._services, self._owner, self._finished, self._table, core, media, has_video, is_headless)
        self._keep(call)
        return call

    def _keep(self, call: LiveCall) -> None:
        self.calls[call.call_id] = call
        self._table.add(call)
        self._on_change()
