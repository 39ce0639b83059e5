"""One live call: carries out what its core asks for, in order, and brings it what comes back.

The order is kept by the session's mailbox: the record is written before the message that explains it is sent.
Questions to the relay and to the session are asked aside, one after the other, so that a CANCEL need not wait for them.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import msgspec
import nats.errors
import structlog

from shared.errors import DeadlineExceeded, NoOwner, RemoteError
from shared.kv import Conflict
from shared.messages import (
    CallEnded,
    CallSnapshot,
    HoldCall,
    IncomingAccepted,
    MediaRef,
    Message,
    SendDtmf,
)
from shared.messages import IncomingCall as IncomingCallCommand
from shared.records import CallRecord
from shared.subjects import session_events
from sip_agent import metrics
from sip_agent.alarm import Alarm
from sip_agent.call_news import event_of
from sip_agent.core.call.call import Call
from sip_agent.core.call.identity import Identity
from sip_agent.core.call.incoming import IncomingCall
from sip_agent.core.call.outputs import (
    ActionFailed,
    AskMedia,
    CallOutput,
    CancelRequest,
    DigitReceived,
    Ended,
    Established,
    Finished,
    HoldChanged,
    MessageAnswered,
    MessageReceived,
    News,
    Progressed,
    Respond,
    SaveCall,
    SendAck,
    SendRequest,
    TransferProgressed,
    WantKeyframe,
)
from sip_agent.leg import Leg
from sip_agent.mailbox import Mailbox
from sip_agent.messenger import Messenger
from sip_agent.next_hop import NextHop
from sip_agent.owned import OwnedRecord
from sip_agent.relay_client import ask_relay, release, request_keyframe
from sip_agent.services import Services, command_expiry, command_id

_log = structlog.get_logger(__name__)


class CallOwner(Protocol):
    """The account of a call."""

    session_id: str
    identity: Identity
    mailbox: Mailbox
    messenger: Messenger
    next_hop: NextHop

    @property
    def epoch(self) -> int:
        """Of the ownership."""

    @property
    def is_closing(self) -> bool:
        """Whether it takes nothing new."""


class LiveCall:
    """`leg` is the one that the browser talks on; `media` is set once the media session is ours to release."""

    def __init__(
        self,
        services: Services,
        owner: CallOwner,
        on_finished: Callable[["LiveCall"], None],
        core: Call,
        media: MediaRef | None,
        has_video: bool,
    ) -> None:
        self._services = services
        self._owner = owner
        self._on_finished = on_finished
        self.leg = Leg(core, services, owner.next_hop.find, self.post)
        self.media = media
        self.has_video = has_video
        self._record = OwnedRecord(services.store.calls, core.facts.call_id, services.agent, services.lease.held)
        self._asides = Mailbox(services.tasks, f"aside {core.facts.call_id}")
        self._started_at = time.monotonic()
        self._alarm = Alarm(lambda: self.post(self.core.handle_timer))
        self._finished = asyncio.Event()
        self._is_lost = False
        metrics.calls_active(core.facts.direction).inc()

    @property
    def core(self) -> Call:
        """The machine of the leg."""
        return self.leg.core

    @property
    def call_id(self) -> str:
        """The call's id on the bus."""
        return self.core.facts.call_id

    def snapshot(self) -> CallSnapshot:
        """Return what a browser that comes back must see."""
        facts = self.core.facts
        return CallSnapshot(
            call_id=facts.call_id,
            direction=facts.direction,
            state=self.core.told_state,
            caller=facts.caller,
            callee=facts.callee,
            caller_name=facts.caller_name,
            media=self.media,
            browser_sdp=self.core.browser_sdp,
            has_video=self.has_video,
            local_hold=self.core.local_hold,
            remote_hold=self.core.remote_hold,
        )

    async def wait_finished(self) -> None:
        """Wait until nothing of the call is on the wire or at the relay."""
        await self._finished.wait()
        await self._asides.ask(_nothing)

    # -- what comes in

    def fail(self, status: int, reason: str) -> None:
        """End the call for a reason that is neither side's."""
        self.post(lambda now: self.core.fail(status, reason, now))

    def hang_up(self, status: int, reason: str) -> None:
        """End the call as the user does."""
        self.post(lambda now: self.core.hangup(status, reason, now))

    def post(self, verb: Callable[..., Any], *facts: Any) -> None:
        """Give something to the core in its turn."""
        self._owner.mailbox.post(lambda: self.do(verb, *facts))

    async def do(self, verb: Callable[..., Any], *facts: Any) -> Any:
        """Give something to the core now, and carry out what follows; only from the mailbox."""
        if self._is_lost:
            return None
        result = verb(*facts, time.monotonic())
        try:
            while outputs := self.core.take_output():
                await self._carry_out_all(outputs)
        except Conflict:
            # Another agent owns the call: only the owner sends in a dialog.
            _log.error("call lost to another agent", call=self.call_id)
            self._is_lost = True
            self._finish()
            raise
        finally:
            self._alarm.set(None if self._finished.is_set() else self.core.next_timer())
        return result

    async def _carry_out_all(self, outputs: list[CallOutput]) -> None:
        is_recorded = True
        for output in outputs:
            try:
                await self._carry_out(output)
            except (nats.errors.Error, RemoteError) as error:
                # NATS is away for so long that the lease is lost, so nothing is sent by SIP either. What is left of
                # the outputs is done all the same: one that ends the call must not be lost with the others.
                _log.warning("not carried out", call=self.call_id, output=type(output).__name__, error=repr(error))
                is_recorded = is_recorded and not isinstance(output, SaveCall)
        if not is_recorded:
            self.core.fail(503, "Service Unavailable", time.monotonic())

    async def change(self, command: HoldCall | SendDtmf) -> None:
        """Do something in the established call; raise `RemoteError` if that cannot be begun."""
        if self.core.told_state != "established":
            raise RemoteError(491, "Call Is Not Established")
        match command:
            case HoldCall(is_held=is_held):
                await self.do(self.core.hold, is_held)
            case SendDtmf(digits=digits, duration_ms=duration_ms):
                await self.do(self.core.send_dtmf, digits, duration_ms)

    # -- what goes out

    async def _carry_out(self, output: CallOutput) -> None:
        match output:
            case SaveCall():
                await self._record.save(self._as_record())
            case SendRequest() | SendAck() | Respond() | CancelRequest():
                await self.leg.send(output)
            case AskMedia() | WantKeyframe():
                self._asides.post(lambda: self._ask_relay(output))
            case Progressed() | Established():
                await self._tell(output)
            case HoldChanged() | ActionFailed() | DigitReceived() | TransferProgressed():
                await self._publish_news(output)
            case MessageReceived(transaction, request, message):
                self._owner.messenger.receive(transaction, request, message, self.call_id)
            case MessageAnswered(message_id, status, reason):
                await self._owner.messenger.tell(message_id, status, reason)
            case Ended():
                await self._end(output)
            case Finished():
                self._finish()

    def _as_record(self) -> CallRecord:
        core, facts = self.core, self.core.facts
        return CallRecord(
            call_id=facts.call_id,
            session_id=facts.session_id,
            owner=self._services.agent,
            epoch=self._owner.epoch,
            direction=facts.direction,
            state=core.told_state,
            caller=facts.caller,
            callee=facts.callee,
            caller_name=facts.caller_name,
            created_at=facts.created_at,
            media=self.media,
            browser_sdp=core.browser_sdp,
            far_sdp=core.remote_sdp,
            has_video=self.has_video,
            leg=msgspec.Raw(msgspec.json.encode(self.leg.saved())),
        )

    async def _publish(self, event: Message) -> None:
        await self._services.bus.publish(session_events(self._owner.session_id), event)

    async def _tell(self, output: Progressed | Established) -> None:
        stage = output.state if isinstance(output, Progressed) else "established"
        metrics.setup(self.core.facts.direction, stage).observe(time.monotonic() - self._started_at)
        await self._publish_news(output)

    async def _publish_news(self, news: News) -> None:
        await self._publish(event_of(news, self._owner.session_id, self.call_id))

    async def _end(self, output: Ended) -> None:
        facts = self.core.facts
        result = metrics.call_result(output.status, output.was_established, output.by)
        metrics.calls(facts.direction, result, metrics.code_class(output.status)).inc()
        _log.info(
            "call ended",
            call=facts.call_id,
            session=facts.session_id,
            status=output.status,
            reason=output.reason,
            by=output.by,
            established=output.was_established,
        )
        self._asides.post(self._clear)
        await self._publish(
            CallEnded(
                session_id=self._owner.session_id,
                call_id=facts.call_id,
                status=output.status,
                reason=output.reason,
                by=output.by,
                was_established=output.was_established,
                media=self.media,
            )
        )

    def _finish(self) -> None:
        if self._finished.is_set():
            return
        self._finished.set()
        metrics.calls_active(self.core.facts.direction).dec()
        self._on_finished(self)

    # -- asides

    async def _ask_relay(self, wanted: AskMedia | WantKeyframe) -> None:
        if self.media is None:
            return
        if isinstance(wanted, AskMedia):
            await self._ask_media(self.media, wanted)
        else:
            await request_keyframe(self._services.bus, self.media, self._owner.epoch)

    async def _ask_media(self, media: MediaRef, question: AskMedia) -> None:
        try:
            answer = await ask_relay(self._services.bus, media, self._owner.epoch, question)
        except RemoteError as error:
            self.post(self.core.media_refused, question.question, error.status, error.reason)
        except Exception:  # the boundary of the aside: the call must hear something
            _log.exception("relay not asked", call=self.call_id)
            self.post(self.core.media_refused, question.question, 500, "Server Internal Error")
        else:
            self.post(partial(self.core.media_answered, is_held=answer.is_held), question.question, answer.sdp)

    async def _clear(self) -> None:
        """Remove what is left of the call, at NATS and at the relay at once: each answer wakes the loop once more."""
        epoch = self._owner.epoch
        freeing = [release(self._services.bus, self.media, epoch)] if self.media is not None else []
        for error in await asyncio.gather(self._record.delete(epoch), *freeing, return_exceptions=True):
            if error is not None:
                _log.warning("not removed", call=self.call_id, error=repr(error))

    def offer_to_session(self) -> None:
        """Ask the session whether it takes this incoming call."""
        self._asides.post(self._offer_to_session)

    async def _offer_to_session(self) -> None:
        assert isinstance(self.core, IncomingCall)
        facts = self.core.facts
        command = IncomingCallCommand(
            id=command_id(),
            expires_at=command_expiry(),
            epoch=self._owner.epoch,
            session_id=facts.session_id,
            call_id=facts.call_id,
            agent=self._services.agent,
            caller=facts.caller,
            callee=facts.callee,
            caller_name=facts.caller_name,
            sip_sdp=self.core.far_sdp or "",
            asserted=facts.asserted,
            headers=dict(facts.headers),
        )
        try:
            reply = await self._services.bus.request(session_events(facts.session_id), command, IncomingAccepted)
        except NoOwner:
            self.post(self.core.refused, 480, "Temporarily Unavailable", False)
        except DeadlineExceeded:
            # It may have reached the browser: that must hear of the end.
            self.post(self.core.refused, 480, "Temporarily Unavailable", True)
        except RemoteError as error:
            self.post(self.core.refused, error.status, error.reason, False)
        except Exception:  # the boundary of the aside: the call must hear something
            _log.exception("session not asked", call=self.call_id)
            self.post(self.core.refused, 500, "Server Internal Error", True)
        else:
            self.media, self.has_video = reply.media, reply.has_video
            self.post(self.core.accepted, reply.browser_sdp)


async def _nothing() -> None:
    """Be done once all before it is."""
