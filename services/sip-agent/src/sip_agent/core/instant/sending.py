"""One MESSAGE of ours outside a dialog, until it is answered (RFC 3428 §5, RFC 3261 §22).

SENDING ─401 or 407, once for each realm─▶ SENDING ─any other final response, or none─▶ DONE
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sip_agent.core.auth.credentials import answer, with_credentials
from sip_agent.core.auth.digest import DigestClient
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.table import Label, TableMachine


class State(Label):
    """Where the message is."""

    SENDING = "sending"
    DONE = "done"


class Input(Label):
    """What may happen to it."""

    CHALLENGE = "401 or 407"
    FINAL = "any other final response, or none"


@dataclass(frozen=True)
class SendNow:
    """Start a client transaction; its end is given back."""

    request: Request


@dataclass(frozen=True)
class Answered:
    """Tell the session; last of all."""

    message_id: str
    status: int
    reason: str


SendingOutput = SendNow | Answered


class SendingMessage:
    """`request` is a whole MESSAGE, without credentials."""

    def __init__(self, message_id: str, request: Request, digest: DigestClient) -> None:
        self.message_id = message_id
        self.target = request.uri
        self._digest = digest
        # What proved the account at a proxy before saves a round trip here.
        self._request = with_credentials(request, digest.authorize(request, only_proxies=True))
        self._machine = TableMachine(TABLE, State.SENDING)
        self._out: list[SendingOutput] = []

    @property
    def state(self) -> State:
        """Where the message is."""
        return self._machine.state

    def take_output(self) -> list[SendingOutput]:
        """Return what is to be done and forget it."""
        taken = self._out[:]
        self._out.clear()
        return taken

    def start(self) -> None:
        """Send it."""
        self._out.append(SendNow(self._request))

    def receive_response(self, response: Response) -> None:
        """Take a response."""
        if response.status >= 200:
            given = Input.CHALLENGE if response.status in (401, 407) else Input.FINAL
            self._step(given, response.status, response.reason, response)

    def transaction_failed(self, status: int, reason: str) -> None:
        """Take the word that there was no response (§8.1.3.1)."""
        self._step(Input.FINAL, status, reason)

    def _step(self, given: Input, *facts: Any) -> None:
        self._machine.step(self, given, *facts)

    # -- actions

    def _authorize(self, status: int, reason: str, response: Response) -> State | None:
        # The rule of an INVITE: whoever the message reaches at last teaches no new realm.
        again = answer(self._digest, self._request, response)
        if again is None:
            self._done(status, reason)
            return State.DONE
        self._request = again
        self._out.append(SendNow(again))
        return None

    def _done(self, status: int, reason: str, response: Response | None = None) -> None:
        self._out.append(Answered(self.message_id, status, reason))


TABLE: dict[tuple[State, Input], tuple[Callable[..., State | None], State]] = {
    (State.SENDING, Input.CHALLENGE): (SendingMessage._authorize, State.SENDING),
    (State.SENDING, Input.FINAL): (SendingMessage._done, State.DONE),
}
