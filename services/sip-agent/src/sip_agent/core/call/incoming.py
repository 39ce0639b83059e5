"""An incoming call until its 200 is acknowledged or it is refused (RFC 3261 §9.2, §13.3); `call` has the rest.

The session is asked first: while it has not said that it takes the call, the caller hears no ringing. A caller that
left the offer to us (§13.2.1) gets it in the 200, and its ACK brings the answer.
"""

import msgspec

from shared.errors import LocalError
from sip_agent.core.call.call import COMMON, Call, Rows
from sip_agent.core.call.facts import CallFacts, End, Input, State
from sip_agent.core.call.outputs import MediaQuestion, Respond, SaveCall, Unheard
from sip_agent.core.call.reliable import OPTION, ReliableResponses
from sip_agent.core.call.reliable import State as RingingState
from sip_agent.core.call.rules import CallRules
from sip_agent.core.call.saved import SavedCall, SavedIncoming
from sip_agent.core.dialog.capabilities import ACCEPTED
from sip_agent.core.dialog.dialog import of_request
from sip_agent.core.dialog.dialog_set import description
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.dialog.reason import end_of, reason_header
from sip_agent.core.earliest import earliest
from sip_agent.core.errors import SipError
from sip_agent.core.events import TransactionId
from sip_agent.core.syntax.message import Request, Response, make_response, reason_of
from sip_agent.core.unavailable import retry_after

# §13.3.1.1: proxies cancel an INVITE of which they hear nothing for 3 minutes (§16.6, timer C).
RING_EVERY = 60.0
RING_RELIABLY_EVERY = 150.0  # RFC 3262 §3: these do not get lost


class IncomingCall(Call):
    """Made from an INVITE that `capabilities.refusal` lets pass."""

    def __init__(
        self,
        facts: CallFacts,
        identity: Identity,
        rules: CallRules,
        local_tag: str,
        transaction: TransactionId,
        invite: Request,
    ) -> None:
        super().__init__(facts, identity, TABLE, State.INVITED, rules, local_tag, invite.call_id)
        self.dialog = of_request(invite, local_tag)
        self.far_sdp = description(invite)
        if self.far_sdp:
            self._offers.receive_offer(self.far_sdp)
        self._transaction = transaction
        self._invite = invite
        self._browser_answer: str | None = None
        self._sent_sdp = ""
        self._reliable = ReliableResponses(self._out, transaction, invite.cseq[0], rules.timers)
        self._expires = _expires(invite)
        self._withdrawn: End | None = None
        self._unacknowledged: End | None = None

    def start(self, now: float) -> None:
        """Take the INVITE; the session is being asked. While it says nothing the transaction sends 100 (§17.2.1)."""
        seconds = self._rules.ring_seconds
        self._deadlines[Input.NO_ANSWER] = now + (seconds if self._expires is None else min(seconds, self._expires))

    @classmethod
    def restored(cls, saved: SavedCall, identity: Identity, rules: CallRules, now: float) -> "IncomingCall":
        """Go on with a call of another agent, whose INVITE transaction was restored. INVITED: ask the session again."""
        set_up = saved.set_up
        if not isinstance(set_up, SavedIncoming):
            raise LocalError("no record of an incoming call")
        saved = _acknowledged_since(saved)
        call = cls(saved.facts, identity, rules, saved.local_tag, set_up.transaction, saved.invite.read())
        call._browser_answer, call._sent_sdp = set_up.browser_answer, set_up.sent_sdp
        call._restore(saved, now)
        call._restore_ringing(set_up, now)
        if saved.state is State.ANSWERING and set_up.browser_answer is not None:
            call._ask("answer_browser", set_up.browser_answer)
        elif saved.state is State.ANSWERED:
            call._answer_again(set_up.sent_sdp, now)
        return call

    def _answer_again(self, sdp: str, now: float) -> None:
        if not self.far_sdp:  # the answer is in the ACK, so nothing goes on before that
            self._send_answer(sdp, now)
            return
        # Its ACK may have gone to the other agent: a re-INVITE that is answered tells as much.
        self._offers.answer(sdp)
        self._in_dialog.accept_again(self._transaction, self._invite, self.local_tag, sdp, now)
        self._machine.state = State.CONFIRMED
        self._establish(None)

    def _restore_ringing(self, set_up: SavedIncoming, now: float) -> None:
        if set_up.ringing is RingingState.UNACKNOWLEDGED:
            # With the same number: whoever has heard it acknowledges it no more than once.
            self._reliable.rseq = set_up.rseq - 1
            self._say_it_rings(now)
        else:
            self._reliable.restore(set_up.rseq, set_up.ringing)

    def _saved_set_up(self) -> SavedIncoming:
        return SavedIncoming(
            transaction=self._transaction,
            browser_answer=self._browser_answer,
            sent_sdp=self._sent_sdp,
            rseq=self._reliable.rseq,
            ringing=self._reliable.state,
        )

    def is_earlier_than(self, invite: Request) -> bool:
        """Whether a caller made this attempt and now makes that one, for the same call."""
        mine = self._invite
        is_same = (mine.call_id, mine.from_.tag) == (invite.call_id, invite.from_.tag)
        return is_same and mine.cseq[0] < invite.cseq[0] and not self.is_answered

    # -- the session and the user

    def accepted(self, browser_sdp: str, now: float) -> None:
        """The session takes the call: its browser rings."""
        self._step(Input.ACCEPTED, browser_sdp, now)

    def refused(self, status: int, reason: str, is_known: bool, now: float) -> None:
        """The session does not take the call; `is_known`: it may have heard of it all the same."""
        self._step(Input.REFUSED, End(status, reason, "system"), is_known, now)

    def answer(self, browser_sdp: str, now: float) -> bool:
        """The user answers; return False where there is nothing to answer, not even with the same once more."""
        return self._step(Input.ANSWER, browser_sdp, now) or browser_sdp == self._browser_answer

    def take_over(self, now: float) -> None:
        """Answer at once, for the session has the call that this one replaces (RFC 3891 §3)."""
        self._step(Input.TAKE_OVER, now)

    def receive_cancel(self, cancel: Request, now: float) -> None:
        """The caller gives up (§9.2)."""
        status, reason = end_of(cancel, 487, "Request Terminated")
        self._step(Input.CANCEL, End(status, reason, "remote"), now)

    # -- the clock, and PRACK

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return earliest(super().next_timer(), self._reliable.next_timer())

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        super().handle_timer(now)
        if self._reliable.handle_timer(now):
            self._step(Input.NO_PRACK, now)

    def _is_awaited_prack(self, prack: Request, now: float) -> bool:
        if not self._reliable.receive_prack(prack, now):
            return False
        self._out.append(SaveCall())  # or another agent would wait for it, and refuse the call
        return True

    # -- actions

    def _answer_early(self, browser_sdp: str, now: float) -> None:
        # The user may be faster than the reply that says that it rings: they come by different ways.
        self._browser_answer = browser_sdp

    def _ring(self, browser_sdp: str, now: float) -> State | None:
        self.browser_sdp = browser_sdp
        self._out.append(SaveCall())
        self._say_it_rings(now)
        if self._browser_answer is None:
            return None
        self._answer(self._browser_answer, now)
        return State.ANSWERING

    def _say_it_rings(self, now: float) -> None:
        """Send 180; RFC 3262 §3: reliably where the caller insists."""
        headers = [("Contact", f"<{self.identity.contact}>"), *ACCEPTED]
        response = make_response(self._invite, 180, None, self.local_tag, headers)
        is_required = self._invite.has_option("Require", OPTION)
        is_wanted = self._rules.reliable_provisional == "supported" and self._invite.has_option("Supported", OPTION)
        if self.far_sdp and (is_required or is_wanted):
            self._reliable.send(response, now)
            self._deadlines[Input.REPEAT] = now + RING_RELIABLY_EVERY
        elif not is_required:
            self._out.append(Respond(self._transaction, response))
            self._deadlines[Input.REPEAT] = now + RING_EVERY
        # Else there is nothing to say: the first reliable response would have to hold our offer (RFC 3261 §13.2.1),
        # which is made from the browser's answer.

    def _ring_on(self, now: float) -> None:
        self._out.append(SaveCall())
        self._say_it_rings(now)

    def _send_final(self, response: Response, now: float) -> None:
        self._reliable.final(now)
        self._deadlines.pop(Input.REPEAT, None)
        self._out.append(Respond(self._transaction, response))

    def _respond(self, end: End, now: float) -> None:
        status = end.status if end.status >= 400 else 480
        headers = [] if status == end.status else [reason_header(end.status, end.reason)]
        if status == 503:
            headers.append(retry_after(self._rules.chance()))
        reason = end.reason if status == end.status else reason_of(status)
        self._send_final(make_response(self._invite, status, reason, self.local_tag, headers), now)

    def _terminate(self, now: float) -> None:
        self._send_final(make_response(self._invite, 487, None, self.local_tag), now)

    def _refuse(self, end: End, is_known: bool, now: float) -> State:
        self._respond(end, now)
        self._end_heard(end, is_known)
        return self._finish()

    def _end_heard(self, end: End, is_known: bool) -> None:
        if is_known:
            self._tell_end(end)
        else:
            self._out.append(Unheard(end.status, end.reason, end.by))

    def _decline(self, end: End, now: float) -> State:
        self._respond(end, now)
        self._tell_end(end)
        return self._finish()

    def _cancelled(self, end: End, now: float) -> State:
        self._terminate(now)
        self._tell_end(end)
        return self._finish()

    def _no_answer(self, now: float) -> State:
        return self._decline(self._unanswered(), now)

    def _unanswered(self) -> End:
        if self._expires is not None and self._expires <= self._rules.ring_seconds:
            return End(487, "Request Expired", "system")  # §13.3.1
        return End(480, "No Answer", "system")

    def _no_prack(self, now: float) -> State:
        return self._decline(End(504, "No PRACK", "system"), now)

    def _withdraw(self, end: End, now: float) -> None:
        """Over before the session has said anything: it is told once it has."""
        self._deadlines.clear()
        if end.by == "remote":
            self._terminate(now)
        else:
            self._respond(end, now)
        self._withdrawn = end

    def _withdraw_unanswered(self, now: float) -> None:
        self._withdraw(self._unanswered(), now)

    def _accepted_too_late(self, browser_sdp: str, now: float) -> State:
        if self._withdrawn is not None:
            self._tell_end(self._withdrawn)
        return self._finish()

    def _refused_too_late(self, end: End, is_known: bool, now: float) -> State:
        if self._withdrawn is not None:
            self._end_heard(self._withdrawn, is_known)
        return self._finish()

    def _answer_unasked(self, now: float) -> None:
        self._ask("answer_browser", "")

    def _answer(self, browser_sdp: str, now: float) -> None:
        # The user is told that it is done; so that it is, whatever becomes of this agent.
        self._browser_answer = browser_sdp
        self._out.append(SaveCall())
        self._ask("answer_browser", browser_sdp)

    def _accept(self, question: MediaQuestion, sdp: str, now: float) -> None:
        if self.dialog is None:
            return
        self._deadlines.clear()
        self._reliable.final(now)
        self.dialog = self.dialog.confirmed()
        self._sent_sdp = sdp
        self._out.append(SaveCall())
        self._send_answer(sdp, now)

    def _send_answer(self, sdp: str, now: float) -> None:
        if self.far_sdp:
            self._offers.answer(sdp)
        else:
            self._offers.offer_in_response(sdp)
        self._in_dialog.accept(self._transaction, self._invite, self.local_tag, sdp, now)

    def _media_refused(self, question: MediaQuestion, status: int, reason: str, now: float) -> State:
        return self._decline(End(status, reason, "system"), now)

    def _acknowledged(self, ack: Request, now: float) -> State | None:
        if self.far_sdp:
            self._establish(None)  # not written: see `_acknowledged_since`
            return None
        self.far_sdp = description(ack)
        if not self.far_sdp:
            self._hang_up(End(488, "Answer Without SDP", "system"), now)
            return State.ENDING
        self._offers.receive_answer(self.far_sdp)
        self._out.append(SaveCall())
        self._ask("answer", self.far_sdp)
        return None

    def _answer_media(self, question: MediaQuestion, sdp: str, now: float) -> None:
        if question == "answer":
            self._out.append(SaveCall())
            self._establish(None)

    def _answer_refused(self, question: MediaQuestion, status: int, reason: str, now: float) -> State | None:
        if question != "answer":
            return None
        self._hang_up(End(status, reason, "system"), now)
        return State.ENDING

    def _end_unacknowledged(self, end: End, now: float) -> None:
        # §15: the callee sends no BYE before the ACK of its 2xx, or before it gives that up.
        self._tell_end(end)
        self._unacknowledged = end

    def _end_acknowledged(self, ack: Request, now: float) -> None:
        self._end_now(now)

    def _end_now(self, now: float) -> None:
        if self._unacknowledged is not None:
            end, self._unacknowledged = self._unacknowledged, None
            self._end_dialog(end)

    def _early_bye(self, request: Request, now: float) -> State:
        # §15: a caller may end an early dialog with BYE.
        self._terminate(now)
        return self._on_bye(request, now)

    def _bye_while_ending(self, request: Request, now: float) -> State:
        # The session's word is still to come, and with it the media session that is then ours to release.
        return State.ENDING if self._withdrawn is not None else self._on_bye(request, now)


def _acknowledged_since(saved: SavedCall) -> SavedCall:
    """What a record says whose 2xx is so old that its writer, had no ACK come, would have ended the call.

    Thus the ACK of every call needs no write of the record. A younger 2xx is sent again, and acknowledged again.
    """
    if saved.state is not State.ANSWERED or saved.session.ack_within > 0:
        return saved
    invite = msgspec.structs.replace(saved.invite, body="")
    return msgspec.structs.replace(
        saved, state=State.CONFIRMED, told_state="established", was_established=True, invite=invite
    )


def _expires(invite: Request) -> int | None:
    try:
        return invite.expires
    except SipError:  # as one without it (RFC 4475 §3.1.2.7)
        return None


TABLE: Rows = {
    **COMMON,
    (State.INVITED, Input.ACCEPTED): (IncomingCall._ring, State.RINGING),
    (State.INVITED, Input.ANSWER): (IncomingCall._answer_early, State.INVITED),
    (State.INVITED, Input.TAKE_OVER): (IncomingCall._answer_unasked, State.ANSWERING),
    (State.INVITED, Input.REFUSED): (IncomingCall._refuse, State.ENDED),
    (State.INVITED, Input.CANCEL): (IncomingCall._withdraw, State.ENDING),
    (State.INVITED, Input.HANGUP): (IncomingCall._withdraw, State.ENDING),
    (State.INVITED, Input.NO_ANSWER): (IncomingCall._withdraw_unanswered, State.ENDING),
    (State.RINGING, Input.ANSWER): (IncomingCall._answer, State.ANSWERING),
    (State.RINGING, Input.HANGUP): (IncomingCall._decline, State.ENDED),
    (State.RINGING, Input.CANCEL): (IncomingCall._cancelled, State.ENDED),
    (State.RINGING, Input.NO_ANSWER): (IncomingCall._no_answer, State.ENDED),
    (State.RINGING, Input.BYE): (IncomingCall._early_bye, State.ENDED),
    (State.RINGING, Input.REPEAT): (IncomingCall._ring_on, State.RINGING),
    (State.RINGING, Input.NO_PRACK): (IncomingCall._no_prack, State.ENDED),
    (State.ANSWERING, Input.MEDIA): (IncomingCall._accept, State.ANSWERED),
    (State.ANSWERING, Input.MEDIA_REFUSED): (IncomingCall._media_refused, State.ENDED),
    (State.ANSWERING, Input.HANGUP): (IncomingCall._decline, State.ENDED),
    (State.ANSWERING, Input.CANCEL): (IncomingCall._cancelled, State.ENDED),
    (State.ANSWERING, Input.NO_ANSWER): (IncomingCall._no_answer, State.ENDED),
    (State.ANSWERING, Input.BYE): (IncomingCall._early_bye, State.ENDED),
    (State.ANSWERING, Input.REPEAT): (IncomingCall._ring_on, State.ANSWERING),
    (State.ANSWERING, Input.NO_PRACK): (IncomingCall._no_prack, State.ENDED),
    (State.ANSWERED, Input.ACK): (IncomingCall._acknowledged, State.CONFIRMED),
    (State.ANSWERED, Input.NO_ACK): (IncomingCall._never_acknowledged, State.ENDING),
    (State.ANSWERED, Input.HANGUP): (IncomingCall._end_unacknowledged, State.ENDING),
    (State.ANSWERED, Input.BYE): (IncomingCall._on_bye, State.ENDED),
    (State.CONFIRMED, Input.MEDIA): (IncomingCall._answer_media, State.CONFIRMED),
    (State.CONFIRMED, Input.MEDIA_REFUSED): (IncomingCall._answer_refused, State.CONFIRMED),
    (State.ENDING, Input.ACCEPTED): (IncomingCall._accepted_too_late, State.ENDED),
    (State.ENDING, Input.REFUSED): (IncomingCall._refused_too_late, State.ENDED),
    (State.ENDING, Input.BYE): (IncomingCall._bye_while_ending, State.ENDED),
    (State.ENDING, Input.ACK): (IncomingCall._end_acknowledged, State.ENDING),
    (State.ENDING, Input.NO_ACK): (IncomingCall._end_now, State.ENDING),
}
