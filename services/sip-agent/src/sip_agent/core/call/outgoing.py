"""An outgoing call until it is answered or fails (RFC 3261 §9.1, §13.2); `call` has the rest.

An INVITE may be answered by several phones (§12.1.2, forking): each To tag is a dialog, see `dialog_set`. The first
2xx wins; another one is acknowledged and ended at once. Until then the browser hears whoever sent a description last.
"""

from collections.abc import Iterable

import msgspec

from shared.errors import LocalError
from sip_agent.core.auth.credentials import answer, with_credentials
from sip_agent.core.call.call import COMMON, Call, Rows
from sip_agent.core.call.facts import CallFacts, End, Input, State
from sip_agent.core.call.invite import make_invite, redirected, repeated
from sip_agent.core.call.outputs import (
    CancelRequest,
    MediaQuestion,
    Progressed,
    ProgressState,
    SaveCall,
    SendAck,
    SendRequest,
)
from sip_agent.core.call.redirection import FOLLOWED, Targets
from sip_agent.core.call.reliable import acknowledge, is_reliable
from sip_agent.core.call.rules import CallRules
from sip_agent.core.call.saved import SavedCall, SavedOutgoing
from sip_agent.core.dialog.dialog import Dialog
from sip_agent.core.dialog.dialog_set import MAX_BRANCHES, DialogSet, EarlyDialog, description
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.dialog.reason import end_of
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request, Response, reason_of
from sip_agent.core.syntax.uri import SipUri

INVITE = "invite"
# Each is written, told, and perhaps asked of the relay: a far side with ever new ones gets no more attention.
MAX_PROVISIONAL = 100


class OutgoingCall(Call):
    """Made by `StartCall`; `start` sends the INVITE."""

    def __init__(
        self, facts: CallFacts, identity: Identity, rules: CallRules, local_tag: str, sip_call_id: str
    ) -> None:
        super().__init__(facts, identity, TABLE, State.CALLING, rules, local_tag, sip_call_id)
        self._hop: SipUri | None = None
        self._targets = Targets()
        self._dialogs = DialogSet()
        self._pracks: dict[str, Request] = {}
        self._pending_progress: list[tuple[ProgressState, int, str]] = []
        self._last_told: tuple[ProgressState, int] | None = None
        self._provisional = 0  # responses that said something new

    def start(self, target: str, sdp: str, headers: Iterable[tuple[str, str]], now: float) -> None:
        """Send the INVITE with our offer."""
        self._offers.offer(sdp)
        self._targets.start(target)
        fields = [*self._in_dialog.timer.offered(), *headers]
        invite = make_invite(
            self.identity, target, self.local_tag, self.sip_call_id, sdp, fields, self.facts.is_private
        )
        # What proved the account at a proxy before saves a round trip here.
        self._invite = with_credentials(invite, self.identity.digest.authorize(invite, only_proxies=True))
        self._deadlines[Input.NO_ANSWER] = now + self._rules.ring_seconds
        self._send_invite()

    @classmethod
    def restored(
        cls, saved: SavedCall, identity: Identity, rules: CallRules, is_sent: bool, now: float
    ) -> "OutgoingCall":
        """Go on with a call of another agent. `is_sent`: its INVITE transaction was restored."""
        set_up, invite = saved.set_up, saved.invite.read()
        if not isinstance(set_up, SavedOutgoing):
            raise LocalError("no record of an outgoing call")
        call = cls(saved.facts, identity, rules, saved.local_tag, invite.call_id)
        call._invite, call._dialogs, call._targets = invite, set_up.dialogs, set_up.targets
        call._hop = SipUri.parse(set_up.hop) if set_up.hop else None
        call._last_told = set_up.told
        call._restore(saved, now)
        if saved.state in (State.CALLING, State.PROCEEDING):
            call._offers.offer(invite.body.decode(errors="replace"))
            if set_up.told is not None and set_up.is_media_asked:
                state, status = set_up.told
                call._pending_progress.append((state, status, reason_of(status)))
                call._ask("early", saved.remote_sdp)
            if not is_sent:
                call._send_invite()
        elif call.dialog is not None and not saved.was_established:
            call._out.append(call._ack(call.dialog))  # the record was written before it was sent
        return call

    def dial_anew(self, now: float) -> None:
        """Send the INVITE once more: what is said to the one of another agent is not heard here."""
        self._pending_progress.clear()
        self._out.clear()
        self._machine.state = State.CALLING
        self._invite_again(repeated(self._invite, self.identity.contact))

    def _saved_set_up(self) -> SavedOutgoing:
        return SavedOutgoing(
            hop=str(self._hop or ""),
            dialogs=self._dialogs.for_record(),
            targets=self._targets,
            told=self._last_told,
            is_media_asked=bool(self._pending_progress),
        )

    def _send_invite(self) -> None:
        branch = f"{self.local_tag}.{self._invite.cseq[0]}"
        self._out += [SaveCall(), SendRequest(INVITE, self._invite.copy(), self._hop, branch)]

    # -- the stack

    def receive_response(self, ref: str, response: Response, now: float) -> None:
        """Take a response; §13.2.2."""
        if ref in self._pracks:
            self._prack_answered(ref, response)
            return
        if ref != INVITE:
            super().receive_response(ref, response, now)
            return
        try:
            self._receive_invited(response, now)
        except SipError:
            # Without Contact and route an answer cannot be acknowledged; a provisional response is no loss.
            if response.status >= 200:
                self._step(Input.FAILURE, End(502, "Bad Response", "system"), now)

    def _receive_invited(self, response: Response, now: float) -> None:
        if response.status < 200:
            self._step(Input.PROVISIONAL, response, now)
        elif response.status < 300:
            self._step(Input.SUCCESS, response, now)
        elif response.status < 400:
            self._step(Input.REDIRECT, response, now)
        elif response.status in (401, 407):
            self._step(Input.CHALLENGE, response, now)
        elif response.status == 422:
            self._step(Input.TOO_SMALL, response, now)
        else:
            self._step(Input.FAILURE, _end_by(response), now)

    def transaction_failed(self, ref: str, status: int, reason: str, now: float) -> None:
        """Take the word that a request got no response (§8.1.3.1)."""
        if ref == INVITE:
            self._step(Input.FAILURE, End(status, reason, "system"), now)
        elif self._pracks.pop(ref, None) is None:
            super().transaction_failed(ref, status, reason, now)

    def _find_dialog(self, remote_tag: str) -> Dialog | None:
        early = self._dialogs.find(remote_tag) if self.dialog is None else None
        return super()._find_dialog(remote_tag) if early is None else early.dialog

    def _keep_dialog(self, dialog: Dialog) -> None:
        early = self._dialogs.find(dialog.remote_tag) if self.dialog is None else None
        if early is None:
            super()._keep_dialog(dialog)
        else:
            self._dialogs.put(msgspec.structs.replace(early, dialog=dialog))

    # -- actions

    def _progress(self, response: Response, now: float) -> None:
        if self._provisional >= MAX_PROVISIONAL:
            return
        told, sdp = _progress_state(response), ""
        if response.status > 100:
            known, early = self._dialogs.find(response.to.tag or ""), self._dialogs.seen(self._invite, response)
            if early is not None and is_reliable(response):
                early = self._acknowledge_provisional(early, response)
            if early is None:
                return
            sdp = description(response)
            if sdp == early.sdp:
                sdp = ""
            if sdp:
                early = msgspec.structs.replace(early, sdp=sdp)
            self._dialogs.put(early)
            if early != known:
                self._provisional += 1
                self._out.append(SaveCall())
        if sdp:
            self.far_sdp, self._last_told = sdp, (told, response.status)
            self._pending_progress.append((told, response.status, response.reason))
            self._ask("early", sdp)
        elif self._last_told != (told, response.status):
            self._tell_progress(told, response.status, response.reason, None)

    def _acknowledge_provisional(self, early: EarlyDialog, response: Response) -> EarlyDialog | None:
        acknowledged = acknowledge(early, response)
        if acknowledged is None:
            return None
        prack, early = acknowledged
        # Before the record: another agent that acknowledges it once more does no harm, one that never does, does.
        self._send_prack(f"prack {early.dialog.remote_tag} {early.rseq}", prack, early.dialog)
        return early

    def _send_prack(self, ref: str, prack: Request, dialog: Dialog) -> None:
        self._pracks[ref] = prack
        self._out.append(SendRequest(ref, prack, dialog.next_hop()))

    def _prack_answered(self, ref: str, response: Response) -> None:
        # Whatever else it says: the callee that misses its PRACK ends the INVITE itself (RFC 3262 §3).
        if response.status < 200:
            return
        prack = self._pracks.pop(ref)
        early = self._dialogs.find(prack.to.tag or "")
        if response.status not in (401, 407) or early is None or self.dialog is not None:
            return
        again = answer(self.identity.digest, prack, response)
        if again is not None:
            dialog = msgspec.structs.replace(early.dialog, local_cseq=early.dialog.local_cseq + 1)
            again.headers.set("CSeq", f"{dialog.local_cseq} PRACK")
            self._dialogs.put(msgspec.structs.replace(early, dialog=dialog))
            self._send_prack(f"{ref} again", again, dialog)

    def _tell_progress(self, state: ProgressState, status: int, reason: str, browser_sdp: str | None) -> None:
        self._provisional += 1
        self._last_told = (state, status)
        self.told_state = state
        self._out.append(Progressed(state, status, reason, browser_sdp))

    def _early_media(self, question: MediaQuestion, sdp: str, now: float) -> None:
        state, status, reason = self._pending_progress.pop(0)
        self.browser_sdp = sdp
        self._tell_progress(state, status, reason, sdp)

    def _early_media_refused(self, question: MediaQuestion, status: int, reason: str, now: float) -> State | None:
        told = self._pending_progress.pop(0)
        if status < 500:
            # One phone of a fork has no codec for us: another one may.
            self._tell_progress(*told, None)
            return None
        self._cancel(End(status, reason, "system"), now)
        return State.ENDING

    def _authorize(self, response: Response, now: float) -> State | None:
        digest = self.identity.digest
        authorized = answer(digest, self._invite, response)
        if authorized is None:
            return self._fail(_end_by(response), now)
        self._invite_again(authorized)
        return None

    def _invite_again(self, invite: Request) -> None:
        self._invite, self._dialogs = invite, DialogSet()
        self._send_invite()

    def _lengthen(self, response: Response, now: float) -> State | None:
        """Ask for the longer session interval that somebody on the way wants (RFC 4028 §7.3)."""
        timer = self._in_dialog.timer
        if not timer.raised(response):
            return self._fail(_end_by(response), now)
        invite = self._invite.copy()
        for name, value in timer.offered():
            invite.headers.set(name, value)
        invite.headers.set("CSeq", f"{invite.cseq[0] + 1} INVITE")
        # The nonces are counted, so that the credentials are made anew for those who have seen some.
        is_known = "Authorization" in invite.headers
        self._invite_again(with_credentials(invite, self.identity.digest.authorize(invite, only_proxies=not is_known)))
        return None

    def _redirect(self, response: Response, now: float) -> State:
        if self._rules.follow_redirects and response.status in FOLLOWED:
            self._targets.redirected(response)
        return self._fail(_end_by(response), now)

    def _fail(self, end: End, now: float) -> State:
        # §16.7: a 6xx speaks for all targets.
        target = self._targets.next() if end.status < 600 else None
        if target is None:
            self._tell_end(end)
            return self._finish()
        self._invite, self._dialogs = redirected(self._invite, target), DialogSet()
        uri = SipUri.parse(target)
        is_own = self._rules.has_outbound_proxy or uri.host.lower() == self.identity.domain.lower()
        self._hop = None if is_own else uri
        self._send_invite()
        return State.CALLING

    def _answered(self, response: Response, now: float) -> State | None:
        self._deadlines.pop(Input.NO_ANSWER, None)
        early = self._dialogs.find(response.to.tag or "")
        self.dialog = self._dialogs.confirmed(self._invite, response)
        # RFC 6337 §3.1.1: what the 2xx says is what counts, though it should say nothing new.
        sdp = description(response) or (early.sdp if early is not None else "")
        self.far_sdp = sdp
        self._out += [SaveCall(), self._ack(self.dialog)]
        if not sdp:
            # §13.2.1: an offer in the INVITE has its answer in the 2xx at the latest.
            self._hang_up(End(488, "Answer Without SDP", "system"), now)
            return State.ENDING
        self._offers.receive_answer(sdp)
        self._in_dialog.accepted(response, now)
        self._ask("answer", sdp)
        return None

    def _ack(self, dialog: Dialog) -> SendAck:
        # §13.2.2.4: with the credentials of the INVITE; those for proxies are no business of a peer reached directly.
        names = ("Authorization", "Proxy-Authorization") if dialog.route_set else ("Authorization",)
        credentials = [(name, value) for name in names for value in self._invite.headers.get_all(name)]
        return SendAck(dialog.ack(self._invite.cseq[0], credentials), dialog.next_hop())

    def _answer_media(self, question: MediaQuestion, sdp: str, now: float) -> None:
        if question == "answer":  # those of early media may still come
            self.browser_sdp = sdp or self.browser_sdp
            self._out.append(SaveCall())
            self._establish(sdp or None)  # none where the relay has gone meanwhile: another one will offer

    def _answer_refused(self, question: MediaQuestion, status: int, reason: str, now: float) -> State | None:
        if question != "answer":
            return None
        self._hang_up(End(status, reason, "system"), now)
        return State.ENDING

    def _another_answer(self, response: Response, now: float) -> None:
        ours = self.dialog
        if ours is not None and ours.is_confirmed and response.to.tag == ours.remote_tag:
            self._out.append(self._ack(ours))  # the last one was lost
            return
        self._refuse_answer(response, now)

    def _refuse_answer(self, response: Response, now: float) -> None:
        """ACK and BYE: another phone was first, or CANCEL came too late."""
        fork = self._dialogs.confirmed(self._invite, response)
        is_known = fork.remote_tag in self._dialogs.refused
        if not is_known and len(self._dialogs.refused) >= MAX_BRANCHES:
            return  # no more phones than that are called by anybody: each would get an ACK and a BYE of us
        self._out.append(self._ack(fork))
        if not is_known:
            self._dialogs.refused.append(fork.remote_tag)
            self._deadlines.pop(Input.GIVE_UP, None)
            self._byes.send(f"bye {fork.remote_tag}", fork)

    def _no_answer(self, now: float) -> None:
        self._cancel(End(408, "No Answer", "system"), now)

    def _cancel(self, end: End, now: float) -> None:
        self._tell_end(end)
        self._out.append(CancelRequest(INVITE))
        # §9.1: a peer that knows no CANCEL sends nothing more; forget it after 64*T1.
        self._deadlines[Input.GIVE_UP] = now + 64 * self._rules.timers.t1

    def _cancelled(self, fact: object, now: float) -> State:
        return self._finish() if self._byes.are_answered else State.ENDING

    def _gave_up(self, now: float) -> State:
        return self._finish() if self._byes.are_answered else State.ENDING


def _progress_state(response: Response) -> ProgressState:
    if response.status == 180:
        return "ringing"
    return "early" if response.status == 183 or response.body else "trying"


def _end_by(response: Response) -> End:
    status, reason = response.status, response.reason
    return End(status, end_of(response, status, reason)[1], "remote")


TABLE: Rows = {
    **COMMON,
    (State.CALLING, Input.PROVISIONAL): (OutgoingCall._progress, State.PROCEEDING),
    (State.CALLING, Input.CHALLENGE): (OutgoingCall._authorize, State.CALLING),
    (State.CALLING, Input.TOO_SMALL): (OutgoingCall._lengthen, State.CALLING),
    (State.CALLING, Input.SUCCESS): (OutgoingCall._answered, State.CONFIRMED),
    (State.CALLING, Input.REDIRECT): (OutgoingCall._redirect, State.ENDED),
    (State.CALLING, Input.FAILURE): (OutgoingCall._fail, State.ENDED),
    (State.CALLING, Input.HANGUP): (OutgoingCall._cancel, State.ENDING),
    (State.CALLING, Input.NO_ANSWER): (OutgoingCall._no_answer, State.ENDING),
    (State.CALLING, Input.MEDIA): (OutgoingCall._early_media, State.CALLING),
    (State.CALLING, Input.MEDIA_REFUSED): (OutgoingCall._early_media_refused, State.CALLING),
    (State.PROCEEDING, Input.PROVISIONAL): (OutgoingCall._progress, State.PROCEEDING),
    (State.PROCEEDING, Input.CHALLENGE): (OutgoingCall._authorize, State.CALLING),
    (State.PROCEEDING, Input.TOO_SMALL): (OutgoingCall._lengthen, State.CALLING),
    (State.PROCEEDING, Input.SUCCESS): (OutgoingCall._answered, State.CONFIRMED),
    (State.PROCEEDING, Input.REDIRECT): (OutgoingCall._redirect, State.ENDED),
    (State.PROCEEDING, Input.FAILURE): (OutgoingCall._fail, State.ENDED),
    (State.PROCEEDING, Input.HANGUP): (OutgoingCall._cancel, State.ENDING),
    (State.PROCEEDING, Input.NO_ANSWER): (OutgoingCall._no_answer, State.ENDING),
    (State.PROCEEDING, Input.MEDIA): (OutgoingCall._early_media, State.PROCEEDING),
    (State.PROCEEDING, Input.MEDIA_REFUSED): (OutgoingCall._early_media_refused, State.PROCEEDING),
    (State.CONFIRMED, Input.SUCCESS): (OutgoingCall._another_answer, State.CONFIRMED),
    (State.CONFIRMED, Input.MEDIA): (OutgoingCall._answer_media, State.CONFIRMED),
    (State.CONFIRMED, Input.MEDIA_REFUSED): (OutgoingCall._answer_refused, State.CONFIRMED),
    (State.ENDING, Input.SUCCESS): (OutgoingCall._another_answer, State.ENDING),
    (State.ENDING, Input.FAILURE): (OutgoingCall._cancelled, State.ENDED),
    (State.ENDING, Input.REDIRECT): (OutgoingCall._cancelled, State.ENDED),
    (State.ENDING, Input.TOO_SMALL): (OutgoingCall._cancelled, State.ENDED),
    (State.ENDING, Input.CHALLENGE): (OutgoingCall._cancelled, State.ENDED),
    (State.ENDING, Input.GIVE_UP): (OutgoingCall._gave_up, State.ENDED),
    (State.ENDED, Input.SUCCESS): (OutgoingCall._another_answer, State.ENDED),
}
