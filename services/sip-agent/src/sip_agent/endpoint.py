"""The SIP stack joined to its sockets: bytes in, bytes out, one timer, and who is told what.

After anything that went into the stack, `_drain` carries out all that it put out and sets the timer anew: that is
done here and nowhere else.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

from sip_agent.core.events import (
    AckReceived,
    CancelReceived,
    CloseFlow,
    Flow,
    Malformed,
    Output,
    RequestReceived,
    ResponseReceived,
    SendMessage,
    TimedOut,
    TransactionId,
    TransportFailed,
)
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.transaction.layer import TransactionLayer
from sip_agent.core.transaction.timers import Timers

_log = structlog.get_logger(__name__)


class TransactionUser(Protocol):
    """Whoever sent a request."""

    def receive_response(self, transaction: TransactionId, response: Response) -> None:
        """Take a response; several 2xx may come to one INVITE."""

    def transaction_failed(self, transaction: TransactionId, status: int, reason: str) -> None:
        """Take the word that no final response will come."""


class Wires(Protocol):
    """The sockets."""

    def send(self, data: bytes, flow: Flow) -> None:
        """Send bytes; a failure is told later by `Endpoint.flow_failed`."""

    def close_flow(self, flow: Flow) -> None:
        """Close a connection."""


CancelHandler = Callable[[Request], None]


class Endpoint:
    """`may_send` is asked for each message: an agent that has lost its lease is silent."""

    def __init__(self, layer: TransactionLayer, may_send: Callable[[], bool]) -> None:
        self._layer = layer
        self._may_send = may_send
        self._wires: Wires | None = None
        self._users: dict[TransactionId, TransactionUser] = {}
        self._accepted: deque[tuple[float, TransactionId]] = deque()
        self._cancels: dict[TransactionId, CancelHandler] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_draining = False
        self.on_request: Callable[[TransactionId, Request, Flow], None] = lambda *_: None
        self.on_ack: Callable[[Request], None] = lambda _: None

    def attach(self, wires: Wires) -> None:
        """Give the sockets."""
        self._wires = wires

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    @property
    def timers(self) -> Timers:
        """The times of the stack, for what is sent again above it."""
        return self._layer.timers

    @property
    def live(self) -> int:
        """How many transactions there are."""
        return self._layer.live

    # -- from the sockets

    def receive_data(self, data: bytes, flow: Flow) -> None:
        """Take a datagram, or the next bytes of a connection."""
        self._layer.receive_data(data, flow, time.monotonic())
        self._drain()

    def flow_failed(self, flow: Flow, reason: str) -> None:
        """Take the word that a flow delivers nothing."""
        self._layer.transport_failed(flow, reason, time.monotonic())
        self._drain()

    # -- for the users

    def send_request(self, request: Request, flow: Flow, user: TransactionUser) -> TransactionId:
        """Start a client transaction whose end `user` hears of."""
        transaction = self._layer.send_request(request, flow, time.monotonic())
        self._users[transaction] = user
        self._drain()
        return transaction

    def cancel(self, transaction: TransactionId) -> None:
        """Cancel an INVITE."""
        self._layer.cancel(transaction, time.monotonic())
        self._drain()

    def send_ack(self, ack: Request, flow: Flow) -> None:
        """Send the ACK of a 2xx."""
        self._layer.send_ack(ack, flow)
        self._drain()

    def respond(self, transaction: TransactionId, response: Response) -> None:
        """Answer a request."""
        if response.status >= 200:
            self._cancels.pop(transaction, None)
        self._layer.respond(transaction, response, time.monotonic())
        self._drain()

    def on_cancel(self, transaction: TransactionId, handler: CancelHandler) -> None:
        """Call `handler` if this INVITE is cancelled before its final response."""
        self._cancels[transaction] = handler

    # -- the one place

    def _drain(self) -> None:
        if self._is_draining:  # a user's reaction: the outer call carries on with it
            return
        self._is_draining = True
        try:
            while outputs := self._layer.take_output():
                for output in outputs:
                    self._carry_out(output)
        finally:
            self._is_draining = False
        self._set_timer()

    def _carry_out(self, output: Output) -> None:
        try:
            self._dispatch(output)
        except Exception:  # the boundary to the users: one message's failure is not the next one's
            _log.exception("sip event failed", event_type=type(output).__name__)

    def _dispatch(self, output: Output) -> None:
        match output:
            case SendMessage(data, flow):
                self._send(data, flow)
            case RequestReceived(transaction, request, flow):
                self.on_request(transaction, request, flow)
            case AckReceived(request):
                self.on_ack(request)
            case CancelReceived(invite, cancel):
                self._on_cancelled(invite, cancel)
            case ResponseReceived(transaction, response):
                self._on_response(transaction, response)
            case TimedOut(transaction):
                self._on_failure(transaction, 408, "Request Timeout")
            case TransportFailed(transaction, _, reason):
                _log.info("transport failed", reason=reason)
                self._on_failure(transaction, 503, "Service Unavailable")
            case _:
                self._note(output)

    def _note(self, output: Output) -> None:
        """Take what nobody waits for."""
        match output:
            case CloseFlow(flow) if self._wires is not None:
                self._wires.close_flow(flow)
            case Malformed(reason, flow):
                _log.info("malformed message", reason=reason, source=f"{flow.transport}:{flow.host}")
            case _:
                _log.debug("ignored", event_type=type(output).__name__)

    def _send(self, data: bytes, flow: Flow) -> None:
        if self._wires is not None and self._may_send():
            self._wires.send(data, flow)

    def _on_cancelled(self, invite: TransactionId, cancel: Request) -> None:
        handler = self._cancels.pop(invite, None)
        if handler is not None:
            handler(cancel)

    def _on_response(self, transaction: TransactionId, response: Response) -> None:
        user = self._users.get(transaction)
        if user is None:
            return
        if 200 <= response.status < 300 and transaction.method == "INVITE":
            # RFC 6026 §7.2: more 2xx may come while the transaction is in Accepted.
            self._accepted.append((time.monotonic() + self._layer.timers.m, transaction))
        elif response.status >= 200:
            del self._users[transaction]
        self._forget_accepted()
        user.receive_response(transaction, response)

    def _forget_accepted(self) -> None:
        now = time.monotonic()
        while self._accepted and self._accepted[0][0] <= now:
            self._users.pop(self._accepted.popleft()[1], None)

    def _on_failure(self, transaction: TransactionId, status: int, reason: str) -> None:
        user = self._users.pop(transaction, None)
        if user is not None:
            user.transaction_failed(transaction, status, reason)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._layer.next_timer()
        if due is not None:
            delay = max(0.0, due - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._layer.handle_timer(time.monotonic())
        self._drain()
