"""One call, another far side: the legs of a live call beside the one that the browser talks on (RFC 5589, RFC 3891).

A leg that is to take the call over is tried while the old one stands. Its media is the same session of the relay, so
the page has nothing to do. Once it is answered it is the call's leg, and the one that had the call leaves by BYE.
"""

import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import structlog

from shared.errors import LocalError, RemoteError
from shared.messages import MediaRef
from shared.messages.call import EndedBy
from sip_agent.calls.leg import Leg
from sip_agent.calls.relay_client import ask_relay
from sip_agent.core.back import back
from sip_agent.core.call.call import Call
from sip_agent.core.call.facts import State
from sip_agent.core.call.incoming import IncomingCall
from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.outputs import AskMedia, CallOutput, Ended, Established, MessageReceived, Progressed, SaveCall
from sip_agent.core.call.rules import CallRules
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.errors import SipError
from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.in_dialog.session_timer import too_small
from sip_agent.core.syntax.grammar import readable
from sip_agent.core.syntax.message import Request, Response, make_response
from sip_agent.core.transfer.referral import Referral
from sip_agent.locating.next_hop import NextHop
from sip_agent.mailbox import Mailbox
from sip_agent.services import Services, token

_log = structlog.get_logger(__name__)

KEPT_OVER = 4  # legs of one call that are over, the last ones


class SuccessionOwner(Protocol):
    """The account of the call."""

    identity: Identity
    next_hop: NextHop

    @property
    def epoch(self) -> int:
        """Of the ownership."""


class LegTable(Protocol):
    """Where legs are found by their dialogs."""

    def add_leg(self, leg: Leg) -> None:
        """Take in a leg."""

    def remove_leg(self, leg: Leg) -> None:
        """Forget a leg."""


class TransferredCall(Protocol):
    """As much of a live call as changes hands."""

    leg: Leg

    @property
    def media(self) -> MediaRef | None:
        """The media session."""

    @property
    def asides(self) -> Mailbox:
        """What is asked of the relay, in its order."""

    def post(self, verb: Callable[..., Any], *facts: Any) -> None:
        """Do something in its turn."""

    def ask_relay(self, leg: Leg, asked: AskMedia, instead: AskMedia | None = None) -> None:
        """Bring the relay a question of a leg; `instead`: another one, whose answer is the answer to it."""

    async def save(self, leg: Leg) -> None:
        """Write the record with the state of a leg."""

    async def taken_over(self) -> None:
        """Tell the session that `leg` has the call now."""


class Succession:
    """`is_trying` is set from the moment of the REFER, before there is a `successor`."""

    def __init__(self, services: Services, owner: SuccessionOwner, call: TransferredCall, legs: LegTable) -> None:
        self._services = services
        self._owner = owner
        self._call_ref = weakref.ref(call)  # which holds us (see `back`)
        self._legs = legs
        self.live: list[Leg] = [call.leg]
        self._over: deque[Leg] = deque(maxlen=KEPT_OVER)
        self.is_trying = False
        self._successor: Leg | None = None
        self._is_alone = False  # whoever referred us has left: the successor is all that there is
        self._end: Ended | None = None
        self._trials = 0
        self._trial = self._counted = ""  # what the successor, and the leg that has the call, are counted as

    @property
    def _call(self) -> TransferredCall:
        call = self._call_ref()
        if call is None:
            raise LocalError("the succession of a call that is gone")
        return call

    @property
    def legs(self) -> list[Leg]:
        """Every leg that may have something to say: one that is over still answers what was on its way to it."""
        return [*self.live, *self._over]

    def is_aside(self, leg: Leg) -> bool:
        """Whether what a leg puts out is not yet, or no more, the call's."""
        return leg is self._successor or leg is not self._call.leg

    def take_end(self) -> Ended | None:
        """Return the end of the call if nothing came of the successor, once."""
        end, self._end = self._end, None
        return end

    def finished(self, leg: Leg) -> bool:
        """Forget a leg; return whether it was the last."""
        self._legs.remove_leg(leg)
        if leg in self.live:
            self.live.remove(leg)
            self._over.append(leg)
        is_last = not (self.live or self.is_trying)
        if is_last:
            self._uncount()
        return is_last

    def has_lost_media(self, leg: Leg) -> bool:
        """Whether the relay has given the leg's media to a successor already, which is so from its offer on."""
        successor = self._successor
        return successor is not None and leg is not successor and isinstance(successor.core, IncomingCall)

    def end(self, status: int, reason: str, by: EndedBy, now: float) -> bool:
        """End a call that has no leg: the old one has left, the other is not there yet. Return whether it was one."""
        if not (self.is_trying and self._is_alone and self._successor is None):
            return False
        self._failed(status, reason, now, by)
        return True

    def survives(self, end: Ended) -> bool:
        """Whether the call goes on though its leg has ended: whoever refers may hang up at once (RFC 5589 §6.1)."""
        if not self.is_trying or end.by != "remote":
            return False
        self._is_alone = True
        if self._successor is not None:
            self._call.leg = self._successor
        return True

    def stop(self, now: float) -> None:
        """The call is over for its session: so is every leg."""
        self.is_trying, self._successor = False, None
        for leg in self.live:
            leg.core.hangup(0, "", now)

    # -- a leg is tried

    def _try(self, core: Call) -> Leg:
        leg = Leg(core, self._services, self._owner.next_hop.find, back(self._call.post))
        self.live.append(leg)
        self._legs.add_leg(leg)
        self._successor, self.is_trying = leg, True
        if self._is_alone:
            self._call.leg = leg
        return leg

    def refer(self, referral: Referral) -> None:
        """Call whom the far side has named, for the same browser."""
        self.is_trying = True
        call = self._call
        call.asides.post(lambda: self._offer(call, referral))

    async def _offer(self, call: TransferredCall, referral: Referral) -> None:
        media = call.media
        call_id, sip_call_id = call.leg.core.facts.call_id, token()
        try:
            if media is None:
                raise RemoteError(480, "No Media")
            await self._count()
            is_held = call.leg.core.local_hold
            offer = _our_offer(is_held)
            sdp = (await ask_relay(self._services.bus, media, self._owner.epoch, sip_call_id, offer)).sdp
        except RemoteError as error:
            call.post(self._failed, error.status, error.reason)
        except Exception:  # the boundary of the aside: whoever waits for the call must hear something
            _log.exception("no offer", call=call_id)
            call.post(self._failed, 500, "Server Internal Error")
        else:
            call.post(self._start, referral, sip_call_id, sdp, is_held)

    def _start(self, referral: Referral, sip_call_id: str, sdp: str, is_held: bool, now: float) -> None:
        if not self.is_trying:  # the call has ended meanwhile
            self._uncount()
            return
        identity, target = self._owner.identity, str(referral.target)
        facts = msgspec.structs.replace(
            self._call.leg.core.facts,
            direction="outgoing",
            caller=str(identity.address.uri),
            callee=target,
            caller_name="",
        )
        core = OutgoingCall(facts, identity.within(target), self._rules(), token(), sip_call_id)
        core.inherit_hold(is_held)
        self._try(core)
        core.start(target, sdp, referral.headers, now)

    def accept(self, transaction: TransactionId, request: Request, source: Flow, now: float) -> None:
        """Answer an INVITE that replaces the call."""
        try:
            refused = self._refusal(request)
            core = self._replacing(transaction, request)
        except SipError as error:  # what cannot be read is refused now: later nobody would answer it
            refused = make_response(request, error.status, error.reason, token())
        if refused is not None:
            self._services.endpoint.respond(transaction, refused)
            return
        self._try(core).came_from(source)
        post = back(self._call.post)
        self._services.endpoint.on_cancel(transaction, lambda cancel: post(core.receive_cancel, cancel))
        core.start(now)
        core.take_over(now)

    def _refusal(self, request: Request) -> Response | None:
        if self.is_trying:
            return make_response(request, 491, None, token())
        if self._call.leg.core.state is not State.CONFIRMED:  # RFC 3891 §3: it has ended since the INVITE came
            return make_response(request, 603, None, token())
        return too_small(request, self._rules(), token())

    def _replacing(self, transaction: TransactionId, request: Request) -> IncomingCall:
        facts = msgspec.structs.replace(
            self._call.leg.core.facts,
            direction="incoming",
            caller=readable(str(request.from_.uri)),
            callee=readable(str(request.to.uri)),
            caller_name=readable(request.from_.display_name),
        )
        core = IncomingCall(
            facts, self._owner.identity.within(request.uri), self._rules(), token(), transaction, request
        )
        core.inherit_hold(self._call.leg.core.local_hold)
        return core

    def _rules(self) -> CallRules:
        return self._services.call_rules(self._owner.next_hop.is_proxy)

    # -- what comes of it

    async def carry_out(self, leg: Leg, output: CallOutput, now: float) -> None:
        """Carry out what a leg aside puts out."""
        if leg is not self._successor:
            self.refuse(leg, output, now)
            return
        match output:
            case SaveCall() if leg.core.is_answered:
                # From its 200 on the new dialog is the one to go on with, should this agent die.
                await self._call.save(leg)
            case AskMedia("early"):
                leg.core.media_answered("early", "", now)  # the old call is heard until the new one is answered
            case AskMedia("answer_browser"):
                sdp = leg.core.far_sdp
                self._call.ask_relay(leg, output, AskMedia("offer", sdp) if sdp else _our_offer(leg.core.local_hold))
            case AskMedia():
                self._call.ask_relay(leg, output)
            case Progressed(_, status, reason):
                self._call.leg.core.usages.referee.progressed(status, reason, now)
            case Established():
                await self._take_over(leg, now)
            case Ended():
                await self._lost(leg, output, now)

    def refuse(self, leg: Leg, output: CallOutput, now: float) -> None:
        """A leg that has had the call may ask for nothing; what else it says is of interest to nobody."""
        match output:
            case AskMedia("late_answer"):
                pass  # to refuse that would end its call
            case AskMedia(question):
                leg.core.media_refused(question, 488, "Transferred", now)
            case MessageReceived(transaction, request):
                self._services.endpoint.respond(transaction, make_response(request, 480))

    async def _take_over(self, leg: Leg, now: float) -> None:
        old, self._call.leg = self._call.leg, leg
        self._successor, self.is_trying = None, False
        self._end_count(self._counted)
        self._counted, self._trial = self._trial, ""
        try:
            await self._call.taken_over()
        finally:  # whether the session hears of it now or not, the old leg has no media any more
            if old.core.usages.referee.is_calling:
                old.core.usages.referee.succeeded(now)
            elif old is not leg:
                old.core.hangup(0, "", now)

    async def _lost(self, leg: Leg, end: Ended, now: float) -> None:
        if self._is_alone and end.by == "local":
            end = Ended(200, "Normal Call Clearing", "local", True)  # the user, for whom the call was established
        self._failed(end.status, end.reason, now, end.by)
        if self._is_alone:
            return
        if leg.core.was_answered:
            await self._call.save(self._call.leg)
        if isinstance(leg.core, IncomingCall):
            # The relay talks to the one that did not come: show it again where the far side is.
            self._call.ask_relay(self._call.leg, AskMedia("offer", self._call.leg.core.remote_sdp or ""))

    def _failed(self, status: int, reason: str, now: float, by: EndedBy = "system") -> None:
        self._end_count(self._trial)
        self._trial = ""
        if not self.is_trying:  # the call has ended meanwhile
            return
        self.is_trying, self._successor = False, None
        if self._is_alone:
            self._end = Ended(status, reason, by, True)
        else:
            self._call.leg.core.usages.referee.failed(status, reason, now)

    async def _count(self) -> None:
        """The call that a transfer makes is one more that the account makes."""
        self._trials += 1
        usage_id = f"{self._call.leg.core.facts.call_id}-transfer-{self._trials}"
        await self._services.usage.begin(self._owner.identity.aor, usage_id)
        self._trial = usage_id

    def _uncount(self) -> None:
        for usage_id in (self._trial, self._counted):
            self._end_count(usage_id)
        self._trial = self._counted = ""

    def _end_count(self, usage_id: str) -> None:
        if usage_id:
            self._services.usage.end(self._owner.identity.aor, usage_id)


def _our_offer(is_held: bool) -> AskMedia:
    return AskMedia("our_offer", direction="sendonly" if is_held else "sendrecv")
