"""We let the far side call somebody else: REFER, and what comes of it (RFC 3515, RFC 5589 §6 and §7).

    IDLE ─transfer─▶ REFERRING ─2xx─▶ WAITING ─NOTIFY with 2xx, or BYE─▶ DONE: our call ends
      ▲                  │               │
      └──refused, or a final NOTIFY without 2xx, or none in time: the call goes on

A NOTIFY may overtake the response to its REFER, so REFERRING takes one as WAITING does.
"""

from collections.abc import Callable
from typing import Any

from sip_agent.core.call.outputs import ActionFailed, CallOutput, Respond, TransferProgressed
from sip_agent.core.call.rules import CallRules
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.errors import SipError
from sip_agent.core.events import TransactionId
from sip_agent.core.in_dialog.dialog_requests import Outcome
from sip_agent.core.in_dialog.own_requests import InDialogRequest, OwnRequests
from sip_agent.core.syntax.message import Request, make_response
from sip_agent.core.table import Label, TableMachine
from sip_agent.core.transfer.referral import Referral
from sip_agent.core.transfer.sipfrag import Report, is_without_subscription, read


class State(Label):
    """Where our REFER stands."""

    IDLE = "idle"
    REFERRING = "referring"
    WAITING = "waiting"
    DONE = "done"


class Input(Label):
    """What may happen to it."""

    TRANSFER = "the user wants it"
    ACCEPTED = "2xx to REFER"
    REFUSED = "any other final response to REFER, or none"
    PROGRESS = "NOTIFY with 1xx"
    SUCCEEDED = "NOTIFY with 2xx, or a far side that will not tell"
    FAILED = "NOTIFY with any other status, or the last one says nothing"
    NO_NOTIFY = "nothing is heard in time"
    BYE = "the far side has left"


class Referrer:
    """Writes to the call's outputs. `hang_up` ends the call that has been transferred."""

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
        self._deadline: float | None = None
        self._told = 0
        self._has_referred = False

    @property
    def state(self) -> State:
        """Where our REFER stands."""
        return self._machine.state

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return self._deadline

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        if self._deadline is not None and self._deadline <= now:
            self._deadline = None
            self._step(Input.NO_NOTIFY, now)

    @property
    def is_idle(self) -> bool:
        """Whether we have asked for nothing that is not over."""
        return self.state in (State.IDLE, State.DONE)

    def stop(self) -> None:
        """The call is over."""
        self._deadline = None

    def _step(self, given: Input, *facts: Any) -> bool:
        return self._machine.step(self, given, *facts)

    def transfer(self, referral: Referral, now: float) -> None:
        """Send REFER; 491 while another one is under way."""
        if not self._step(Input.TRANSFER, referral, now):
            raise SipError(491, "Transfer Under Way")

    def receive_notify(self, transaction: TransactionId, request: Request, now: float) -> None:
        """Take a NOTIFY; those that come after the last are taken, too, and change nothing."""
        if not self._has_referred:
            self._respond(transaction, request, 481)
            return
        report = read(request)
        self._respond(transaction, request, 200)
        if 200 <= report.status < 300:
            self._step(Input.SUCCEEDED, report, now)
        elif report.status >= 300 or report.is_last:
            self._step(Input.FAILED, report, now)
        elif report.status:
            self._step(Input.PROGRESS, report, now)

    def _respond(self, transaction: TransactionId, request: Request, status: int) -> None:
        self._out.append(Respond(transaction, make_response(request, status)))

    def far_side_left(self, now: float) -> bool:
        """Take the far side's BYE; return whether it has left for the one that it was sent to.

        Phones that report nothing hang up instead, once they have accepted the REFER.
        """
        self._deadline = None
        return self._step(Input.BYE, now)

    # -- actions

    def _refer(self, referral: Referral, now: float) -> None:
        self._has_referred, self._told = True, 0
        headers = (("Refer-To", referral.refer_to), ("Referred-By", f"<{self._identity.address.uri}>"))

        def done(outcome: Outcome) -> None:
            if not 200 <= outcome.status < 300:
                self._step(Input.REFUSED, Report(outcome.status, outcome.reason, True), now)
            elif outcome.response is not None and is_without_subscription(outcome.response):
                # RFC 4488 §4: it will call, and not say how that ends.
                self._step(Input.SUCCEEDED, Report(outcome.status, outcome.reason, True), now)
            else:
                self._step(Input.ACCEPTED)

        self._own.send(InDialogRequest("REFER", done, headers))
        # Long enough for the REFER itself, which may wait for its turn, and for a NOTIFY that follows at once.
        self._deadline = now + 2 * 64 * self._rules.timers.t1

    def _wait(self) -> None:
        """The NOTIFYs follow."""

    def _progress(self, report: Report, now: float) -> None:
        self._deadline = now + self._rules.ring_seconds + 64 * self._rules.timers.t1
        self._tell(report)

    def _succeed(self, report: Report, now: float) -> None:
        self._deadline = None
        self._tell(report)
        self._hang_up(now)

    def _tell(self, report: Report) -> None:
        if report.status != self._told:
            self._told = report.status
            self._out.append(TransferProgressed(report.status, report.reason))

    def _fail(self, report: Report, now: float) -> None:
        self._deadline = None
        status, reason = (report.status, report.reason) if report.status >= 300 else (480, "Outcome Not Told")
        self._out.append(ActionFailed("transfer", status, reason))

    def _give_up(self, now: float) -> None:
        self._out.append(ActionFailed("transfer", 408, "Outcome Not Told In Time"))

    def _left(self, now: float) -> None:
        """The call ends by that BYE."""


TABLE: dict[tuple[State, Input], tuple[Callable[..., State | None], State]] = {
    (State.IDLE, Input.TRANSFER): (Referrer._refer, State.REFERRING),
    (State.REFERRING, Input.ACCEPTED): (Referrer._wait, State.WAITING),
    (State.REFERRING, Input.REFUSED): (Referrer._fail, State.IDLE),
    (State.REFERRING, Input.PROGRESS): (Referrer._progress, State.REFERRING),
    (State.REFERRING, Input.SUCCEEDED): (Referrer._succeed, State.DONE),
    (State.REFERRING, Input.FAILED): (Referrer._fail, State.IDLE),
    (State.REFERRING, Input.NO_NOTIFY): (Referrer._give_up, State.IDLE),
    (State.WAITING, Input.PROGRESS): (Referrer._progress, State.WAITING),
    (State.WAITING, Input.SUCCEEDED): (Referrer._succeed, State.DONE),
    (State.WAITING, Input.FAILED): (Referrer._fail, State.IDLE),
    (State.WAITING, Input.NO_NOTIFY): (Referrer._give_up, State.IDLE),
    (State.WAITING, Input.BYE): (Referrer._left, State.DONE),
}
