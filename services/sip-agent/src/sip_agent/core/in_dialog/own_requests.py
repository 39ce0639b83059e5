"""Our requests inside a dialog that make no offer: INFO, MESSAGE, NOTIFY, REFER (RFC 3261 §12.2.1).

One after the other: two on the way at once may overtake each other, and the far side refuses the one that is behind
(§12.2.2).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sip_agent.core.in_dialog.dialog_requests import DialogRequests, Outcome

MOST_WAITING = 100  # a far side that answers nothing must not make us keep all that a page wants to say

Fields = tuple[tuple[str, str], ...]


Done = Callable[[Outcome], None]


@dataclass(frozen=True)
class InDialogRequest:
    """What is to be sent once its turn has come."""

    method: str
    done: Done
    headers: Fields = ()
    body: bytes = b""
    content_type: str | None = None


class OwnRequests:
    """A queue before the dialog's requests."""

    def __init__(self, requests: DialogRequests) -> None:
        self._requests = requests
        self._waiting: deque[InDialogRequest] = deque()
        self._is_sent = False
        self._number = 0

    @property
    def is_idle(self) -> bool:
        """Whether none waits for its turn or its answer."""
        return not self._waiting

    def send(self, wanted: InDialogRequest) -> None:
        """Send a request, after those that wait."""
        if len(self._waiting) >= MOST_WAITING:
            wanted.done(Outcome(503, "Too Many Requests Wait"))
            return
        self._waiting.append(wanted)
        self._send_next()

    def _send_next(self) -> None:
        if self._waiting and not self._is_sent:
            self._number += 1
            self._is_sent = True
            wanted = self._waiting[0]
            self._requests.send(
                wanted.method, self._answered, wanted.headers, wanted.body, wanted.content_type, f"own {self._number}"
            )

    def _answered(self, outcome: Outcome, now: float) -> None:
        if not self._is_sent:
            return
        self._is_sent = False
        self._waiting.popleft().done(outcome)
        self._send_next()

    def stop(self) -> None:
        """The dialog is over: what was not answered has failed."""
        self._is_sent = False
        while self._waiting:
            self._waiting.popleft().done(Outcome(487, "Request Terminated"))
