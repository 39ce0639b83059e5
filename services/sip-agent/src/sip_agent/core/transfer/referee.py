"""The far side lets us call somebody else: REFER received, and the NOTIFYs that tell how it goes (RFC 3515, RFC 6665).

    IDLE ─REFER─▶ CALLING ─the new call is answered─▶ LEAVING ─BYE of either side
      ▲              │
      └─it is not: the call goes on

The new call is a leg of its own for the same browser; who makes it tells here how far it is.
"""

from collections.abc import Callable
from typing import Any

from sip_agent.core.call.outputs import CallOutput, Referred, Respond
from sip_agent.core.call.rules import CallRules
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.earliest import earliest
from sip_agent.core.events import TransactionId
from sip_agent.core.in_dialog.dialog_requests import Outcome
from sip_agent.core.in_dialog.own_requests import Fields, InDialogRequest, OwnRequests
from sip_agent.core.syntax.message import Request, make_response
from sip_agent.core.table import Label, TableMachine
from sip_agent.core.transfer.referral import read_referral
from sip_agent.core.transfer.sipfrag import EVENT, SIPFRAG, is_without_subscription, write

NOTIFY_EVERY = 1.0  # RFC 3515 §2.4.4 wants no NOTIFY for each of many provisional responses


class State(Label):
    """Where their REFER stands."""

    IDLE = "idle"
    CALLING = "calling"
    LEAVING = "leaving"


class Input(Label):
    """What may happen to it."""

    REFER = "REFER"
    PROGRESS = "1xx to the new INVITE"
    SUCCESS = "the new call is answered"
    FAILURE = "it is not"
    NO_BYE = "whoever referred us does not hang up"


class Referee:
    """Writes to the call's outputs. `hang_up` ends the dialog that nobody is in any more."""

    def __init__(
        self,
        out: list[CallOutput],
        own: OwnRequests,
        identity: Identity,
        rules: CallRules,
        hang_up: Callable[[float], None],
    ) -> None:
        self._out = out
        self._own = own
        self._identity = identity
        self._rules = rules
        self._hang_up = hang_up
        self._machine = TableMachine(TABLE, State.IDLE)
        self._event = EVENT
        self._refers = 0
        self._is_subscribed = False
        self._pending: tuple[int, str] | None = None
        self._notified: tuple[int, float] = (0, 0.0)
        self._leave_at: float | None = None

    @property
    def state(self) -> State:
        """Where their REFER stands."""
        return self._machine.state

    @property
    def is_calling(self) -> bool:
        """Whether whoever referred us waits for the outcome."""
        return self.state is State.CALLING

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        notify_at = None if self._pending is None else self._notified[1] + NOTIFY_EVERY
        return earliest(notify_at, self._leave_at)

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        if self._pending is not None and now >= self._notified[1] + NOTIFY_EVERY:
            self._notify_pending(now)
        if self._leave_at is not None and now >= self._leave_at:
            self._leave_at = None
            self._step(Input.NO_BYE, now)

    def stop(self) -> None:
        """The dialog is over: nobody is to be told."""
        self._is_subscribed = False
        self._pending = self._leave_at = None

    def _step(self, given: Input, *facts: Any) -> bool:
        return self._machine.step(self, given, *facts)

    # -- what comes in

    def receive_refer(self, transaction: TransactionId, request: Request, is_established: bool, now: float) -> None:
        """Answer a REFER; `SipError` for one that asks for something else than a call."""
        referral = read_referral(request)
        if not (self._rules.accept_transfers and is_established):
            self._out.append(Respond(transaction, make_response(request, 603)))
        elif not self._step(Input.REFER, transaction, request, now):
            self._out.append(Respond(transaction, make_response(request, 491, "Transfer Under Way")))
        else:
            self._out.append(Referred(referral))

    def progressed(self, status: int, reason: str, now: float) -> None:
        """The new INVITE has a provisional response."""
        self._step(Input.PROGRESS, status, reason, now)

    def succeeded(self, now: float) -> None:
        """The new call has taken the place of this one."""
        self._step(Input.SUCCESS, 200, "OK", now)

    def failed(self, status: int, reason: str, now: float) -> None:
        """There is no new call."""
        self._step(Input.FAILURE, status if status >= 300 else 500, reason, now)

    # -- actions

    def _accept(self, transaction: TransactionId, request: Request, now: float) -> None:
        self._refers += 1
        # §2.4.6: a second REFER of one dialog has a subscription of its own.
        self._event = EVENT if self._refers == 1 else f"{EVENT};id={request.cseq[0]}"
        headers = [("Contact", f"<{self._identity.contact}>")]
        self._is_subscribed = not is_without_subscription(request)
        if not self._is_subscribed:
            headers.append(("Refer-Sub", "false"))  # RFC 4488 §4
        self._out.append(Respond(transaction, make_response(request, 202, headers=headers)))
        self._notify(100, "Trying", now)

    def _notify_progress(self, status: int, reason: str, now: float) -> None:
        if status <= 100 or status == self._notified[0]:
            return
        self._pending = (status, reason)
        if now >= self._notified[1] + NOTIFY_EVERY:
            self._notify_pending(now)

    def _notify_pending(self, now: float) -> None:
        if self._pending is not None:
            self._notify(*self._pending, now)

    def _end(self, status: int, reason: str, now: float) -> None:
        self._notify(status, reason, now, "terminated;reason=noresource")

    def _take_leave(self, status: int, reason: str, now: float) -> None:
        self._end(status, reason, now)
        self._leave_at = now + 64 * self._rules.timers.t1

    def _notify(self, status: int, reason: str, now: float, state: str = "") -> None:
        self._pending, self._notified = None, (status, now)
        if not self._is_subscribed:
            return
        # The subscription lasts as long as the call may ring.
        state = state or f"active;expires={int(self._rules.ring_seconds) + 60}"
        headers: Fields = (("Event", self._event), ("Subscription-State", state))
        self._own.send(InDialogRequest("NOTIFY", self._notified_by, headers, write(status, reason), SIPFRAG))

    def _notified_by(self, outcome: Outcome) -> None:
        if outcome.status >= 300:  # RFC 6665 §4.2.2: whoever refuses a NOTIFY wants no other
            self._is_subscribed = False

    def _leave(self, now: float) -> None:
        self._hang_up(now)


TABLE: dict[tuple[State, Input], tuple[Callable[..., State | None], State]] = {
    (State.IDLE, Input.REFER): (Referee._accept, State.CALLING),
    (State.CALLING, Input.PROGRESS): (Referee._notify_progress, State.CALLING),
    (State.CALLING, Input.SUCCESS): (Referee._take_leave, State.LEAVING),
    (State.CALLING, Input.FAILURE): (Referee._end, State.IDLE),
    (State.LEAVING, Input.NO_BYE): (Referee._leave, State.LEAVING),
}
