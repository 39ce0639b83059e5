"""Our own changes of a session: hold, our place, refreshes (RFC 3261 §12.2.1, §14.1, RFC 3311 §5.1, RFC 4028 §7.4).

    IDLE ─ ASKING ─ SENT ─ ANSWERED ─ IDLE
      └──────────────┤
                  WAITING ─ IDLE      491, or 500 with Retry-After

One at a time, in the order in which they were wanted. While a request of the far side is served, ours waits; an offer
that the relay made meanwhile is asked for again. What fails leaves the session as it was.
"""

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, Literal

from sip_agent.core.call.outputs import (
    ActionFailed,
    AskMedia,
    CallOutput,
    HoldChanged,
    ReanchorRefused,
    SaveCall,
)
from sip_agent.core.call.rules import CallRules
from sip_agent.core.dialog.capabilities import OFFERED, SDP
from sip_agent.core.dialog.dialog_set import description
from sip_agent.core.errors import SipError
from sip_agent.core.in_dialog.dialog_requests import DialogRequests, Outcome
from sip_agent.core.in_dialog.hold import Hold
from sip_agent.core.in_dialog.offer_answer import RETRY_AFTER_LIMIT, OfferAnswer
from sip_agent.core.in_dialog.offer_answer import State as OfferState
from sip_agent.core.in_dialog.session_timer import SessionTimer
from sip_agent.core.syntax.message import Response
from sip_agent.core.table import Label, Rows, TableMachine

# "refresh" shows that the session lives, "target" that we are somewhere else: a re-INVITE with our new Contact; and
# "reanchor" that our media is.
Change = Literal["hold", "unhold", "refresh", "target", "reanchor"]
_SILENT = ("refresh", "target", "reanchor")  # of these the user is told nothing

# A page that asks for more than this at once is told to wait.
MAX_WANTED = 8
MAX_TRIES = 6


class State(Label):
    """Where the change at the head of the queue stands."""

    IDLE = "not begun"
    ASKING = "the relay makes our offer"
    SENT = "the request is out"
    ANSWERED = "the relay takes the answer"
    WAITING = "the far side asked for patience"


class Input(Label):
    """What may happen to it."""

    START = "its turn has come"
    OFFER = "the relay's offer"
    REFUSED = "the relay refuses"
    SUCCESS = "2xx"
    AGAIN = "491, a time to wait, or 422"
    FAILURE = "another final response, or none"
    TAKEN = "the relay has the answer"
    TIME = "the wait is over"
    MOOT = "the far side knows already"
    STOP = "the dialog is over"


class Modification:
    """`is_free` tells whether the session can be changed now, `allows_update` what the far side's Allow said.

    `on_success` is called with each 2xx: the far side has the dialog confirmed.
    """

    def __init__(
        self,
        out: list[CallOutput],
        requests: DialogRequests,
        offers: OfferAnswer,
        hold: Hold,
        timer: SessionTimer,
        rules: CallRules,
        owns_call_id: bool,
        is_free: Callable[[], bool | None],
        on_success: Callable[[], None],
    ) -> None:
        self.allows_update = False
        self._out = out
        self._requests = requests
        self._offers = offers
        self._hold = hold
        self._timer = timer
        self._rules = rules
        self._owns_call_id = owns_call_id
        self._is_free = is_free
        self._on_success = on_success
        self._machine = TableMachine(TABLE, State.IDLE)
        self._wanted: deque[Change] = deque()
        self._tries = 0
        self._waits_until: float | None = None
        self._gives_up_at: float | None = None

    @property
    def is_inviting(self) -> bool:
        """Whether an INVITE of ours has no final response yet."""
        return self._gives_up_at is not None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is wanted."""
        return not self._wanted

    def want(self, change: Change, now: float) -> None:
        """Do this when all that was wanted before is done; `SipError` where that is too much."""
        if len(self._wanted) >= MAX_WANTED:
            raise SipError(486, "Too Many Changes Under Way")
        self._wanted.append(change)
        self.proceed(now)

    def refresh(self, now: float) -> None:
        """Show that the session lives; any other change of ours does that too."""
        if "refresh" not in self._wanted:
            self._wanted.append("refresh")
        self.proceed(now)

    def reanchor(self, now: float) -> None:
        """Tell the far side where our media is now, before anything else that is wanted."""
        is_out = self._machine.state in (State.SENT, State.ANSWERED)  # what is said there is where it was before
        if "reanchor" not in islice(self._wanted, int(is_out), None):
            self._wanted.insert(0 if self._machine.state is State.IDLE else 1, "reanchor")
        self.proceed(now)

    def reanchored(self, now: float) -> None:
        """Another exchange has told the far side."""
        if "reanchor" not in self._wanted:
            return
        is_first = self._wanted[0] == "reanchor"
        if not is_first or self._machine.state is State.IDLE:
            self._wanted.remove("reanchor")
        else:
            self._step(Input.MOOT, now)

    def proceed(self, now: float) -> None:
        """Begin the next change if nothing stands in its way."""
        while self._wanted and self._machine.state is State.IDLE and self._is_free():
            self._machine.step(self, Input.START, now)

    def stop(self) -> None:
        """The dialog is over."""
        self._machine.step(self, Input.STOP)

    # -- what happens

    def offer_made(self, sdp: str, now: float) -> None:
        """The relay has made our offer."""
        self._step(Input.OFFER, sdp, now)

    def answer_taken(self, now: float) -> None:
        """The relay has taken the far side's answer."""
        self._step(Input.TAKEN, now)

    def media_refused(self, status: int, reason: str, now: float) -> None:
        """The relay makes no offer, or cannot take the answer."""
        self._step(Input.REFUSED, Outcome(status, reason), now)

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return self._waits_until if self._gives_up_at is None else self._gives_up_at

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        if self._gives_up_at is not None and self._gives_up_at <= now:
            # §14.1 sends no CANCEL here; who answers nothing for so long is as gone as one that says 408.
            self._requests.give_up(now)
        elif self._waits_until is not None and self._waits_until <= now:
            self._step(Input.TIME, now)

    def _step(self, given: Input, *facts: Any) -> None:
        self._machine.step(self, given, *facts)
        self.proceed(facts[-1])

    def _answered(self, outcome: Outcome, now: float) -> None:
        self._gives_up_at = None
        response = outcome.response
        if response is not None and outcome.status < 300:
            self._timer.agreed(response, now)
            self._on_success()
            self._step(Input.SUCCESS, response, now)
        elif (wait := self._patience(outcome)) is not None:
            self._step(Input.AGAIN, wait, now)
        else:
            self._step(Input.FAILURE, outcome, now)

    def _patience(self, outcome: Outcome) -> float | None:
        """How long to wait before trying again, if there is sense in that."""
        response = outcome.response
        if self._tries >= MAX_TRIES or response is None:
            return None
        if outcome.status == 491:
            # §14.1: who owns the Call-ID waits longer, so that the other one comes first; in units of 10 ms.
            chance = self._rules.chance()
            return round(2.1 + 1.9 * chance, 2) if self._owns_call_id else round(2.0 * chance, 2)
        if outcome.status == 422:
            return 0.0 if self._timer.raised(response) else None
        if outcome.status in (405, 501) and response.cseq[1] == "UPDATE":
            self.allows_update = False  # whatever Allow said
            return 0.0
        after = (response.headers.get("Retry-After") or "").partition(";")[0].strip()
        if outcome.status == 500 and after.isascii() and after.isdigit() and len(after) <= 2:
            return float(after) if int(after) <= RETRY_AFTER_LIMIT else None
        return None

    # -- actions

    def _start(self, now: float) -> State | None:
        change = self._wanted[0]
        is_held = self._hold.local if change in _SILENT else change == "hold"
        if change == "refresh" and not self._timer.is_refreshing:
            return self._done()  # what came before it was as good
        if change == "refresh" and self.allows_update:
            self._tries += 1
            self._requests.send("UPDATE", self._answered, [*OFFERED, *self._timer.offered()])
            return State.SENT
        if change not in _SILENT and is_held == self._hold.local:  # it is so already
            self._out.append(HoldChanged(self._hold.local, self._hold.remote))
            return self._done()
        self._out.append(AskMedia("our_offer", direction="sendonly" if is_held else "sendrecv"))
        return None

    def _send(self, sdp: str, now: float) -> State | None:
        if not self._is_free():
            return State.IDLE  # the far side was faster: its change comes first, and then another offer of ours
        self._offers.offer(sdp)
        self._tries += 1
        self._gives_up_at = now + self._rules.ring_seconds
        self._requests.send("INVITE", self._answered, [*OFFERED, *self._timer.offered()], sdp.encode(), SDP)
        return None

    def _take(self, response: Response, now: float) -> State | None:
        if self._offers.state is not OfferState.LOCAL_OFFER:
            self._out.append(SaveCall())  # for the session timer
            return self._done()
        sdp = description(response)
        if not sdp:  # §13.2.1: it must have the answer
            return self._fail(Outcome(488, "Answer Without SDP"), now)
        self._offers.receive_answer(sdp)
        self._out.append(AskMedia("their_answer", sdp))
        return None

    def _wait(self, wait: float, now: float) -> None:
        self._drop_offer()
        self._waits_until = now + wait

    def _again(self, now: float) -> None:
        self._waits_until = None

    def _drop(self, now: float) -> State:
        self._waits_until = None
        return self._done()

    def _finish(self, now: float) -> State:
        self._out.append(SaveCall())
        change = self._wanted[0]
        if change not in _SILENT:
            self._hold.local = change == "hold"
            self._hold.tell()
        return self._done()

    def _fail(self, outcome: Outcome, now: float) -> State:
        self._drop_offer()
        match self._wanted[0]:
            case "refresh":
                self._timer.refresh_failed(now)
            case "reanchor" if outcome.response is not None:  # else the relay is gone as well, or the dialog
                self._out.append(ReanchorRefused(outcome.status, outcome.reason))
            case "hold" | "unhold" as change:
                self._out.append(ActionFailed(change, outcome.status, outcome.reason))
        return self._done()

    def _drop_offer(self) -> None:
        # An UPDATE that only refreshes leaves the far side free to offer meanwhile.
        if self._offers.state is OfferState.LOCAL_OFFER:
            self._offers.drop()

    def _done(self) -> State:
        self._wanted.popleft()
        self._tries = 0
        return State.IDLE

    def _stop(self) -> None:
        self._wanted.clear()
        self._waits_until = self._gives_up_at = None


TABLE: Rows[State, Input] = {
    (State.IDLE, Input.START): (Modification._start, State.ASKING),
    (State.IDLE, Input.STOP): (Modification._stop, State.IDLE),
    (State.ASKING, Input.OFFER): (Modification._send, State.SENT),
    (State.ASKING, Input.REFUSED): (Modification._fail, State.IDLE),
    (State.ASKING, Input.STOP): (Modification._stop, State.IDLE),
    (State.SENT, Input.SUCCESS): (Modification._take, State.ANSWERED),
    (State.SENT, Input.AGAIN): (Modification._wait, State.WAITING),
    (State.SENT, Input.FAILURE): (Modification._fail, State.IDLE),
    (State.SENT, Input.STOP): (Modification._stop, State.IDLE),
    (State.ANSWERED, Input.TAKEN): (Modification._finish, State.IDLE),
    (State.ANSWERED, Input.REFUSED): (Modification._fail, State.IDLE),
    (State.ANSWERED, Input.STOP): (Modification._stop, State.IDLE),
    (State.WAITING, Input.TIME): (Modification._again, State.IDLE),
    (State.WAITING, Input.MOOT): (Modification._drop, State.IDLE),
    (State.WAITING, Input.STOP): (Modification._stop, State.IDLE),
}
