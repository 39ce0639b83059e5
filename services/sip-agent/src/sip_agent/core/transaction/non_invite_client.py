"""Client transaction for everything but INVITE and ACK (RFC 3261 §17.1.2)."""

from enum import auto

from sip_agent.core.events import Flow, ResponseReceived, TimedOut, TransactionId, TransportFailed
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.table import Label
from sip_agent.core.transaction.machine import Machine, Wire
from sip_agent.core.transaction.matching import count_vias


class State(Label):
    """Figure 6."""

    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    TERMINATED = auto()


class Input(Label):
    """What moves the machine."""

    PROVISIONAL = auto()
    FINAL = auto()
    TIMER_E = auto()
    TIMER_F = auto()
    TIMER_K = auto()
    TRANSPORT_ERROR = auto()


class NonInviteClient(Machine[State, Input]):
    """One request that we sent. A `silent` one tells its user nothing: the CANCEL that the layer itself sends."""

    __slots__ = ("hops", "_request", "_data", "_pause", "_response", "_reason", "_silent")

    terminated = State.TERMINATED

    def __init__(self, id: TransactionId, request: Request, flow: Flow, wire: Wire, silent: bool = False) -> None:
        super().__init__(id, State.TRYING, flow, wire)
        self._request: Request | None = request
        self.hops = count_vias(request)
        self._data = b""
        self._pause = wire.timers.e
        self._response: Response | None = None
        self._reason = ""
        self._silent = silent

    def start(self, now: float) -> None:
        """Send the request."""
        assert self._request is not None
        self._data = self.wire.send(self._request, self.flow)
        if not self.flow.reliable:
            self.arm(Input.TIMER_E, now + self._pause)
        self.arm(Input.TIMER_F, now + self.wire.timers.f)

    def receive(self, response: Response, now: float) -> None:
        """Take a response that matches this transaction."""
        self._response = response
        self.fire(Input.PROVISIONAL if response.status < 200 else Input.FINAL, now)

    def fail(self, reason: str, now: float) -> None:
        """Take the news that the transport lost this flow."""
        self._reason = reason
        self.fire(Input.TRANSPORT_ERROR, now)

    def _retransmit(self, now: float) -> None:
        self.wire.resend(self._data, self.flow)
        self._pause = min(2 * self._pause, self.wire.timers.t2)
        self.arm(Input.TIMER_E, now + self._pause)

    def _retransmit_slowly(self, now: float) -> None:
        # §17.1.2.2: the request arrived; only the final response may still get lost.
        self.wire.resend(self._data, self.flow)
        self.arm(Input.TIMER_E, now + self.wire.timers.t2)

    def _report(self, now: float) -> None:
        assert self._response is not None
        if not self._silent:
            self.wire.put(ResponseReceived(self.id, self._response))

    def _complete(self, now: float) -> None:
        self._report(now)
        # Thousands of these wait for Timer K when thousands of accounts register: they have nothing left to say.
        self._data, self._request, self._response = b"", None, None
        self.arm(Input.TIMER_K, now + self.wire.timers.k(self.flow.reliable))

    def _time_out(self, now: float) -> None:
        if not self._silent and self._request is not None:
            self.wire.put(TimedOut(self.id, self._request))

    def _report_failure(self, now: float) -> None:
        if not self._silent and self._request is not None:
            self.wire.put(TransportFailed(self.id, self._request, self._reason))

    table = {
        (State.TRYING, Input.PROVISIONAL): (_report, State.PROCEEDING),
        (State.TRYING, Input.FINAL): (_complete, State.COMPLETED),
        (State.TRYING, Input.TIMER_E): (_retransmit, State.TRYING),
        (State.TRYING, Input.TIMER_F): (_time_out, State.TERMINATED),
        (State.TRYING, Input.TRANSPORT_ERROR): (_report_failure, State.TERMINATED),
        (State.PROCEEDING, Input.PROVISIONAL): (_report, State.PROCEEDING),
        (State.PROCEEDING, Input.FINAL): (_complete, State.COMPLETED),
        (State.PROCEEDING, Input.TIMER_E): (_retransmit_slowly, State.PROCEEDING),
        (State.PROCEEDING, Input.TIMER_F): (_time_out, State.TERMINATED),
        (State.PROCEEDING, Input.TRANSPORT_ERROR): (_report_failure, State.TERMINATED),
        (State.COMPLETED, Input.TIMER_K): (None, State.TERMINATED),
    }
