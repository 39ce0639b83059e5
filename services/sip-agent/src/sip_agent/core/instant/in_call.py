"""Instant messages inside a call's dialog (RFC 3428 §4): they go the way of the call, and end with it."""

from sip_agent.core.call.outputs import CallOutput, MessageAnswered, MessageReceived, Respond
from sip_agent.core.events import TransactionId
from sip_agent.core.in_dialog.dialog_requests import Outcome
from sip_agent.core.in_dialog.own_requests import Fields, InDialogRequest, OwnRequests
from sip_agent.core.instant.message import read
from sip_agent.core.syntax.message import Request, Response


class InCall:
    """Writes to the call's outputs."""

    def __init__(self, out: list[CallOutput], own: OwnRequests) -> None:
        self._out = out
        self._own = own

    def send(self, message_id: str, body: str, content_type: str, headers: Fields, now: float) -> None:
        """Send a message after those that wait."""

        def done(outcome: Outcome) -> None:
            self._out.append(MessageAnswered(message_id, outcome.status, outcome.reason))

        self._own.send(InDialogRequest("MESSAGE", done, headers, body.encode(), content_type))

    def receive(self, transaction: TransactionId, request: Request) -> None:
        """Take a message of the far side."""
        said = read(request)
        if isinstance(said, Response):
            self._out.append(Respond(transaction, said))
        else:
            self._out.append(MessageReceived(transaction, request, said))
