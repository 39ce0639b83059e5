"""Requests that the far side sends inside a dialog, BYE apart: re-INVITE, UPDATE, INFO, OPTIONS and what we refuse.

RFC 3261 §14.2 (re-INVITE), §12.2.2 (order), RFC 3311 (UPDATE). The repetition of every 2xx to an INVITE of the
call, the first included, is here too: RFC 6026 leaves it to the core.
"""

from sip_agent.core.call.acceptance import Acceptance
from sip_agent.core.call.capabilities import ACCEPTED, SDP, capabilities, refusal
from sip_agent.core.call.dialog import Dialog
from sip_agent.core.call.outputs import AskMedia, CallOutput, MediaQuestion, Respond
from sip_agent.core.events import TransactionId
from sip_agent.core.syntax.message import Request, Response, make_response
from sip_agent.core.transaction.timers import Timers


class InDialog:
    """The far side's requests in one dialog, and our 2xx that wait for ACK. Writes to the call's outputs."""

    def __init__(self, out: list[CallOutput], contact: str, timers: Timers) -> None:
        self._out = out
        self._timers = timers
        self._contact = contact
        self._offer: tuple[TransactionId, Request] | None = None  # waits for the relay's answer
        self._accepted: tuple[TransactionId, Response, Acceptance] | None = None
        self._is_answer_late = False  # our 200 carried an offer: the ACK brings the answer
        self.local_sdp = ""  # our last description

    # -- 2xx until ACK

    def accept(self, transaction: TransactionId, request: Request, local_tag: str, sdp: str, now: float) -> None:
        """Send 200 with our SDP, and again until the ACK."""
        self.local_sdp = sdp
        response = self._ok(request, local_tag, sdp)
        self._out.append(Respond(transaction, response))
        self._accepted = (transaction, response, Acceptance.sent(request.cseq[0], self._timers, now))

    def _ok(self, request: Request, local_tag: str, sdp: str) -> Response:
        headers = [("Contact", f"<{self._contact}>"), *ACCEPTED]
        return make_response(request, 200, None, local_tag, headers, sdp.encode(), SDP if sdp else None)

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return None if self._accepted is None else self._accepted[2].next_timer()

    def handle_timer(self, now: float) -> bool:
        """Repeat a 2xx that is due; return whether one never got its ACK."""
        if self._accepted is None:
            return False
        transaction, response, acceptance = self._accepted
        if acceptance.is_over(now):
            self._accepted = None
            return True
        if acceptance.is_due(now):
            self._out.append(Respond(transaction, response))
        return False

    def receive_ack(self, request: Request) -> bool:
        """Return whether this is the first ACK of the 2xx that waits for one."""
        if self._accepted is None or self._accepted[2].cseq != request.cseq[0]:
            return False
        self._accepted = None
        if self._is_answer_late:
            self._is_answer_late = False
            if request.body:
                self._out.append(AskMedia("late_answer", request.body.decode(errors="replace")))
        return True

    @property
    def awaits_ack(self) -> bool:
        """Whether a 2xx of ours has no ACK yet."""
        return self._accepted is not None

    def stop(self) -> None:
        """The dialog is over: repeat nothing, and end what waits (RFC 3261 §15.1.2)."""
        self._accepted = None
        self.refuse_pending()

    def refuse_pending(self) -> None:
        """Answer the offer that waits for the relay."""
        if self._offer is not None:
            transaction, request = self._offer
            self._offer = None
            self._out.append(Respond(transaction, make_response(request, 487, "Request Terminated")))

    # -- requests

    def receive(
        self, dialog: Dialog, transaction: TransactionId, request: Request, is_inviting: bool, is_over: bool, now: float
    ) -> str | None:
        """Answer a request, or start to; return the SDP that it offered, if it did."""
        response = refusal(request)
        if response is None and is_over:
            response = make_response(request, 481, "Call/Transaction Does Not Exist")
        if response is None and request.method in ("INVITE", "UPDATE"):
            return self._modify(dialog, transaction, request, is_inviting, now)
        if response is None:
            response = make_response(request, 200, "OK", headers=capabilities(request.method))
        self._out.append(Respond(transaction, response))
        return None

    def _modify(
        self, dialog: Dialog, transaction: TransactionId, request: Request, is_inviting: bool, now: float
    ) -> str | None:
        if self._offer is not None or (request.method == "INVITE" and self._accepted is not None):
            # §14.2: the one before is not finished.
            headers = [("Retry-After", "1")]
            self._out.append(Respond(transaction, make_response(request, 500, "Overlapping", headers=headers)))
            return None
        if is_inviting:
            # §14.2: our own INVITE is under way, its offer unanswered.
            self._out.append(Respond(transaction, make_response(request, 491, "Request Pending")))
            return None
        if not request.body:
            self._answer_empty(dialog, transaction, request, now)
            return None
        self._offer = (transaction, request)
        offer = request.body.decode(errors="replace")
        self._out.append(AskMedia("offer", offer))
        return offer

    def _answer_empty(self, dialog: Dialog, transaction: TransactionId, request: Request, now: float) -> None:
        if request.method == "INVITE":
            # §14.2 asks for an offer: what stands, again.
            self._is_answer_late = True
            self.accept(transaction, request, dialog.local_tag, self.local_sdp, now)
        else:  # RFC 3311 §5.2: an UPDATE may only refresh the target
            self._out.append(Respond(transaction, self._ok(request, dialog.local_tag, "")))

    def media_answered(self, dialog: Dialog, question: MediaQuestion, sdp: str, now: float) -> None:
        """The relay has answered an offer (the answer to a late answer is of no use)."""
        if question != "offer" or self._offer is None:
            return
        transaction, request = self._offer
        self._offer = None
        if request.method == "INVITE":
            self.accept(transaction, request, dialog.local_tag, sdp, now)
        else:
            self.local_sdp = sdp
            self._out.append(Respond(transaction, self._ok(request, dialog.local_tag, sdp)))

    def media_refused(self, status: int, reason: str) -> None:
        """The relay will not have the offer; the call goes on as it was (§14.2)."""
        if self._offer is not None:
            transaction, request = self._offer
            self._offer = None
            status = status if status >= 400 else 488
            self._out.append(Respond(transaction, make_response(request, status, reason)))
