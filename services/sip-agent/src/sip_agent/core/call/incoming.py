"""An incoming call until its 200 is acknowledged or it is refused (RFC 3261 §9.2, §13.3); `call` has the rest.

The session is asked first: while it has not said that it takes the call, the caller hears no ringing.
"""

from sip_agent.core.call.call import COMMON, Call, CallFacts, End, Input, Rows, State
from sip_agent.core.call.dialog import of_request
from sip_agent.core.call.identity import Identity
from sip_agent.core.call.outputs import MediaQuestion, Respond, SaveCall
from sip_agent.core.call.reason import end_of, reason_header
from sip_agent.core.call.rules import CallRules
from sip_agent.core.events import TransactionId
from sip_agent.core.syntax.message import Request, make_response, reason_of


class IncomingCall(Call):
    """Made from an INVITE that `capabilities.refusal` lets pass and that has an offer."""

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
        self.far_sdp = invite.body.decode(errors="replace")
        self._offers.receive_offer(self.far_sdp)
        self._transaction = transaction
        self._invite = invite
        self._early_answer: str | None = None
        self._withdrawn: End | None = None
        self._unacknowledged: End | None = None

    def start(self, now: float) -> None:
        """Take the INVITE; the session is being asked."""
        self._deadlines[Input.NO_ANSWER] = now + self._rules.ring_seconds
        self._out.append(Respond(self._transaction, make_response(self._invite, 100)))

    # -- the session and the user

    def accepted(self, browser_sdp: str, now: float) -> None:
        """The session takes the call: its browser rings."""
        self._step(Input.ACCEPTED, browser_sdp, now)

    def refused(self, status: int, reason: str, is_known: bool, now: float) -> None:
        """The session does not take the call; `is_known`: it may have heard of it all the same."""
        self._step(Input.REFUSED, End(status, reason, "system"), is_known, now)

    def answer(self, browser_sdp: str, now: float) -> bool:
        """The user answers; return False where there is nothing to answer."""
        return self._step(Input.ANSWER, browser_sdp, now)

    def receive_cancel(self, cancel: Request, now: float) -> None:
        """The caller gives up (§9.2)."""
        status, reason = end_of(cancel, 487, "Request Terminated")
        self._step(Input.CANCEL, End(status, reason, "remote"), now)

    # -- actions

    def _answer_early(self, browser_sdp: str, now: float) -> None:
        # The user may be faster than the reply that says that it rings: they come by different ways.
        self._early_answer = browser_sdp

    def _ring(self, browser_sdp: str, now: float) -> State | None:
        self.browser_sdp = browser_sdp
        headers = [("Contact", f"<{self.identity.contact}>")]
        self._out += [
            SaveCall(),
            Respond(self._transaction, make_response(self._invite, 180, None, self.local_tag, headers)),
        ]
        if self._early_answer is None:
            return None
        self._answer(self._early_answer, now)
        return State.ANSWERING

    def _respond(self, end: End) -> None:
        status = end.status if end.status >= 400 else 480
        headers = [] if status == end.status else [reason_header(end.status, end.reason)]
        reason = end.reason if status == end.status else reason_of(status)
        response = make_response(self._invite, status, reason, self.local_tag, headers)
        self._out.append(Respond(self._transaction, response))

    def _refuse(self, end: End, is_known: bool, now: float) -> State:
        self._respond(end)
        if is_known:
            self._tell_end(end)
        return self._finish()

    def _decline(self, end: End, now: float) -> State:
        self._respond(end)
        self._tell_end(end)
        return self._finish()

    def _cancelled(self, end: End, now: float) -> State:
        self._out.append(Respond(self._transaction, make_response(self._invite, 487, None, self.local_tag)))
        self._tell_end(end)
        return self._finish()

    def _no_answer(self, now: float) -> State:
        return self._decline(End(480, "No Answer", "system"), now)

    def _withdraw(self, end: End, now: float) -> None:
        """Over before the session has said anything: it is told once it has."""
        self._deadlines.clear()
        if end.by == "remote":
            self._out.append(Respond(self._transaction, make_response(self._invite, 487, None, self.local_tag)))
        else:
            self._respond(end)
        self._withdrawn = end

    def _withdraw_unanswered(self, now: float) -> None:
        self._withdraw(End(480, "No Answer", "system"), now)

    def _accepted_too_late(self, browser_sdp: str, now: float) -> State:
        if self._withdrawn is not None:
            self._tell_end(self._withdrawn)
        return self._finish()

    def _refused_too_late(self, end: End, is_known: bool, now: float) -> State:
        if is_known and self._withdrawn is not None:
            self._tell_end(self._withdrawn)
        return self._finish()

    def _answer(self, browser_sdp: str, now: float) -> None:
        self._ask("answer_browser", browser_sdp)

    def _accept(self, question: MediaQuestion, sdp: str, now: float) -> None:
        if self.dialog is None:
            return
        self._deadlines.pop(Input.NO_ANSWER, None)
        self.dialog = self.dialog.confirmed()
        self._offers.answer(sdp)
        self._out.append(SaveCall())
        self._in_dialog.accept(self._transaction, self._invite, self.local_tag, sdp, now)

    def _media_refused(self, question: MediaQuestion, status: int, reason: str, now: float) -> State:
        return self._decline(End(status, reason, "system"), now)

    def _acknowledged(self, ack: Request, now: float) -> None:
        self._establish(None)

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
        self._out.append(Respond(self._transaction, make_response(self._invite, 487, None, self.local_tag)))
        return self._on_bye(request, now)

    def _bye_while_ending(self, request: Request, now: float) -> State:
        # The session's word is still to come, and with it the media session that is then ours to release.
        return State.ENDING if self._withdrawn is not None else self._on_bye(request, now)


TABLE: Rows = {
    **COMMON,
    (State.INVITED, Input.ACCEPTED): (IncomingCall._ring, State.RINGING),
    (State.INVITED, Input.ANSWER): (IncomingCall._answer_early, State.INVITED),
    (State.INVITED, Input.REFUSED): (IncomingCall._refuse, State.ENDED),
    (State.INVITED, Input.CANCEL): (IncomingCall._withdraw, State.ENDING),
    (State.INVITED, Input.HANGUP): (IncomingCall._withdraw, State.ENDING),
    (State.INVITED, Input.NO_ANSWER): (IncomingCall._withdraw_unanswered, State.ENDING),
    (State.RINGING, Input.ANSWER): (IncomingCall._answer, State.ANSWERING),
    (State.RINGING, Input.HANGUP): (IncomingCall._decline, State.ENDED),
    (State.RINGING, Input.CANCEL): (IncomingCall._cancelled, State.ENDED),
    (State.RINGING, Input.NO_ANSWER): (IncomingCall._no_answer, State.ENDED),
    (State.RINGING, Input.BYE): (IncomingCall._early_bye, State.ENDED),
    (State.ANSWERING, Input.MEDIA): (IncomingCall._accept, State.ANSWERED),
    (State.ANSWERING, Input.MEDIA_REFUSED): (IncomingCall._media_refused, State.ENDED),
    (State.ANSWERING, Input.HANGUP): (IncomingCall._decline, State.ENDED),
    (State.ANSWERING, Input.CANCEL): (IncomingCall._cancelled, State.ENDED),
    (State.ANSWERING, Input.NO_ANSWER): (IncomingCall._no_answer, State.ENDED),
    (State.ANSWERING, Input.BYE): (IncomingCall._early_bye, State.ENDED),
    (State.ANSWERED, Input.ACK): (IncomingCall._acknowledged, State.CONFIRMED),
    (State.ANSWERED, Input.NO_ACK): (IncomingCall._never_acknowledged, State.ENDING),
    (State.ANSWERED, Input.HANGUP): (IncomingCall._end_unacknowledged, State.ENDING),
    (State.ANSWERED, Input.BYE): (IncomingCall._on_bye, State.ENDED),
    (State.ENDING, Input.ACCEPTED): (IncomingCall._accepted_too_late, State.ENDED),
    (State.ENDING, Input.REFUSED): (IncomingCall._refused_too_late, State.ENDED),
    (State.ENDING, Input.BYE): (IncomingCall._bye_while_ending, State.ENDED),
    (State.ENDING, Input.ACK): (IncomingCall._end_acknowledged, State.ENDING),
    (State.ENDING, Input.NO_ACK): (IncomingCall._end_now, State.ENDING),
}
