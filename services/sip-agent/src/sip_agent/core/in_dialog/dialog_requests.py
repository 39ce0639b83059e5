"""Our own requests in a dialog, BYE apart (RFC 3261 §12.2.1): sequence, credentials, ACK, and a dialog that is gone.

Each request carries what is to be done with its outcome, so that who sends one need not be asked whose response it is.
"""

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from shared.errors import LocalError
from sip_agent.core.auth.credentials import answer
from sip_agent.core.call.outputs import CallOutput, SaveCall, SendAck, SendRequest
from sip_agent.core.dialog.dialog import CSEQ_GAP, Dialog
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.syntax.message import Request, Response


@dataclass(frozen=True)
class Outcome:
    """How a request ended; `response` is None where none came."""

    status: int
    reason: str
    response: Response | None = None


Then = Callable[[Outcome, float], None]


# Where nobody answers these, or knows them, the call is gone too; NOTIFY has a usage of its own (RFC 5057 §5.1).
INVITE_USAGE = ("INVITE", "UPDATE", "INFO", "REFER")


class HasDialog(Protocol):
    """Whose dialog it is: the call."""

    dialog: Dialog | None


class DialogRequests:
    """Sends in the dialog of `usage`. `on_gone` is called when the far side has the dialog no more (§12.2.1.2)."""

    def __init__(self, usage: HasDialog, identity: Identity, out: list[CallOutput], on_gone: Then) -> None:
        self._usage_ref = weakref.ref(usage)  # which holds us (see `back`)
        self._identity = identity
        self._out = out
        self._on_gone = on_gone
        self._pending: dict[str, tuple[Request, Then]] = {}
        self._acknowledged: tuple[str, SendAck] | None = None

    def send(
        self,
        method: str,
        then: Then,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
        ref: str | None = None,
    ) -> None:
        """Send a request; `then` gets its final response, or what stands for none."""
        contact = None if method == "MESSAGE" else self._identity.contact  # RFC 3428 §4
        request, self._usage.dialog = self._dialog.request(method, contact, headers, body, content_type)
        self._send(ref or f"{method} {request.cseq[0]}", request, then)

    @property
    def _usage(self) -> HasDialog:
        usage = self._usage_ref()
        if usage is None:
            raise LocalError("a request of a call that is gone")
        return usage

    @property
    def _dialog(self) -> Dialog:
        if self._usage.dialog is None:
            raise LocalError("a request without a dialog")
        return self._usage.dialog

    def _send(self, ref: str, request: Request, then: Then) -> None:
        self._pending[ref] = (request, then)
        if request.cseq[0] % CSEQ_GAP == 0:
            # The record's number runs ahead of the wire by as much: it is written before that is used up.
            self._out.append(SaveCall())
        self._out.append(SendRequest(ref, request, self._dialog.next_hop()))

    def receive_response(self, ref: str, response: Response, now: float) -> None:
        """Take a response to a request of ours."""
        if response.status < 200:
            return
        if ref not in self._pending:
            self._acknowledge_again(ref, response)
            return
        request, then = self._pending.pop(ref)
        if response.status < 300:
            self._succeeded(ref, request, response)
        elif response.status in (401, 407) and self._authorized(ref, request, response, then):
            return
        self._done(request, then, Outcome(response.status, response.reason, response), now)

    def transaction_failed(self, ref: str, status: int, reason: str, now: float) -> None:
        """Take the word that a request of ours got no response (§8.1.3.1)."""
        pending = self._pending.pop(ref, None)
        if pending is not None:
            self._done(*pending, Outcome(status, reason), now)

    def give_up(self, now: float) -> None:
        """Wait no longer for INVITEs that were answered by nothing but provisional responses."""
        for ref, (request, then) in list(self._pending.items()):
            if request.method == "INVITE":
                self._pending[ref] = (request, _forget)  # a 2xx that comes all the same is to be acknowledged
                self._done(request, then, Outcome(408, "Request Timeout"), now)

    def stop(self) -> None:
        """The call is over: outcomes matter to nobody, but a 2xx to an INVITE is still acknowledged (§13.2.2.4)."""
        self._pending = {
            ref: (request, _forget) for ref, (request, _) in self._pending.items() if request.method == "INVITE"
        }

    def _done(self, request: Request, then: Then, outcome: Outcome, now: float) -> None:
        then(outcome, now)
        if outcome.status in (408, 481) and request.method in INVITE_USAGE and then is not _forget:
            self._on_gone(outcome, now)

    def _authorized(self, ref: str, request: Request, response: Response, then: Then) -> bool:
        if then is _forget:
            return False
        again = answer(self._identity.digest, request, response)
        if again is None:
            return False
        number = self._dialog.local_cseq + 1
        again.headers.set("CSeq", f"{number} {request.method}")
        self._usage.dialog = msgspec.structs.replace(self._dialog, local_cseq=number)
        self._send(ref, again, then)
        return True

    def _succeeded(self, ref: str, request: Request, response: Response) -> None:
        if request.method in ("INVITE", "UPDATE"):
            refreshed = self._dialog.refreshed(response)
            if refreshed != self._dialog:
                self._usage.dialog = refreshed
                self._out.append(SaveCall())
        if request.method == "INVITE":
            # §13.2.2.4: with the credentials of the INVITE, but a peer reached directly is no proxy.
            names = ("Authorization", "Proxy-Authorization") if self._dialog.route_set else ("Authorization",)
            credentials = [(name, value) for name in names for value in request.headers.get_all(name)]
            ack = SendAck(self._dialog.ack(request.cseq[0], credentials), self._dialog.next_hop())
            self._acknowledged = (ref, ack)
            self._out.append(ack)

    def _acknowledge_again(self, ref: str, response: Response) -> None:
        if self._acknowledged is not None and self._acknowledged[0] == ref and response.status < 300:
            self._out.append(self._acknowledged[1])


def _forget(outcome: Outcome, now: float) -> None:
    """Nobody waits for it."""
