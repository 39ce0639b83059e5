"""One call of an account, either direction: what both have in common, which is its end and its life once answered.

`outgoing` and `incoming` add how a call is set up. All are machines by table (see `table`): they take SIP
messages, the user's commands and the relay's answers, and leave `CallOutput`s to be carried out in order. `facts` has
the states.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from shared.errors import LocalError
from shared.messages.account import CallState
from shared.messages.call import EndedBy
from sip_agent.core.back import back
from sip_agent.core.call.byes import Byes
from sip_agent.core.call.facts import CallFacts, End, Input, State
from sip_agent.core.call.outputs import (
    ActionFailed,
    AskMedia,
    CallOutput,
    DigitReceived,
    Ended,
    Established,
    Finished,
    MediaQuestion,
    Respond,
    SaveCall,
)
from sip_agent.core.call.rules import CallRules
from sip_agent.core.call.saved import SavedCall, SavedIncoming, SavedOutgoing, SavedRequest
from sip_agent.core.call.usages import Usages
from sip_agent.core.dialog.dialog import Dialog
from sip_agent.core.dialog.extra_headers import printable
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.dialog.reason import end_of
from sip_agent.core.earliest import earliest
from sip_agent.core.errors import SipError
from sip_agent.core.events import TransactionId
from sip_agent.core.in_dialog.dialog_requests import Outcome
from sip_agent.core.in_dialog.in_dialog import InDialog
from sip_agent.core.in_dialog.offer_answer import OfferAnswer
from sip_agent.core.in_dialog.remote_modification import Inviting
from sip_agent.core.syntax.message import Request, Response, make_response, reason_of
from sip_agent.core.table import Rows as TableRows
from sip_agent.core.table import TableMachine

# What is asked of the relay while the call is set up, by the room of its direction; the rest is `in_dialog`'s.
SETUP_QUESTIONS = ("early", "answer", "answer_browser")


class Call(ABC):
    """The common part. `dialog` is what the record keeps; `told_state` is what people are told."""

    def __init__(
        self,
        facts: CallFacts,
        identity: Identity,
        rows: TableRows[State, Input],
        state: State,
        rules: CallRules,
        local_tag: str,
        sip_call_id: str,
    ) -> None:
        self.facts = facts
        self.identity = identity
        self.local_tag = local_tag
        self.sip_call_id = sip_call_id
        self.dialog: Dialog | None = None
        self.told_state: CallState = "incoming" if facts.direction == "incoming" else "trying"
        self.was_established = False
        self.browser_sdp: str | None = None
        self.far_sdp: str | None = None
        self._machine = TableMachine(rows, state)
        self._invite = Request("INVITE", "")
        self._out: list[CallOutput] = []
        self._deadlines: dict[Input, float] = {}
        self._rules = rules
        self._offers = OfferAnswer(rules.chance)
        self._in_dialog = InDialog(
            self, self._out, self._offers, identity, rules, facts.direction == "outgoing", back(self._dialog_gone)
        )
        self._byes = Byes(self._out, identity)
        self._is_end_told = False
        self.usages = Usages(self._out, self._in_dialog.own, identity, rules, back(self._transferred))

    @property
    def state(self) -> State:
        """Where the call stands."""
        return self._machine.state

    @property
    def remote_sdp(self) -> str | None:
        """The far side's description: the one that stands, before there is one the last that was seen."""
        return self._offers.remote or self.far_sdp

    @property
    def local_hold(self) -> bool:
        """Whether we hold the far side."""
        return self._in_dialog.hold.local

    @property
    def remote_hold(self) -> bool:
        """Whether the far side holds us."""
        return self._in_dialog.hold.remote

    def take_output(self) -> list[CallOutput]:
        """Return what is to be done and forget it."""
        taken = self._out[:]
        self._out.clear()
        return taken

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return earliest(*self._deadlines.values(), self._in_dialog.next_timer(), self.usages.next_timer())

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        for given in [given for given, at in self._deadlines.items() if at <= now]:
            del self._deadlines[given]
            self._step(given, now)
        if self._in_dialog.handle_timer(now):
            self._step(Input.NO_ACK, now)
        if self._in_dialog.timer.is_expired(now):
            self.fail(408, "Session Expired", now)
        self.usages.handle_timer(now)

    def _step(self, given: Input, *facts: Any) -> bool:
        return self._machine.step(self, given, *facts)

    # -- the record

    def saved(self, now: float) -> SavedCall:
        """Return what the record holds."""
        return SavedCall(
            facts=self.facts,
            state=self.state,
            local_tag=self.local_tag,
            invite=SavedRequest.of(self._invite, with_body=self.state is not State.CONFIRMED),
            dialog=None if self.dialog is None else self.dialog.for_record(),
            told_state=self.told_state,
            was_established=self.was_established,
            browser_sdp=self.browser_sdp,
            local_sdp=self._offers.local,
            remote_sdp=self.remote_sdp or "",
            left={given.name: at - now for given, at in self._deadlines.items()},
            session=self._in_dialog.saved(now),
            set_up=self._saved_set_up(),
        )

    @abstractmethod
    def _saved_set_up(self) -> SavedOutgoing | SavedIncoming:
        """What only one of the directions has."""

    def _restore(self, saved: SavedCall, now: float) -> None:
        """Be where a record says; what is to be done about it is the direction's."""
        if saved.told_state == "ended":
            raise LocalError("a call that has ended has no record")
        self._machine.state, self.told_state = saved.state, saved.told_state
        self.dialog, self.was_established = saved.dialog, saved.was_established
        self.browser_sdp, self.far_sdp = saved.browser_sdp, saved.remote_sdp
        self._deadlines = {Input[name]: now + left for name, left in saved.left.items()}
        if saved.state is State.CONFIRMED:
            self._offers.offer(saved.local_sdp)
            self._offers.receive_answer(saved.remote_sdp)
            self._in_dialog.restore(saved.session, saved.was_established, now)
            if not saved.was_established:
                self._ask("answer", saved.remote_sdp)

    # -- the user and the relay

    def hangup(self, status: int, reason: str, now: float) -> None:
        """The user ends the call, in whatever state it is."""
        end = self._default_end()
        # Only an INVITE that waits for its response can be given one.
        if 400 <= status <= 699 and self.facts.direction == "incoming" and not self.is_answered:
            end = End(status, printable(reason) or reason_of(status), "local")
        self._step(Input.HANGUP, end, now)

    @property
    def was_answered(self) -> bool:
        """Whether its dialog was ever confirmed."""
        return self.dialog is not None and self.dialog.is_confirmed

    @property
    def is_answered(self) -> bool:
        """Whether a 2xx was sent or received: what ends now is a call, no attempt."""
        return self.state in (State.ANSWERED, State.CONFIRMED)

    def _default_end(self) -> End:
        if self.is_answered:
            return End(200, "Normal Call Clearing", "local")
        if self.facts.direction == "outgoing":
            return End(487, "Request Terminated", "local")
        return End(603, "Decline", "local")

    def hold(self, is_held: bool, now: float) -> None:
        """Hold the far side, or take it back; `SipError` where too much waits already."""
        self._in_dialog.change("hold" if is_held else "unhold", now)

    def reanchor(self, is_told: bool, now: float) -> None:
        """Let the far side know where our media is now; `is_told`: it does, by another exchange."""
        self._in_dialog.reanchor(is_told, now)

    def refresh_target(self, now: float) -> None:
        """Let the far side know our Contact by a re-INVITE, once the call is through (§12.2.1.2)."""
        self._in_dialog.change("target", now)

    @property
    def is_quiet(self) -> bool:
        """Whether it is established and nothing is under way in it, so that another agent may go on with it."""
        return self.state is State.CONFIRMED and self._in_dialog.is_quiet and self.usages.are_idle

    def inherit_hold(self, is_held: bool) -> None:
        """Begin as the call was that this one takes the place of: its first description holds the far side, or not."""
        self._in_dialog.hold.inherit(is_held)

    def send_dtmf(self, digits: str, duration_ms: int, now: float) -> None:
        """Send digits by INFO; `SipError` where they are none or too many."""
        self._in_dialog.send_dtmf(digits, duration_ms)

    def dtmf_failed(self, status: int, reason: str, now: float) -> None:
        """Tell that digits could not be sent in the media."""
        self._out.append(ActionFailed("dtmf", status, reason))

    def digit_heard(self, digit: str, duration_ms: int, now: float) -> None:
        """Take a digit that the far side sent in the media."""
        self._out.append(DigitReceived(digit, duration_ms))

    def request_picture(self, now: float) -> None:
        """Ask the far side for a whole picture by INFO, while the call is through."""
        if self.is_answered:
            self._in_dialog.request_picture()

    def fail(self, status: int, reason: str, now: float) -> None:
        """End the call for a reason that is neither side's: the media failed, the session is gone."""
        self._step(Input.HANGUP, End(status, reason, "system"), now)

    def media_answered(self, question: MediaQuestion, sdp: str, now: float, is_held: bool = False) -> None:
        """Take the relay's answer. `is_held`: whether the far side's description holds us."""
        if question in SETUP_QUESTIONS:
            self._step(Input.MEDIA, question, sdp, now)
        self._in_dialog.media_answered(question, sdp, is_held, now)

    def media_refused(self, question: MediaQuestion, status: int, reason: str, now: float) -> None:
        """Take the relay's refusal: of an answer it ends the call, of a later offer only that offer."""
        if question in SETUP_QUESTIONS:
            self._step(Input.MEDIA_REFUSED, question, status, reason, now)
        elif question == "late_answer":  # an answer in ACK can be refused by nothing less
            self.fail(status, reason, now)
        else:
            self._in_dialog.media_refused(question, status, reason, now)

    # -- the stack

    def receive_request(self, transaction: TransactionId, request: Request, now: float) -> None:
        """Take a request inside the dialog."""
        try:
            self._receive_in_dialog(transaction, request, now)
        except SipError as error:
            self._out.append(Respond(transaction, make_response(request, error.status, error.reason)))

    def _receive_in_dialog(self, transaction: TransactionId, request: Request, now: float) -> None:
        dialog = self._find_dialog(request.from_.tag or "")
        if dialog is None:
            self._out.append(Respond(transaction, make_response(request, 481)))
            return
        if not dialog.is_next(request):
            # RFC 3261 §12.2.2: a lower sequence number is out of order.
            self._out.append(Respond(transaction, make_response(request, 500, "CSeq Out of Order")))
            return
        renewed = dialog.received(request)
        self._keep_dialog(renewed)
        if renewed.remote_target != dialog.remote_target and not self._is_end_told:
            self._out.append(SaveCall())
        if request.method == "BYE":
            self._out.append(Respond(transaction, make_response(request, 200)))
            self._step(Input.BYE, request, now)
            return
        if request.method == "PRACK":
            status = 200 if self._is_awaited_prack(request, now) else 481
            self._out.append(Respond(transaction, make_response(request, status)))
            return
        is_established = self.state is State.CONFIRMED
        if self._is_end_told or not self.usages.receive(transaction, request, is_established, now):
            self._in_dialog.receive(transaction, request, self._inviting, self._is_end_told, now)

    def _find_dialog(self, remote_tag: str) -> Dialog | None:
        # §12.2.2: all of Call-ID and both tags; another phone of a fork shares the first two and is not this dialog.
        return self.dialog if self.dialog is not None and self.dialog.remote_tag == remote_tag else None

    def _is_awaited_prack(self, prack: Request, now: float) -> bool:
        return False

    def _keep_dialog(self, dialog: Dialog) -> None:
        self.dialog = dialog

    def receive_ack(self, request: Request, now: float) -> None:
        """Take the ACK of a 2xx that we sent."""
        if self._in_dialog.receive_ack(request, now):
            self._step(Input.ACK, request, now)

    def receive_response(self, ref: str, response: Response, now: float) -> None:
        """Take a response to a request of this call."""
        if ref in self._byes:
            self._byes.receive_response(ref, response)
            self._bye_over(now)
        else:
            self._in_dialog.requests.receive_response(ref, response, now)

    def transaction_failed(self, ref: str, status: int, reason: str, now: float) -> None:
        """Take the word that a request of this call got no response."""
        if ref in self._byes:
            self._byes.failed(ref)
            self._bye_over(now)
        else:
            self._in_dialog.requests.transaction_failed(ref, status, reason, now)

    def _dialog_gone(self, outcome: Outcome, now: float) -> None:
        # §12.2.1.2: the BYE tells whoever is still on the way.
        by: EndedBy = "system" if outcome.response is None else "remote"
        self._step(Input.HANGUP, End(outcome.status, outcome.reason, by), now)

    # -- requests of ours inside the dialog

    def _transferred(self, now: float) -> None:
        self._step(Input.HANGUP, End(200, "Transferred", "local"), now)

    @property
    def _inviting(self) -> Inviting:
        if self.state in (State.CALLING, State.PROCEEDING):
            return "local"
        return "remote" if self.state in (State.INVITED, State.RINGING, State.ANSWERING) else None

    # -- actions that both directions use

    def _establish(self, browser_sdp: str | None) -> None:
        self.was_established = True
        self.told_state = "established"
        self._out.append(Established(browser_sdp))
        self._in_dialog.establish()

    def _tell_end(self, end: End) -> None:
        if self._is_end_told:
            return
        self._is_end_told = True
        self.told_state = "ended"
        self.usages.stop()
        self._deadlines.pop(Input.NO_ANSWER, None)
        self._out.append(Ended(end.status, end.reason, end.by, self.was_established))

    def _finish(self) -> State:
        self._deadlines.clear()
        self._out.append(Finished())
        return State.ENDED

    def _all_done(self, now: float) -> State:
        return self._finish()

    def _on_bye(self, request: Request, now: float) -> State:
        self._in_dialog.stop()
        usual = "Transferred" if self.usages.referrer.far_side_left(now) else "Normal Call Clearing"
        status, reason = end_of(request, 200, usual)
        self._tell_end(End(status, reason, "remote"))
        # Our own BYE may have crossed it; its response still comes.
        return self._finish() if self._byes.are_answered else State.ENDING

    def _hang_up(self, end: End, now: float) -> None:
        self._tell_end(end)
        self._in_dialog.stop()
        self._end_dialog(end)

    def _never_acknowledged(self, now: float) -> None:
        # RFC 3261 §13.3.1.4: no ACK for a 2xx in 64*T1 ends the dialog.
        self._hang_up(End(408, "No ACK", "system"), now)

    def _end_dialog(self, end: End | None) -> None:
        if self.dialog is None:
            raise LocalError("BYE without a dialog")
        self.dialog = self._byes.send("bye", self.dialog, end)

    def _bye_over(self, now: float) -> None:
        if self._byes.are_answered:
            self._step(Input.BYE_DONE, now)

    def _ask(self, question: MediaQuestion, sdp: str) -> None:
        self._out.append(AskMedia(question, sdp))


Rows = dict[tuple[State, Input], tuple[Callable[..., State | None], State]]

COMMON: Rows = {
    (State.CONFIRMED, Input.HANGUP): (Call._hang_up, State.ENDING),
    (State.CONFIRMED, Input.NO_ACK): (Call._never_acknowledged, State.ENDING),
    (State.CONFIRMED, Input.BYE): (Call._on_bye, State.ENDED),
    (State.ENDING, Input.BYE): (Call._on_bye, State.ENDED),
    (State.ENDING, Input.BYE_DONE): (Call._all_done, State.ENDED),
}
