"""What shares the dialog of a call with its session (RFC 5057): instant messages, and REFER with its subscription."""

from collections.abc import Callable

from sip_agent.core.call.outputs import CallOutput
from sip_agent.core.call.rules import CallRules
from sip_agent.core.dialog.capabilities import refusal
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.earliest import earliest
from sip_agent.core.events import TransactionId
from sip_agent.core.in_dialog.own_requests import OwnRequests
from sip_agent.core.instant.in_call import InCall
from sip_agent.core.syntax.message import Request
from sip_agent.core.transfer.referee import Referee
from sip_agent.core.transfer.referrer import Referrer


class Usages:
    """`hang_up` ends the call once it has been transferred, either way."""

    def __init__(
        self,
        out: list[CallOutput],
        own: OwnRequests,
        identity: Identity,
        rules: CallRules,
        hang_up: Callable[[float], None],
    ) -> None:
        self.messages = InCall(out, own)
        self.referrer = Referrer(out, own, identity, rules, hang_up)
        self.referee = Referee(out, own, identity, rules, hang_up)

    @property
    def are_idle(self) -> bool:
        """Whether no transfer is under way, either way."""
        return self.referrer.is_idle and not self.referee.is_calling

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return earliest(self.referrer.next_timer(), self.referee.next_timer())

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        self.referrer.handle_timer(now)
        self.referee.handle_timer(now)

    def stop(self) -> None:
        """The call is over."""
        self.referrer.stop()
        self.referee.stop()

    def receive(self, transaction: TransactionId, request: Request, is_established: bool, now: float) -> bool:
        """Serve a request of the far side; return False for one that is not for these usages."""
        if refusal(request) is not None:
            return False
        match request.method:
            case "MESSAGE":
                self.messages.receive(transaction, request)
            case "NOTIFY":
                self.referrer.receive_notify(transaction, request, now)
            case "REFER":
                self.referee.receive_refer(transaction, request, is_established, now)
            case _:
                return False
        return True
