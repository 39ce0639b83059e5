"""Our requests inside a dialog that make no offer: INFO, MESSAGE, NOTIFY, REFER (RFC 3261 §12.2.1).

One after the other: two on the way at once may overtake each other, and the far side refuses the one that is behind
(§12.2.2). Each is sent once more if it is challenged (§22.2).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sip_agent.core.auth.digest import DigestClient
from sip_agent.core.call.dialog import CSEQ_GAP
from sip_agent.core.call.outputs import CallOutput, SaveCall, SendRequest
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.syntax.uri import SipUri

MOST_WAITING = 100  # a far side that answers nothing must not make us keep all that a page wants to say

Fields = tuple[tuple[str, str], ...]
Done = Callable[[int, str], None]
"""What to do with the final status and reason."""


@dataclass(frozen=True)
class InDialogRequest:
    """What is to be sent once its turn has come."""

    method: str
    done: Done
    headers: Fields = ()
    body: bytes = b""
    content_type: str | None = None


Make = Callable[[InDialogRequest, Fields], tuple[Request, SipUri]]
"""Builds a request in the dialog with its next sequence number, and tells where it goes first."""


class OwnRequests:
    """Writes to the call's outputs."""

    def __init__(self, out: list[CallOutput], digest: DigestClient, make: Make) -> None:
        self._out = out
        self._digest = digest
        self._make = make
        self._waiting: deque[InDialogRequest] = deque()
        self._sent: Request | None = None
        self._is_repeated = False
        self._number = 0

    def send(self, wanted: InDialogRequest) -> None:
        """Send a request, after those that wait."""
        if len(self._waiting) >= MOST_WAITING:
            wanted.done(503, "Too Many Requests Wait")
            return
        self._waiting.append(wanted)
        self._send_next()

    def _send_next(self) -> None:
        if self._sent is None and self._waiting:
            self._number += 1
            self._is_repeated = False
            self._put(())

    def _put(self, credentials: Fields) -> None:
        wanted = self._waiting[0]
        request, hop = self._make(wanted, credentials)
        if wanted.method == "MESSAGE":
            request.headers.remove("Contact")  # RFC 3428 §4
        self._sent = request
        if request.cseq[0] % CSEQ_GAP == 0:
            # The record's number runs ahead of the wire by as much: it is written before that is used up.
            self._out.append(SaveCall())
        self._out.append(SendRequest(self._ref, request, hop))

    @property
    def _ref(self) -> str:
        return f"own {self._number}"

    def receive_response(self, ref: str, response: Response) -> None:
        """Take a response to the request that is on its way; one to another changes nothing."""
        if ref != self._ref or self._sent is None or response.status < 200:
            return
        if response.status in (401, 407) and not self._is_repeated:
            credentials = self._credentials(self._sent, response)
            if credentials:
                self._is_repeated = True
                self._put(credentials)
                return
        self._finish(response.status, response.reason)

    def _credentials(self, refused: Request, response: Response) -> Fields:
        try:
            return tuple(self._digest.answer(refused, response, may_learn=False))
        except SipError:  # a challenge that cannot be read cannot be met
            return ()

    def failed(self, ref: str, status: int, reason: str) -> None:
        """Take the word that the request got no response."""
        if ref == self._ref and self._sent is not None:
            self._finish(status, reason)

    def _finish(self, status: int, reason: str) -> None:
        self._sent = None
        self._waiting.popleft().done(status, reason)
        self._send_next()

    def stop(self) -> None:
        """The dialog is over: what was not answered has failed."""
        self._sent = None
        while self._waiting:
            self._waiting.popleft().done(487, "Request Terminated")
