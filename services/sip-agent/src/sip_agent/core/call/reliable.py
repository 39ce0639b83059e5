"""Reliable provisional responses (RFC 3262), both sides.

The caller has no timers: it acknowledges what is next, and the callee repeats what it misses.

    IDLE ⇄ UNACKNOWLEDGED ─ FAILED             the callee, until the final response
       └───────┴─ AWAITED ─ CLOSED             after it

We answer an offer in the 200 and not before, so no 200 has to wait for a PRACK (§3), and no PRACK has an offer that
could be taken (§5).
"""

from collections.abc import Callable

import msgspec

from sip_agent.core.call.outputs import CallOutput, Respond
from sip_agent.core.dialog.dialog_set import EarlyDialog
from sip_agent.core.errors import SipError
from sip_agent.core.events import TransactionId
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.table import Label, TableMachine
from sip_agent.core.transaction.timers import Timers

OPTION = "100rel"
_RSEQ_LIMIT = 2**32 - 1  # §7.1


def is_reliable(response: Response) -> bool:
    """Whether a provisional response waits for a PRACK (§4)."""
    return 100 < response.status < 200 and response.has_option("Require", OPTION)


def acknowledge(early: EarlyDialog, response: Response) -> tuple[Request, EarlyDialog] | None:
    """Return the PRACK of the next response of a branch and the branch after it.

    None for one that is not next (§4): a repeated one has its PRACK, and after a gap the missing one comes first.
    """
    rseq = _rseq(response)
    if early.rseq is not None and rseq != early.rseq + 1:
        return None
    number, method = response.cseq
    prack, dialog = early.dialog.request("PRACK", None, [("RAck", f"{rseq} {number} {method}")])
    return prack, msgspec.structs.replace(early, dialog=dialog, rseq=rseq)


def _rseq(response: Response) -> int:
    text = response.headers.get("RSeq") or ""
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) <= _RSEQ_LIMIT):
        raise SipError(400, "Bad RSeq")
    return int(text)


class State(Label):
    """Where the callee's reliable responses to one INVITE stand."""

    IDLE = "idle"
    UNACKNOWLEDGED = "unacknowledged"
    FAILED = "failed"  # no PRACK in 64*T1
    AWAITED = "awaited"  # a final response is sent, and the PRACK of the one before may still come
    CLOSED = "closed"


class Input(Label):
    """What happens to them."""

    SEND = "a provisional response is to be sent"
    RESEND = "its time to be sent again"
    GIVE_UP = "64*T1 without PRACK"
    PRACK = "the PRACK that was waited for"
    FINAL = "the final response is sent"


class ReliableResponses:
    """The callee's side (§3). One response at a time waits for its PRACK; one that comes meanwhile is not sent.

    Writes to the call's outputs. `rseq` is the last number given.
    """

    def __init__(
        self,
        out: list[CallOutput],
        transaction: TransactionId,
        invite_cseq: int,
        timers: Timers,
    ) -> None:
        self.rseq = 0
        self._out = out
        self._transaction = transaction
        self._invite_cseq = invite_cseq
        self._timers = timers
        self._machine = TableMachine(TABLE, State.IDLE)
        self._response: Response | None = None
        self._interval = timers.t1
        self._due_at: float | None = None
        self._gives_up_at = 0.0

    @property
    def state(self) -> State:
        """Where they stand."""
        return self._machine.state

    def restore(self, rseq: int, state: State) -> None:
        """Go on with those of another agent, none of which waits for its PRACK."""
        self.rseq, self._machine.state = rseq, state

    def send(self, response: Response, now: float) -> None:
        """Send a provisional response until its PRACK comes."""
        self._machine.step(self, Input.SEND, response, now)

    def receive_prack(self, prack: Request, now: float) -> bool:
        """Return whether a PRACK is the one that is waited for; else it gets 481."""
        expected = f"{self.rseq} {self._invite_cseq} INVITE"
        if " ".join((prack.headers.get("RAck") or "").split()) != expected:
            return False
        return self._machine.step(self, Input.PRACK, now)

    def final(self, now: float) -> None:
        """The final response is sent: nothing is repeated any more."""
        self._machine.step(self, Input.FINAL, now)

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return None if self._due_at is None else min(self._due_at, self._gives_up_at)

    def handle_timer(self, now: float) -> bool:
        """Repeat what is due; return whether it is given up: the INVITE is to be refused."""
        if self._due_at is None:
            return False
        if now >= self._gives_up_at:
            return self._machine.step(self, Input.GIVE_UP, now)
        if now >= self._due_at:
            self._machine.step(self, Input.RESEND, now)
        return False

    def _first(self, response: Response, now: float) -> None:
        self.rseq += 1
        self._response = response.copy()
        self._response.headers.add("Require", OPTION)
        self._response.headers.add("RSeq", str(self.rseq))
        self._interval = self._timers.t1
        self._gives_up_at = now + 64 * self._timers.t1
        self._put(now)

    def _again(self, now: float) -> None:
        # §3: as INVITE is repeated, without the limit of T2.
        self._interval *= 2
        self._put(now)

    def _put(self, now: float) -> None:
        if self._response is not None:
            self._out.append(Respond(self._transaction, self._response))
        self._due_at = now + self._interval

    def _rest(self, now: float) -> None:
        self._response = self._due_at = None


_Rows = dict[tuple[State, Input], tuple[Callable[..., None], State]]
TABLE: _Rows = {
    (State.IDLE, Input.SEND): (ReliableResponses._first, State.UNACKNOWLEDGED),
    (State.IDLE, Input.FINAL): (ReliableResponses._rest, State.CLOSED),
    (State.UNACKNOWLEDGED, Input.RESEND): (ReliableResponses._again, State.UNACKNOWLEDGED),
    (State.UNACKNOWLEDGED, Input.PRACK): (ReliableResponses._rest, State.IDLE),
    (State.UNACKNOWLEDGED, Input.GIVE_UP): (ReliableResponses._rest, State.FAILED),
    (State.UNACKNOWLEDGED, Input.FINAL): (ReliableResponses._rest, State.AWAITED),
    (State.AWAITED, Input.PRACK): (ReliableResponses._rest, State.CLOSED),
}
