"""The SIP stack joined to its sockets: bytes in, bytes out, one timer, and who is told what.

After anything that went into the stack, `_drain` carries out all that it put out and sets the timer anew: that is
done here and nowhere else.
"""

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from sip_agent.alarm import Alarm
from sip_agent.core.earliest import earliest
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
from sip_agent.core.keep_alive import KeepAlive
from sip_agent.core.locating.delivery import Delivery, ordered
from sip_agent.core.locating.places import Places, Unreachable
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.transaction.invite_client import read_invite
from sip_agent.core.transaction.layer import TransactionLayer
from sip_agent.core.transaction.saved import SavedClient, SavedInvite
from sip_agent.core.transaction.timers import Timers
from sip_agent.transport.flow_watch import FlowWatch

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

    def open(self, flow: Flow, within: float) -> None:
        """Open a connection if there is none, in less time than usual."""

    def reuse(self, flow: Flow) -> Flow:
        """The flow to send over for a place, such as that of a connection there is."""

    def has(self, flow: Flow) -> bool:
        """Whether there is a connection."""

    def close_flow(self, flow: Flow) -> None:
        """Close a connection once what waits in it is sent."""

    def drop_flow(self, flow: Flow, reason: str) -> None:
        """Give up a connection."""


CancelHandler = Callable[[Request], None]

# How long a place that failed is tried after all others, and how many such are kept in mind.
AVOID = 60.0
AVOID_MOST = 600.0
MAX_UNREACHABLE = 1000
TCP_INSTEAD_WITHIN = 2.0  # a long request goes by UDP after all where TCP does not come about


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request that has no end yet; `handle` is what its user knows it by."""

    handle: TransactionId
    user: TransactionUser
    delivery: Delivery


class Endpoint:
    """`may_send` is asked for each message: an agent that has lost its lease is silent."""

    def __init__(
        self, layer: TransactionLayer, may_send: Callable[[], bool], keep_alive: KeepAlive | None = None
    ) -> None:
        self._layer = layer
        self._may_send = may_send
        self._wires: Wires | None = None
        self._sent: dict[TransactionId, _Sent] = {}
        # Where a handle's request is by now, if not in the transaction that gave it its name.
        self._present: dict[TransactionId, TransactionId] = {}
        self._unreachable = Unreachable(MAX_UNREACHABLE)
        self.flows = FlowWatch(keep_alive or KeepAlive(0.0, random.random), self._send, self.drop_flow)
        self._accepted: deque[tuple[float, TransactionId]] = deque()
        self._cancels: dict[TransactionId, CancelHandler] = {}
        self._alarm = Alarm(self._on_timer)
        self._is_draining = False
        self.on_request: Callable[[TransactionId, Request, Flow, bool], None] = lambda *_: None
        self.on_ack: Callable[[Request, Flow], None] = lambda *_: None

    def attach(self, wires: Wires) -> None:
        """Give the sockets."""
        self._wires = wires

    def close(self) -> None:
        """Stop the timer."""
        self._alarm.stop()
        self.flows.close()

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
        self.flows.heard(flow)
        self._layer.receive_data(data, flow, time.monotonic())
        self._drain()

    def flow_failed(self, flow: Flow, reason: str) -> None:
        """Take the word that a flow delivers nothing."""
        self._layer.transport_failed(flow, reason, time.monotonic())
        self._drain()
        self.flows.failed(flow)

    # -- for the users

    def send_request(self, request: Request, places: Places, user: TransactionUser, branch: str = "") -> TransactionId:
        """Send a request to the first of the places that serves it; `user` hears of the end.

        The id stays the same for the user, whichever transaction the request is in (RFC 3263 §4.3). `branch` is that
        of the first of them.
        """
        flows = ordered(request, places, self._unreachable, time.monotonic())
        delivery = Delivery(request, flows)
        transaction = self._start(delivery, branch)
        self._sent[transaction] = _Sent(transaction, user, delivery)
        self._drain()
        return transaction

    def restore(self, saved: SavedInvite, user: TransactionUser) -> None:
        """Go on with an INVITE transaction of another process, whose address is ours if it is a client's."""
        now = time.monotonic()
        if isinstance(saved, SavedClient):
            delivery = Delivery(read_invite(saved), [saved.flow])
            delivery.settle()
            self._sent[saved.id] = _Sent(saved.id, user, delivery)
            if saved.state == "accepted":
                self._accepted.append((now + self._layer.timers.m, saved.id))
        self._layer.restore(saved, now)
        self._drain()

    def cancel_saved(self, saved: SavedClient) -> None:
        """Cancel an INVITE of another process, which is gone."""
        self._layer.cancel_saved(saved, time.monotonic())
        self._drain()

    def saved(self, invite: TransactionId) -> SavedInvite | None:
        """Return an INVITE transaction as plain data, if there is anything left to do in it."""
        return self._layer.saved(self._present.get(invite, invite))

    def _start(self, delivery: Delivery, branch: str = "") -> TransactionId:
        delivery.flow = self._reused(delivery.flow)
        if delivery.has_quick_way_out and self._wires is not None and self._may_send():
            self._wires.open(delivery.flow, TCP_INSTEAD_WITHIN)
        return self._layer.send_request(delivery.request, delivery.flow, time.monotonic(), branch)

    def _reused(self, flow: Flow) -> Flow:
        return flow if self._wires is None else self._wires.reuse(flow)

    def has_connection(self, flow: Flow) -> bool:
        """Whether a connection is open."""
        return self._wires is not None and self._wires.has(flow)

    def flow_of(self, transaction: TransactionId) -> Flow | None:
        """Where the request is now, or where its final response came from while the user hears of it."""
        sent = self._sent.get(self._present.get(transaction, transaction))
        return None if sent is None else sent.delivery.flow

    def cancel(self, transaction: TransactionId) -> None:
        """Cancel an INVITE, wherever it is."""
        present = self._present.get(transaction, transaction)
        if present in self._sent:
            self._sent[present].delivery.settle()
        self._layer.cancel(present, time.monotonic())
        self._drain()

    def send_ack(self, ack: Request, places: Places) -> None:
        """Send the ACK of a 2xx."""
        flow = ordered(ack, places, self._unreachable, time.monotonic())[0]
        self._layer.send_ack(ack, self._reused(flow))
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
                    try:
                        self._carry_out(output)
                    except Exception:  # the boundary to the users: one message's failure is not the next one's
                        _log.exception("sip event failed", event_type=type(output).__name__)
        finally:
            self._is_draining = False
        self._alarm.set(earliest(self._layer.next_timer(), self._accepted[0][0] if self._accepted else None))

    def _carry_out(self, output: Output) -> None:
        match output:
            case SendMessage(data, flow):
                self._send(data, flow)
            case RequestReceived(transaction, request, flow, is_merged):
                self.on_request(transaction, request, flow, is_merged)
            case AckReceived(request, flow):
                self.on_ack(request, flow)
            case CancelReceived(invite, cancel):
                self._on_cancelled(invite, cancel)
            case ResponseReceived(transaction, response):
                self._on_response(transaction, response)
            case TimedOut(transaction):
                self._on_failure(transaction, 408, "Request Timeout", is_connection_lost=False)
            case TransportFailed(transaction, _, reason):
                _log.info("transport failed", reason=reason)
                self._on_failure(transaction, 503, "Service Unavailable", is_connection_lost=True)
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

    def drop_flow(self, flow: Flow, reason: str) -> None:
        """Give up a connection; whoever counts on it hears of that."""
        if self._wires is not None:
            self._wires.drop_flow(flow, reason)

    def _on_cancelled(self, invite: TransactionId, cancel: Request) -> None:
        handler = self._cancels.pop(invite, None)
        if handler is not None:
            handler(cancel)

    def _on_response(self, transaction: TransactionId, response: Response) -> None:
        sent = self._sent.get(transaction)
        if sent is None:
            return
        sent.delivery.hear(response.status)
        if response.status == 503:
            self._avoid(sent.delivery.flow, min(response.retry_after, AVOID_MOST))
            if self._tries_next(transaction, sent, is_connection_lost=False):
                return
        else:
            self._unreachable.answers(sent.delivery.flow)
        if 200 <= response.status < 300 and transaction.method == "INVITE":
            # RFC 6026 §7.2: more 2xx may come while the transaction is in Accepted.
            self._accepted.append((time.monotonic() + self._layer.timers.m, transaction))
        try:
            sent.user.receive_response(sent.handle, response)
        finally:
            if response.status >= 300 or (response.status >= 200 and transaction.method != "INVITE"):
                self._forget(transaction)

    def _forget_accepted(self) -> None:
        now = time.monotonic()
        while self._accepted and self._accepted[0][0] <= now:
            self._forget(self._accepted.popleft()[1])

    def _forget(self, transaction: TransactionId) -> None:
        sent = self._sent.pop(transaction, None)
        if sent is not None:
            self._present.pop(sent.handle, None)

    def _on_failure(self, transaction: TransactionId, status: int, reason: str, is_connection_lost: bool) -> None:
        sent = self._sent.get(transaction)
        if sent is None:
            return
        self._avoid(sent.delivery.flow, AVOID)
        if not self._tries_next(transaction, sent, is_connection_lost):
            self._forget(transaction)
            sent.user.transaction_failed(sent.handle, status, reason)

    def _avoid(self, flow: Flow, seconds: float) -> None:
        if seconds:
            self._unreachable.note(flow, time.monotonic() + seconds)

    def _tries_next(self, transaction: TransactionId, sent: _Sent, is_connection_lost: bool) -> bool:
        if not sent.delivery.go_on(is_connection_lost):
            return False
        self._forget(transaction)
        present = self._start(sent.delivery)
        self._sent[present] = sent
        self._present[sent.handle] = present
        flow = sent.delivery.flow
        _log.info("next place tried", method=transaction.method, transport=flow.transport, host=flow.host)
        return True

    def _on_timer(self) -> None:
        self._layer.handle_timer(time.monotonic())
        self._forget_accepted()
        self._drain()
