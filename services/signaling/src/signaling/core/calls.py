"""The calls that one socket knows of: requests of the page against events of the agent."""

from msgspec import UNSET

from shared.messages import CallEnded, CallEstablished, CallHold, CallProgress, CallSnapshot, IncomingCall

from .agent_events import event_of, frame_of, incoming_frame, live_call
from .call import Action, AgentEvent, Call, CallState, Input
from .errors import PageError, bad_request, no_such_call
from .frames import AnswerRequestedEvent, LiveCall, ReanchorEvent, type_of
from .limits import CALLS_AT_ONCE
from .outbox import Outbox
from .outputs import Answer, AnswerRenewal, Dropped, Ended, HangUp, PlaceCall, Reached, Renew, SendMessage, Use
from .requests import (
    AnswerRequest,
    CallRequest,
    CallUse,
    HangupRequest,
    MessageRequest,
    RenewRequest,
    TransferRequest,
)

_RESUMED = {
    "incoming": CallState.INCOMING,
    "trying": CallState.PROCEEDING,
    "ringing": CallState.PROCEEDING,
    "early": CallState.PROCEEDING,
    "established": CallState.ESTABLISHED,
}
_INPUTS = {CallProgress: Input.PROGRESS, CallEstablished: Input.ESTABLISH, CallEnded: Input.END}
_GONE = 481  # RFC 3261 §21.4.19: the agent does not know the call


def is_being_offered(call: CallSnapshot) -> bool:
    """Whether the agent is just asking for an incoming call to be shown: it comes by `offer`, if it does."""
    return call.state == "incoming" and call.browser_sdp is None


class Calls:
    """Requests come in by the verbs of the page, their results by those of the shell."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._calls: dict[str, Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    # What the page asks for; a request that cannot be is a PageError.

    def place(self, request: CallRequest, now: float) -> None:
        """Start a call."""
        if request.call in self._calls:
            raise bad_request(f"Call {request.call} Exists Already")
        if len(self._calls) >= CALLS_AT_ONCE:
            raise PageError(403, f"More Than {CALLS_AT_ONCE} Calls")
        self._calls[request.call] = Call(request.call, CallState.STARTING, now, request.id)
        self._outbox.put(PlaceCall(request))

    def answer(self, request: AnswerRequest) -> None:
        """Take an incoming call, or the offer of a new connection."""
        is_renewal = self._ask(request.call, Input.ANSWER) is Action.FORWARD_RENEWAL
        answer = AnswerRenewal if is_renewal else Answer
        self._outbox.put(answer(request.id, request.call, request.sdp))

    def renew(self, request: RenewRequest) -> None:
        """Come anew to an established call."""
        self._ask(request.call, Input.RENEW)
        self._outbox.put(Renew(request.id, request.call))

    def hang_up(self, request: HangupRequest) -> None:
        """End a call."""
        if self._ask(request.call, Input.HANGUP) is Action.PROMISE:
            self._outbox.ok(request.id)
            return
        status = 0 if request.status is UNSET else request.status
        self._outbox.put(HangUp(request.id, request.call, status, "" if request.reason is UNSET else request.reason))

    def use(self, request: CallUse) -> None:
        """Hold an established call, send digits, transfer it."""
        if isinstance(request, TransferRequest) and request.other is not UNSET:
            self._ask(request.other, Input.USE, "transfer")
        self._ask(request.call, Input.USE, type_of(request))
        self._outbox.put(Use(request))

    def send_message(self, request: MessageRequest) -> None:
        """Send an instant message, inside a call if it names one."""
        if request.call is not UNSET:
            self._ask(request.call, Input.USE, "message")
        self._outbox.put(SendMessage(request))

    def _ask(self, call_id: str, what: Input, verb: str = "") -> Action:
        call = self._calls.get(call_id)
        if call is None:
            raise no_such_call(call_id)
        state = call.state
        action = call.handle(what)
        if action is None:
            raise bad_request(f"{verb or what.value}: the call is {state.value}")
        return action

    # What became of it on the bus.

    def media_allocated(self, call_id: str, now: float) -> bool:
        """Return whether the call is still wanted."""
        call = self._calls.get(call_id)
        if call is None or call.state is not CallState.STARTING:
            return False
        self._outbox.put(Reached("allocated", now - call.since))
        return True

    def started(self, call_id: str, now: float) -> None:
        """The agent has taken the call."""
        call = self._calls[call_id]
        action = call.handle(Input.READY)
        self._outbox.ok(call.request_id)
        self._outbox.put(Reached("started", now - call.since))
        held_back, call.held_back = call.held_back, []
        for event in held_back:
            self.hear(event, now)
        if action is Action.CONFIRM_AND_HANG_UP and call.state is not CallState.OVER:
            self._outbox.put(HangUp(None, call_id))

    def failed(self, call_id: str, status: int, reason: str) -> None:
        """The call did not come to be."""
        call = self._calls.pop(call_id)
        call.handle(Input.FAILED)
        self._outbox.error(call.request_id, status, reason)

    def not_forwarded(self, re: str | None, call_id: str, verb: Input, status: int, reason: str, now: float) -> None:
        """The agent refused an answer or a hang-up, or could not be asked."""
        if re is not None:
            self._outbox.error(re, status, reason)
        call = self._calls.get(call_id)
        if call is None:
            return
        if status == _GONE:
            self._gone(call, status, reason, now)
        elif verb is Input.ANSWER:
            call.handle(Input.FAILED)

    # What the agent says.

    def offer(self, call_id: str, now: float) -> None:
        """An incoming call wants to be shown; raise what the caller is to be told if it cannot be."""
        if call_id in self._calls:
            raise PageError(482, "Loop Detected")
        if len(self._calls) >= CALLS_AT_ONCE:
            raise PageError(486, "Busy Here")
        self._calls[call_id] = Call(call_id, CallState.OFFERING, now)

    def ask_to_answer(self, call_id: str) -> None:
        """Ask the page to answer a call; raise what the one who wants it is told if that cannot be."""
        self._ask(call_id, Input.PROMPT)
        if not self._outbox.event(lambda seq: AnswerRequestedEvent(seq=seq, call=call_id)):
            raise PageError(501, "The Page Has No Word For It")

    def offer_failed(self, call_id: str) -> None:
        """There is no media for it: the page never hears of it."""
        call = self._calls.get(call_id)
        if call is not None and call.handle(Input.FAILED) is not None:
            del self._calls[call_id]

    def show(self, incoming: IncomingCall, browser_sdp: str) -> bool:
        """Tell the page of the call; False if it ended before that."""
        call = self._calls.get(incoming.call_id)
        if call is None or call.handle(Input.READY) is None:
            return False
        self._outbox.event(lambda seq: incoming_frame(incoming, browser_sdp, seq))
        return True

    def reanchor(self, call_id: str, sdp: str) -> None:
        """Offer the page another connection; raise `PageError` if it cannot be told now, or knows no other."""
        if not self._outbox.dialect.renegotiates:
            raise PageError(501, "The Page Has One Connection")
        call = self._calls.get(call_id)
        if call is None or call.handle(Input.REANCHOR) is None:
            raise PageError(491, "The Page Cannot Be Told Now")
        self._outbox.event(lambda seq: ReanchorEvent(seq=seq, call=call_id, sdp=sdp))

    def hear(self, event: AgentEvent, now: float) -> None:
        """Pass an event on, in its order, if it makes sense."""
        call = self._calls.get(event.call_id)
        action = None if call is None else call.handle(_INPUTS.get(type(event), Input.NEWS))
        if call is None or action is None:
            self._outbox.put(Dropped(type(event).__name__))
            return
        if action is Action.HOLD_BACK:
            call.held_back.append(event)
            return
        if action is Action.TELL:
            self._tell(call, event, now)
        if call.state is CallState.OVER:
            del self._calls[call.call_id]

    def _tell(self, call: Call, event: AgentEvent, now: float) -> None:
        match event:
            case CallProgress(state="ringing"):
                self._outbox.put(Reached("ringing", now - call.since))
            case CallEstablished():
                self._outbox.put(Reached("established", now - call.since))
            case CallEnded():
                self._outbox.put(Ended(event.status, event.was_established))
            case CallHold():
                call.hold = (event.local, event.remote)
            case _:
                pass
        self._outbox.event(lambda seq: frame_of(event, seq))

    def at_the_agent(self) -> frozenset[str]:
        """Return the calls that the agent knows, if they are not over."""
        under_way = (CallState.STARTING, CallState.ABANDONED, CallState.OFFERING)
        return frozenset(call.call_id for call in self._calls.values() if call.state not in under_way)

    def catch_up(self, asked_about: frozenset[str], snapshots: tuple[CallSnapshot, ...], now: float) -> None:
        """Bring the page up to what the agent said when it was asked; `asked_about` were its calls before that.

        What has begun or ended since then is known by its own messages.
        """
        there = {one.call_id: one for one in snapshots}
        unknown = [one for one in snapshots if one.call_id not in self._calls and one.call_id not in asked_about]
        for call in [call for call in self._calls.values() if call.call_id in asked_about]:
            if call.call_id not in there:
                self._gone(call, _GONE, "Ended Unheard", now)
            else:
                self._bring_up(call, there[call.call_id], now)
        for one in unknown:
            if not is_being_offered(one):
                self._outbox.put(HangUp(None, one.call_id))  # its page was told that it had failed

    def _bring_up(self, call: Call, there: CallSnapshot, now: float) -> None:
        event = event_of(there)
        if event is not None:
            self.hear(event, now)
        if call.hold != (there.local_hold, there.remote_hold):
            held = CallHold(session_id="", call_id=call.call_id, local=there.local_hold, remote=there.remote_hold)
            self.hear(held, now)

    def _gone(self, call: Call, status: int, reason: str, now: float) -> None:
        established = call.state is CallState.ESTABLISHED
        ended = CallEnded(
            session_id="",
            call_id=call.call_id,
            status=status,
            reason=reason,
            by="system",
            was_established=established,
        )
        self.hear(ended, now)

    def take_over(self, snapshots: tuple[CallSnapshot, ...], now: float) -> tuple[LiveCall, ...]:
        """Know the calls of a resumed session, and return them for the page."""
        live = [call for call in snapshots if call.state in _RESUMED and not is_being_offered(call)]
        for call in live:
            hold = (call.local_hold, call.remote_hold)
            self._calls[call.call_id] = Call(call.call_id, _RESUMED[call.state], now, hold=hold)
        return tuple(live_call(call) for call in live)
