"""The far side's INVITEs and UPDATEs in a dialog (RFC 3261 §14.2, RFC 3311 §5.2), and every 2xx to an INVITE of it.

A 2xx, that to the first INVITE included, is repeated until its ACK: RFC 6026 leaves it to the core.
"""

from typing import Literal

from sip_agent.core.call.outputs import AskMedia, CallOutput, Respond, SaveCall
from sip_agent.core.call.rules import CallRules
from sip_agent.core.dialog.capabilities import ACCEPTED, SDP
from sip_agent.core.events import TransactionId
from sip_agent.core.in_dialog.acceptance import Acceptance
from sip_agent.core.in_dialog.hold import Hold
from sip_agent.core.in_dialog.offer_answer import OfferAnswer, overlapping
from sip_agent.core.in_dialog.session_timer import SessionTimer, too_small
from sip_agent.core.syntax.message import Request, Response, make_response

# Whose INVITE, first or later, has no final response yet.
Inviting = Literal["local", "remote", None]


class RemoteModification:
    """At most one request of theirs waits for the relay, and one 2xx of ours for its ACK."""

    def __init__(
        self,
        out: list[CallOutput],
        offers: OfferAnswer,
        hold: Hold,
        timer: SessionTimer,
        contact: str,
        rules: CallRules,
    ) -> None:
        self._out = out
        self._offers = offers
        self._hold = hold
        self._timer = timer
        self._contact = contact
        self._rules = rules
        self._pending: tuple[TransactionId, Request, Inviting] | None = None
        self._accepted: tuple[TransactionId, Response, Acceptance] | None = None
        self._is_perhaps_acknowledged = False  # to another agent, which sent the same 2xx before us
        self._is_answer_late = False  # a later 200 of ours carried an offer: its ACK brings the answer

    @property
    def is_idle(self) -> bool:
        """Whether no request of theirs is being served, so that we may send an INVITE (§14.1)."""
        return self._pending is None and (self._accepted is None or self._is_perhaps_acknowledged)

    # -- 2xx until ACK

    def accept_again(self, transaction: TransactionId, request: Request, local_tag: str, sdp: str, now: float) -> None:
        """Send the 200 of another agent once more, which may have had its ACK."""
        self.accept(transaction, request, local_tag, sdp, now)
        self._is_perhaps_acknowledged = True

    def confirmed(self) -> None:
        """A 2xx to a request of ours says that the far side has had ours, too."""
        if self._is_perhaps_acknowledged:
            self._accepted, self._is_perhaps_acknowledged = None, False

    def accept(self, transaction: TransactionId, request: Request, local_tag: str | None, sdp: str, now: float) -> None:
        """Send 200 with our SDP, and again until the ACK. `local_tag`: where the request has none yet."""
        response = self._ok(request, local_tag, sdp, self._timer.answered(request, now))
        self._out.append(Respond(transaction, response))
        self._accepted = (transaction, response, Acceptance.sent(request.cseq[0], self._rules.timers, now))

    def _ok(self, request: Request, local_tag: str | None, sdp: str, agreed: list[tuple[str, str]]) -> Response:
        headers = [("Contact", f"<{self._contact}>"), *ACCEPTED, *agreed]
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

    def ack_within(self, now: float) -> float:
        """How long a 2xx is still repeated, 0 where none is."""
        return 0.0 if self._accepted is None else self._accepted[2].gives_up_at - now

    def receive_ack(self, request: Request) -> bool:
        """Return whether this is the first ACK of the 2xx that waits for one."""
        if self._accepted is None or self._accepted[2].cseq != request.cseq[0]:
            return False
        self._accepted, self._is_perhaps_acknowledged = None, False
        if self._is_answer_late:
            self._is_answer_late = False
            self._take_late_answer(request.body.decode(errors="replace"))
        return True

    def _take_late_answer(self, sdp: str) -> None:
        if not sdp:
            # §13.2.1 has no ACK without the answer; what stood before goes on.
            self._offers.drop()
        elif self._offers.receive_answer(sdp):
            self._out.append(AskMedia("late_answer", sdp))

    def stop(self) -> None:
        """The dialog is over: repeat nothing, and end what waits (§15.1.2)."""
        self._accepted = None
        self._respond_pending(487, "Request Terminated")

    # -- requests

    def receive(self, transaction: TransactionId, request: Request, inviting: Inviting, now: float) -> None:
        """Answer an INVITE or UPDATE, or start to."""
        refused = self._refusal(request, inviting)
        if refused is not None:
            self._out.append(Respond(transaction, refused))
        elif request.body:
            offer = request.body.decode(errors="replace")
            self._offers.receive_offer(offer)
            self._pending = (transaction, request, inviting)
            self._out.append(AskMedia("offer", offer))
        elif request.method == "INVITE":
            # §14.2: the offer is left to us.
            self._pending = (transaction, request, inviting)
            self._out.append(AskMedia("late_offer", direction="sendonly" if self._hold.local else "sendrecv"))
        else:  # RFC 3311 §5.2: an UPDATE may only refresh the target, or the session
            self._update(transaction, request, "", inviting, now)

    def _refusal(self, request: Request, inviting: Inviting) -> Response | None:
        refused = too_small(request, self._rules)
        if refused is not None:
            return refused
        is_invite = request.method == "INVITE"
        if is_invite and inviting == "local":
            return make_response(request, 491, "Request Pending")
        is_crossing_invite = is_invite and (inviting == "remote" or self._accepted is not None)
        # RFC 3311 §5.1: the first offer, theirs or ours, has its answer before another; we give either in the 200.
        is_early_offer = bool(request.body) and inviting == "remote"
        if self._pending is not None or is_crossing_invite or is_early_offer:
            return overlapping(request, self._rules.chance)
        # An INVITE without an offer asks for ours, which may cross another as well.
        return self._offers.refusal(request) if request.body or is_invite else None

    def offer_answered(self, sdp: str, now: float) -> None:
        """The relay has answered their offer."""
        if self._pending is None:
            return
        (transaction, request, inviting), self._pending = self._pending, None
        self._offers.answer(sdp)
        if request.method == "INVITE":
            self._out.append(SaveCall())
            self.accept(transaction, request, None, sdp, now)
        else:
            self._update(transaction, request, sdp, inviting, now)

    def _update(self, transaction: TransactionId, request: Request, sdp: str, inviting: Inviting, now: float) -> None:
        # RFC 4028 §8: nothing is agreed before the first INVITE has its 2xx.
        agreed = self._timer.answered(request, now) if inviting is None else []
        if agreed or sdp:
            self._out.append(SaveCall())
        self._out.append(Respond(transaction, self._ok(request, None, sdp, agreed)))

    def offer_made(self, sdp: str, now: float) -> None:
        """The relay has made the offer that their INVITE asks for."""
        if self._pending is None:
            return
        (transaction, request, _), self._pending = self._pending, None
        self._offers.offer_in_response(sdp)
        self._is_answer_late = True
        self.accept(transaction, request, None, sdp, now)

    def media_refused(self, status: int, reason: str) -> None:
        """The relay will not have the offer, or make one; the call goes on as it was (§14.2)."""
        self._respond_pending(status if status >= 400 else 488, reason)

    def _respond_pending(self, status: int, reason: str) -> None:
        if self._pending is None:
            return
        (transaction, request, _), self._pending = self._pending, None
        self._offers.drop()
        self._out.append(Respond(transaction, make_response(request, status, reason)))
