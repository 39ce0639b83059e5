"""What happens in the dialog of a call, BYE apart: its rooms, and which of them has each request of the far side.

RFC 3261 §8.2 and §12.2.2. INVITE and UPDATE are `remote_modification`'s, our own are `modification`'s; `session_timer`
watches both, `info` has digits, `hold` says who holds.
"""

from sip_agent.core.back import back
from sip_agent.core.call.outputs import CallOutput, MediaQuestion, Respond, SaveCall
from sip_agent.core.call.rules import CallRules
from sip_agent.core.call.saved import SavedSession
from sip_agent.core.dialog.capabilities import capabilities, refusal
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.earliest import earliest
from sip_agent.core.events import TransactionId
from sip_agent.core.in_dialog.dialog_requests import DialogRequests, HasDialog, Then
from sip_agent.core.in_dialog.hold import Hold
from sip_agent.core.in_dialog.info import DtmfSender, InfoReceiver, PictureRequests
from sip_agent.core.in_dialog.modification import Change, Modification
from sip_agent.core.in_dialog.offer_answer import OfferAnswer
from sip_agent.core.in_dialog.own_requests import OwnRequests
from sip_agent.core.in_dialog.remote_modification import Inviting, RemoteModification
from sip_agent.core.in_dialog.session_timer import SessionTimer
from sip_agent.core.syntax.message import Message, Request, Response, make_response


class InDialog:
    """The rooms of one dialog, which all write to the call's outputs. `owns_call_id`: whether the call is ours."""

    def __init__(
        self,
        call: HasDialog,
        out: list[CallOutput],
        offers: OfferAnswer,
        identity: Identity,
        rules: CallRules,
        owns_call_id: bool,
        on_gone: Then,
    ) -> None:
        self.requests = DialogRequests(call, identity, out, on_gone)
        self.own = OwnRequests(self.requests)
        self.hold = Hold(out)
        self.timer = SessionTimer(rules)
        self._out = out
        self._offers = offers
        self._remote = RemoteModification(out, offers, self.hold, self.timer, identity.contact, rules)
        self._ours = Modification(
            out,
            self.requests,
            offers,
            self.hold,
            self.timer,
            rules,
            owns_call_id,
            back(self._is_free),
            back(self._remote.confirmed),
        )
        self._dtmf = DtmfSender(out, self.own)
        self._info = InfoReceiver(out)
        self._pictures = PictureRequests(self.own)
        self._is_established = False

    # -- the life of the call

    def establish(self) -> None:
        """The call is through: the session may be changed, and hears who holds."""
        self._is_established = True
        self.hold.tell()

    def saved(self, now: float) -> SavedSession:
        """Return what the record holds."""
        return SavedSession(
            local_hold=self.hold.local,
            remote_hold=self.hold.remote,
            allows_update=self._ours.allows_update,
            interval=self.timer.for_record(now),
            ack_within=self._remote.ack_within(now),
        )

    def restore(self, saved: SavedSession, is_established: bool, now: float) -> None:
        """Go on with what a record holds."""
        self.hold.local, self.hold.remote = saved.local_hold, saved.remote_hold
        self._ours.allows_update = saved.allows_update
        if saved.interval is not None:
            self.timer.restore(saved.interval, now)
        if is_established:
            self.establish()

    def stop(self) -> None:
        """The dialog is over."""
        self._is_established = False
        self._remote.stop()
        self._ours.stop()
        self._dtmf.stop()
        self.own.stop()
        self.timer.stop()
        self.requests.stop()

    def _is_free(self) -> bool:
        """Whether a change of ours would cross nothing (RFC 3261 §14.1)."""
        return self._is_established and self._remote.is_idle and self._offers.may_offer

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return earliest(
            self._remote.next_timer(), self._ours.next_timer(), self.timer.next_timer(), self._dtmf.next_timer()
        )

    def handle_timer(self, now: float) -> bool:
        """Act on what is due; return whether a 2xx of ours never got its ACK."""
        self._dtmf.handle_timer(now)
        self._ours.handle_timer(now)
        if self.timer.is_refresh_due(now):
            self._ours.refresh(now)
        return self._remote.handle_timer(now)

    # -- what the user wants

    def change(self, change: Change, now: float) -> None:
        """Change the session when nothing stands in its way; `SipError` where too much waits."""
        self._ours.want(change, now)

    def reanchor(self, is_told: bool, now: float) -> None:
        """Tell the far side where our media is now, unless another exchange has."""
        if is_told:
            self._ours.reanchored(now)
        else:
            self._ours.reanchor(now)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is under way in an established call."""
        return self._is_free() and self._ours.is_idle and self.own.is_idle

    def send_dtmf(self, digits: str, duration_ms: int) -> None:
        """Send digits by INFO; `SipError` where they are none or too many."""
        self._dtmf.send(digits, duration_ms)

    def request_picture(self) -> None:
        """Ask the far side for a whole picture, unless it has refused that."""
        self._pictures.request()

    # -- our 2xx to INVITE, and theirs

    def accept(self, transaction: TransactionId, request: Request, local_tag: str, sdp: str, now: float) -> None:
        """Send 200 to the first INVITE, and again until the ACK."""
        self._note(request)
        self._remote.accept(transaction, request, local_tag, sdp, now)

    def accept_again(self, transaction: TransactionId, request: Request, local_tag: str, sdp: str, now: float) -> None:
        """Send the 200 of another agent once more, which may have had its ACK."""
        self._note(request)
        self._remote.accept_again(transaction, request, local_tag, sdp, now)

    def accepted(self, response: Response, now: float) -> None:
        """Take the 2xx to our first INVITE."""
        self._note(response)
        self.timer.agreed(response, now)

    def receive_ack(self, request: Request, now: float) -> bool:
        """Return whether this is the first ACK of the 2xx that waits for one."""
        is_first = self._remote.receive_ack(request)
        self._ours.proceed(now)
        return is_first

    def _note(self, message: Message) -> None:
        if "Allow" in message.headers:
            self._ours.allows_update = message.has_option("Allow", "UPDATE")

    # -- requests of the far side

    def receive(
        self, transaction: TransactionId, request: Request, inviting: Inviting, is_over: bool, now: float
    ) -> None:
        """Answer a request, or start to. `inviting`: whose first INVITE has no final response yet."""
        response = refusal(request)
        if response is None and is_over:
            response = make_response(request, 481, "Call/Transaction Does Not Exist")
        if response is None and request.method in ("INVITE", "UPDATE"):
            self._note(request)
            self._remote.receive(transaction, request, "local" if self._ours.is_inviting else inviting, now)
            return
        if response is None and request.method == "INFO":
            response = self._info.receive(request, now)
        if response is None:
            response = make_response(request, 200, "OK", headers=capabilities(request.method))
        self._out.append(Respond(transaction, response))

    # -- the relay

    def media_answered(self, question: MediaQuestion, sdp: str, is_held: bool, now: float) -> None:
        """Take the relay's answer. `is_held`: what it has found in the far side's description."""
        match question:
            case "offer":
                self._remote.offer_answered(sdp, now)
            case "late_offer":
                self._remote.offer_made(sdp, now)
            case "our_offer":
                self._ours.offer_made(sdp, now)
            case "late_answer":
                self._out.append(SaveCall())
        if question in ("answer", "answer_browser", "offer", "late_answer", "their_answer"):
            self.hold.remote = is_held
        if question == "their_answer":
            self._ours.answer_taken(now)
        if self._is_established:
            self.hold.tell()
        self._ours.proceed(now)

    def media_refused(self, question: MediaQuestion, status: int, reason: str, now: float) -> None:
        """Take the relay's refusal of an offer, which leaves the call as it was."""
        if question in ("our_offer", "their_answer"):
            self._ours.media_refused(status, reason, now)
        elif question in ("offer", "late_offer"):
            self._remote.media_refused(status, reason)
        self._ours.proceed(now)
