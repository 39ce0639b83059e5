"""What happens in the dialog of a call, BYE apart: which room has each request of the far side, and what is refused.

RFC 3261 §8.2 and §12.2.2. INVITE and UPDATE are `remote_modification`'s.
"""

from sip_agent.core.call.capabilities import capabilities, refusal
from sip_agent.core.call.offer_answer import OfferAnswer
from sip_agent.core.call.outputs import CallOutput, MediaQuestion, Respond
from sip_agent.core.call.remote_modification import Inviting, RemoteModification
from sip_agent.core.call.rules import CallRules
from sip_agent.core.events import TransactionId
from sip_agent.core.syntax.message import Request, make_response


class InDialog:
    """The rooms of one dialog. All of them write to the call's outputs."""

    def __init__(self, out: list[CallOutput], offers: OfferAnswer, contact: str, rules: CallRules) -> None:
        self._out = out
        self._remote = RemoteModification(out, offers, contact, rules)

    # -- our 2xx to INVITE

    def accept(self, transaction: TransactionId, request: Request, local_tag: str, sdp: str, now: float) -> None:
        """Send 200 to the first INVITE, and again until the ACK."""
        self._remote.accept(transaction, request, local_tag, sdp, now)

    def receive_ack(self, request: Request) -> bool:
        """Return whether this is the first ACK of the 2xx that waits for one."""
        return self._remote.receive_ack(request)

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return self._remote.next_timer()

    def handle_timer(self, now: float) -> bool:
        """Act on what is due; return whether a 2xx of ours never got its ACK."""
        return self._remote.handle_timer(now)

    def stop(self) -> None:
        """The dialog is over."""
        self._remote.stop()

    # -- requests of the far side

    def receive(
        self, transaction: TransactionId, request: Request, inviting: Inviting, is_over: bool, now: float
    ) -> None:
        """Answer a request, or start to. `inviting`: whose first INVITE has no final response yet."""
        response = refusal(request)
        if response is None and is_over:
            response = make_response(request, 481, "Call/Transaction Does Not Exist")
        if response is None and request.method in ("INVITE", "UPDATE"):
            self._remote.receive(transaction, request, inviting)
            return
        if response is None:
            response = make_response(request, 200, "OK", headers=capabilities(request.method))
        self._out.append(Respond(transaction, response))

    # -- the relay

    def media_answered(self, question: MediaQuestion, sdp: str, now: float) -> None:
        """Take the relay's answer to a question of one of the rooms."""
        if question == "offer":
            self._remote.offer_answered(sdp, now)
        elif question == "late_offer":
            self._remote.offer_made(sdp, now)

    def media_refused(self, question: MediaQuestion, status: int, reason: str) -> None:
        """Take the relay's refusal: of an offer, which leaves the call as it was."""
        if question in ("offer", "late_offer"):
            self._remote.media_refused(status, reason)
