"""One live call: carries out what its core asks for, in order, and brings it what comes back.

The order is kept by the session's mailbox: the record is written before the message that explains it is sent.
Questions to the relay (`call_media`) and to the session are asked aside, so that a CANCEL need not wait for them.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import nats.errors
import structlog

from shared.errors import RemoteError
from shared.kv import Conflict
from shared.messages import CallSnapshot, Event, IncomingAccepted, MediaRef, Message
from shared.messages.account import CallState
from shared.subjects import session_events
from sip_agent import metrics
from sip_agent.accounts.session_client import offer_call
from sip_agent.alarm import Alarm
from sip_agent.calls.call_media import CallMedia
from sip_agent.calls.call_news import end_event_of, event_of, transfer_event_of, with_peer_of
from sip_agent.calls.call_owner import CallOwner
from sip_agent.calls.call_record import keep_ending, owned_record, record_of, snapshot_of
from sip_agent.calls.history import History
from sip_agent.calls.joining import Partner
from sip_agent.calls.leg import Leg
from sip_agent.calls.sounds import CallSounds
from sip_agent.calls.succession import LegTable, Succession
from sip_agent.calls.unattended import take_call
from sip_agent.core.back import back
from sip_agent.core.call.call import Call
from sip_agent.core.call.incoming import IncomingCall
from sip_agent.core.call.outputs import (
    AskMedia,
    CallOutput,
    CancelRequest,
    Ended,
    Established,
    Finished,
    HoldChanged,
    MessageAnswered,
    MessageReceived,
    News,
    Progressed,
    ReanchorRefused,
    Referred,
    Respond,
    SaveCall,
    SendAck,
    SendRequest,
    Unheard,
    WantKeyframe,
)
from sip_agent.core.earliest import earliest
from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.syntax.message import Request
from sip_agent.mailbox import Mailbox
from sip_agent.services import Services, wall_clock

_log = structlog.get_logger(__name__)
_Served = News | WantKeyframe | Referred | MessageReceived | MessageAnswered | ReanchorRefused | Unheard


class LiveCall:
    """`leg` is the one that the browser talks on; `media_side` has media once the session is ours to release."""

    def __init__(
        self,
        services: Services,
        owner: CallOwner,
        on_finished: Callable[["LiveCall"], None],
        legs: LegTable,
        core: Call,
        media: MediaRef | None,
        has_video: bool,
        is_headless: bool = False,
    ) -> None:
        self._services = services
        self._owner = owner
        self._on_finished = on_finished
        self.leg = Leg(core, services, owner.next_hop.find, back(self.post))
        self.has_video = has_video
        self.is_headless = is_headless
        self.joined_call_id = ""
        self.partner: Partner | None = None
        self.ringing_at: float | None = None  # by the clock of records
        self.established_at: float | None = None
        self.history = History(services, owner.identity.aor)
        self.facts = core.facts  # as the session has them: it does not matter to it who called at last
        self._record = owned_record(services, core.facts.session_id, core.facts.call_id)
        self.media_side = CallMedia(services, owner, self, media)
        self._succession = Succession(services, owner, self, legs)
        self._held = HoldChanged(False, False)  # as the session knows it
        self._browser_sdp: str | None = None  # kept when the call is taken over
        self._started_at = time.monotonic()
        music = services.settings.hold_music
        self.sounds = CallSounds(services.bus, self, music, owner.session_id, back(self.tell))
        self._alarm = Alarm(back(self._on_alarm))
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
        return self.facts.call_id

    @property
    def media(self) -> MediaRef | None:
        """The media session."""
        return self.media_side.anchor.current

    @property
    def asides(self) -> Mailbox:
        """What is asked of relay and session, in its order."""
        return self.media_side.asides

    @property
    def epoch(self) -> int:
        """Of the ownership."""
        return self._owner.epoch

    @property
    def browser_sdp(self) -> str | None:
        """The last description that was made for the browser, if there is one."""
        return self._browser_sdp or self.core.browser_sdp or None

    def snapshot(self) -> CallSnapshot:
        """Return what a browser that comes back must see."""
        return snapshot_of(self, self.media_side.anchor.offer)

    @property
    def told_state(self) -> CallState:
        """Where the call stands for its session, which does not see that a leg is tried."""
        return "established" if self.is_changing_hands else self.core.told_state

    @property
    def is_changing_hands(self) -> bool:
        """Whether a leg is tried that is to take the call over."""
        return self._succession.is_trying

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is under way but talk."""
        is_alone = self._succession.live == [self.leg] and (self.partner is None or self.partner.is_settled)
        return is_alone and self.core.is_quiet and self.media_side.anchor.is_at_rest and not self.sounds.are_told

    async def wait_finished(self) -> None:
        """Wait until nothing of the call is on the wire or at the relay."""
        await self._finished.wait()
        await self.asides.ask(partial(asyncio.sleep, 0))  # after all that is in it

    # -- what comes in

    def fail(self, status: int, reason: str) -> None:
        """End the call for a reason that is neither side's."""
        self.post(self._fail, status, reason)

    def _fail(self, status: int, reason: str, now: float) -> None:
        if not self._succession.end(status, reason, "system", now):
            self.core.fail(status, reason, now)

    def hang_up(self, status: int, reason: str, now: float) -> None:
        """End the call as the user does."""
        if not self._succession.end(200, "Normal Call Clearing", "local", now):
            self.core.hangup(status, reason, now)

    def post(self, verb: Callable[..., Any], *facts: Any) -> None:
        """Give something to the core in its turn."""
        self._owner.mailbox.post(lambda: self.do(verb, *facts))

    async def in_turn(self, verb: Callable[..., Any], *facts: Any) -> None:
        """Give something to the core in its turn, and wait for that: for asides, which no mailbox waits for."""
        await self._owner.mailbox.ask(lambda: self.do(verb, *facts))

    async def do(self, verb: Callable[..., Any], *facts: Any) -> Any:
        """Give something to the core now, and carry out what follows; only from the mailbox."""
        if self._is_lost:
            return None
        result = verb(*facts, time.monotonic())
        try:
            await self._drain()
        except Conflict:
            self.abandon()
            raise
        finally:
            if not self._is_lost:
                self._set_alarm()
        return result

    def _set_alarm(self) -> None:
        timers = [leg.core.next_timer() for leg in self._succession.live]
        self._alarm.set(earliest(*timers, self.media_side.anchor.next_timer()))

    def abandon(self) -> None:
        """Another agent owns the call, and only the owner sends in a dialog: be silent and forget it."""
        _log.info("call left to another agent", call=self.call_id)
        self._is_lost = True
        self._alarm.stop()
        self._finish()

    def _on_alarm(self) -> None:
        self.post(self._handle_timers)

    def _handle_timers(self, now: float) -> None:
        for leg in list(self._succession.live):
            leg.core.handle_timer(now)
        self.media_side.anchor.handle_timer(now)

    async def _drain(self) -> None:
        """Carry out what the legs have put out, and what that makes them put out."""
        while True:
            work = [(leg, outputs) for leg in self._succession.legs if (outputs := leg.core.take_output())]
            for leg, outputs in work:
                await self._carry_out_all(leg, outputs)
            if (end := self._succession.take_end()) is not None:
                await self._carry_out_all(self.leg, [end])
            if not await self.media_side.carry_out() and not work:
                return

    async def _carry_out_all(self, leg: Leg, outputs: list[CallOutput]) -> None:
        is_recorded = True
        for output in outputs:
            try:
                await self._carry_out(leg, output)
            except (nats.errors.Error, RemoteError) as error:
                # NATS is away for so long that the lease is lost, so nothing is sent by SIP either. What is left of
                # the outputs is done all the same: one that ends the call must not be lost with the others.
                _log.warning("not carried out", call=self.call_id, output=type(output).__name__, error=repr(error))
                is_recorded = is_recorded and not isinstance(output, SaveCall)
        if not is_recorded:
            leg.core.fail(503, "Service Unavailable", time.monotonic())

    # -- what goes out

    async def _carry_out(self, leg: Leg, output: CallOutput) -> None:
        match output:
            case SendRequest() | SendAck() | Respond() | CancelRequest():
                await leg.send(output)
            case Finished():
                leg.leave()
                if self._succession.finished(leg):
                    self._finish()
            case _ if self._succession.is_aside(leg):
                await self._succession.carry_out(leg, output, time.monotonic())
            case SaveCall():
                await self.save(self.leg)
            case AskMedia() if self._succession.has_lost_media(leg):
                self._succession.refuse(leg, output, time.monotonic())
            case AskMedia():
                self.media_side.ask(leg, output)
            case Ended() if self._succession.survives(output):
                _log.info("leg ended", call=self.call_id)
            case Ended():
                await self._end(output)
            case _:
                await self._serve(output)

    async def _serve(self, output: _Served) -> None:
        match output:
            case ReanchorRefused(status, reason):
                _log.warning("new relay refused", call=self.call_id, status=status, reason=reason)
                self.media_side.anchor.refused(time.monotonic())
            case WantKeyframe():
                self.media_side.want_keyframe()
            case Referred(referral):
                self._browser_sdp = self._browser_sdp or self.core.browser_sdp
                self._succession.refer(referral)
            case MessageReceived(transaction, request, message):
                self._owner.messenger.receive(transaction, request, message, self.call_id)
            case MessageAnswered(message_id, status, reason):
                await self._owner.messenger.tell(message_id, status, reason)
            case Unheard():
                self.history.ended(self, self.facts, output)
            case _:
                await self._tell(output)

    async def save(self, leg: Leg) -> None:
        """Write the record with the state of a leg; one that has ended would come back to life by it."""
        if leg.core.told_state == "ended":
            return
        if leg.core.is_answered and self.established_at is None:
            self.established_at = wall_clock()
        services, is_moving = self._services, self.media_side.anchor.is_moving
        await self._record.save(record_of(self, leg, services.agent, self._owner.epoch, services.seal, is_moving))

    # -- another far side

    def replace(self, transaction: TransactionId, request: Request, source: Flow) -> None:
        """Let an INVITE take the place of this call's leg."""
        self._browser_sdp = self._browser_sdp or self.core.browser_sdp
        self.post(self._succession.accept, transaction, request, source)

    async def taken_over(self) -> None:
        """Tell the session that `leg` has the call now."""
        self.facts = with_peer_of(self.facts, self.core.facts)
        await self.save(self.leg)
        transferred = transfer_event_of(self.core.facts, self._owner.session_id, self.call_id)
        self.history.transferred(self.facts, transferred)
        _log.info("call taken over", call=self.call_id, session=self._owner.session_id)
        await self._publish(transferred)
        held = HoldChanged(self.core.local_hold, self.core.remote_hold)
        if held != self._held:
            await self._tell(held)

    async def _publish(self, event: Message) -> None:
        await self._services.bus.publish(session_events(self._owner.session_id), event)

    def tell(self, event: Event) -> None:
        """Tell the session something beside what the core has to say, in its turn."""
        self._owner.mailbox.post(lambda: self._publish(event))

    async def _tell(self, news: News) -> None:
        if isinstance(news, Progressed | Established):
            stage = news.state if isinstance(news, Progressed) else "established"
            metrics.setup(self.facts.direction, stage).observe(time.monotonic() - self._started_at)
        if isinstance(news, Progressed) and news.state != "trying":
            self.ringing_at = self.ringing_at or wall_clock()
        if isinstance(news, Established):
            self.sounds.established()
            if self.partner is not None:
                self.partner.established(self)
        if isinstance(news, HoldChanged):
            self._held = news
            self.sounds.held(news.local)
        self.history.told(self.facts, news)
        await self._publish(event_of(news, self._owner.session_id, self.call_id))

    async def _end(self, output: Ended) -> None:
        facts = self.facts
        result = metrics.call_result(output.status, output.was_established)
        metrics.calls(facts.direction, result, metrics.code_class(output.status)).inc()
        _log.info("call ended", call=facts.call_id, session=facts.session_id, **msgspec.structs.asdict(output))
        self.history.ended(self, facts, output)
        self.asides.post(partial(self._clear, output))
        if self.partner is not None:
            self.partner.ended(self, output)
        self._succession.stop(time.monotonic())
        try:
            await self._publish(end_event_of(output, self._owner.session_id, facts.call_id, self.media))
        finally:
            if not self._succession.live:
                self._finish()

    def _finish(self) -> None:
        if self._finished.is_set():
            return
        self._finished.set()
        self.media_side.close()
        metrics.calls_active(self.facts.direction).dec()
        self._on_finished(self)

    # -- asides

    def ask_relay(self, leg: Leg, asked: AskMedia, instead: AskMedia | None = None) -> None:
        """Bring the relay a question of a leg; `instead`: another one, whose answer is the answer to it."""
        self.media_side.ask(leg, asked, instead)

    async def _clear(self, ended: Ended) -> None:
        """Remove what is left of the call: its record, which would bring it back to life, then its media."""
        epoch = self._owner.epoch
        if self.is_headless:
            last = record_of(self, self.leg, self._services.agent, epoch, self._services.seal)
            await keep_ending(self._services.store.endings, last, ended)
        await self.history.settle()  # should this agent die here, whoever takes the call over tells its end
        try:
            await self._record.delete(epoch)
        except nats.errors.Error as error:
            _log.warning("record not removed", call=self.call_id, error=repr(error))
        await self.media_side.release()

    def offer_to_session(self, core: IncomingCall) -> None:
        """Begin an incoming call: ask the session whether it takes it. Before it says so there is nothing to send."""
        core.start(time.monotonic())
        self._set_alarm()
        self.asides.post(lambda: self._offer_to_session(core))

    async def _offer_to_session(self, core: IncomingCall) -> None:
        offer = take_call if self.is_headless else offer_call
        answer = await offer(self._services, self._owner.epoch, core)
        if isinstance(answer, IncomingAccepted):
            self.media_side.found(answer.media)
            self.has_video = answer.has_video
            self.ringing_at = wall_clock()
            await self.in_turn(core.accepted, answer.browser_sdp)
            if core.told_state == "incoming":
                self.history.rings(self.facts)
        else:
            await self.in_turn(core.refused, answer.status, answer.reason, answer.is_known)
