"""INVITE client transaction (RFC 3261 §17.1.1, with the Accepted state of RFC 6026 §7.2), and its CANCEL (§9.1)."""

from enum import auto
from typing import Literal

from shared.errors import LocalError
from sip_agent.core.events import Flow, ResponseReceived, TimedOut, TransactionId, TransportFailed
from sip_agent.core.syntax.message import Request, Response
from sip_agent.core.syntax.parser import parse
from sip_agent.core.table import Label
from sip_agent.core.transaction.hop_by_hop import ack_for_failure, cancel_for
from sip_agent.core.transaction.machine import Machine, Wire
from sip_agent.core.transaction.matching import count_vias
from sip_agent.core.transaction.saved import SavedClient


class State(Label):
    """Figure 5, as RFC 6026 redraws it."""

    CALLING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


class Input(Label):
    """What moves the machine."""

    PROVISIONAL = auto()
    SUCCESS = auto()
    FAILURE = auto()
    CANCEL = auto()
    TIMER_A = auto()
    TIMER_B = auto()
    TIMER_D = auto()
    TIMER_M = auto()
    TIMER_CANCEL = auto()
    TRANSPORT_ERROR = auto()


_SAVED: dict[State, Literal["calling", "proceeding", "accepted"]] = {
    State.CALLING: "calling",
    State.PROCEEDING: "proceeding",
    State.ACCEPTED: "accepted",
}


class InviteClient(Machine[State, Input]):
    """One INVITE that we sent."""

    __slots__ = ("hops", "_request", "_data", "_pause", "_response", "_reason", "_cancel_wanted", "_cancel_sent")

    terminated = State.TERMINATED

    def __init__(self, id: TransactionId, request: Request, flow: Flow, wire: Wire) -> None:
        super().__init__(id, State.CALLING, flow, wire)
        self._request = request
        self.hops = count_vias(request)
        self._data = b""
        self._pause = wire.timers.a
        self._response: Response | None = None
        self._reason = ""
        self._cancel_wanted = False
        self._cancel_sent = False

    def start(self, now: float) -> None:
        """Send the INVITE."""
        self._data = self.wire.send(self._request, self.flow)
        if not self.flow.reliable:
            self.arm(Input.TIMER_A, now + self._pause)
        self.arm(Input.TIMER_B, now + self.wire.timers.b)

    def saved(self) -> SavedClient | None:
        """Return what another process needs; None where all that is left is to wait."""
        state = _SAVED.get(self.state)
        if state is None:
            return None
        return SavedClient(id=self.id, flow=self.flow, state=state, data=self._request.to_bytes())

    @classmethod
    def restored(cls, saved: SavedClient, wire: Wire, now: float) -> "InviteClient":
        """Go on with the transaction of another process. An INVITE that nobody answered yet is sent once more."""
        made = cls(saved.id, read_invite(saved), saved.flow, wire)
        if saved.state == "calling":
            made.start(now)
        elif saved.state == "proceeding":
            made.state = State.PROCEEDING
        else:
            made.state = State.ACCEPTED
            made.arm(Input.TIMER_M, now + wire.timers.m)
        return made

    def receive(self, response: Response, now: float) -> None:
        """Take a response that matches this transaction."""
        self._response = response
        if response.status < 200:
            self.fire(Input.PROVISIONAL, now)
        else:
            self.fire(Input.SUCCESS if response.status < 300 else Input.FAILURE, now)

    def fail(self, reason: str, now: float) -> None:
        """Take the news that the transport lost this flow."""
        self._reason = reason
        self.fire(Input.TRANSPORT_ERROR, now)

    def _retransmit(self, now: float) -> None:
        self.wire.resend(self._data, self.flow)
        self._pause *= 2
        self.arm(Input.TIMER_A, now + self._pause)

    def _report(self, now: float) -> None:
        assert self._response is not None
        self.wire.put(ResponseReceived(self.id, self._response))

    def _first_provisional(self, now: float) -> None:
        self._data = b""
        self._report(now)
        if self._cancel_wanted:
            self._send_cancel(now)

    def _accept(self, now: float) -> None:
        self._data = b""
        self._report(now)
        self.arm(Input.TIMER_M, now + self.wire.timers.m)

    def _complete(self, now: float) -> None:
        assert self._response is not None
        self._data = self.wire.send(ack_for_failure(self._request, self._response), self.flow)
        self._report(now)
        self.arm(Input.TIMER_D, now + self.wire.timers.d(self.flow.reliable))

    def _acknowledge_again(self, now: float) -> None:
        self.wire.resend(self._data, self.flow)

    def _want_cancel(self, now: float) -> None:
        # §9.1: a CANCEL that overtook the INVITE would find nothing to cancel.
        self._cancel_wanted = True

    def _send_cancel(self, now: float) -> None:
        if self._cancel_sent:
            return
        self._cancel_sent = True
        self.wire.start_cancel(cancel_for(self._request), self.flow, now)
        self.arm(Input.TIMER_CANCEL, now + self.wire.timers.b)

    def _time_out(self, now: float) -> None:
        self.wire.put(TimedOut(self.id, self._request))

    def _report_failure(self, now: float) -> None:
        self.wire.put(TransportFailed(self.id, self._request, self._reason))

    table = {
        (State.CALLING, Input.PROVISIONAL): (_first_provisional, State.PROCEEDING),
        (State.CALLING, Input.SUCCESS): (_accept, State.ACCEPTED),
        (State.CALLING, Input.FAILURE): (_complete, State.COMPLETED),
        (State.CALLING, Input.CANCEL): (_want_cancel, State.CALLING),
        (State.CALLING, Input.TIMER_A): (_retransmit, State.CALLING),
        (State.CALLING, Input.TIMER_B): (_time_out, State.TERMINATED),
        (State.CALLING, Input.TRANSPORT_ERROR): (_report_failure, State.TERMINATED),
        (State.PROCEEDING, Input.PROVISIONAL): (_report, State.PROCEEDING),
        (State.PROCEEDING, Input.SUCCESS): (_accept, State.ACCEPTED),
        (State.PROCEEDING, Input.FAILURE): (_complete, State.COMPLETED),
        (State.PROCEEDING, Input.CANCEL): (_send_cancel, State.PROCEEDING),
        # §9.1: the next hop that never ends a cancelled INVITE is not waited for beyond 64*T1.
        (State.PROCEEDING, Input.TIMER_CANCEL): (_time_out, State.TERMINATED),
        (State.COMPLETED, Input.FAILURE): (_acknowledge_again, State.COMPLETED),
        (State.COMPLETED, Input.TIMER_D): (None, State.TERMINATED),
        (State.COMPLETED, Input.TRANSPORT_ERROR): (_report_failure, State.TERMINATED),
        (State.ACCEPTED, Input.SUCCESS): (_report, State.ACCEPTED),
        (State.ACCEPTED, Input.TIMER_M): (None, State.TERMINATED),
    }


def read_invite(saved: SavedClient) -> Request:
    """Return the INVITE of a saved transaction."""
    request = parse(saved.data)
    if not isinstance(request, Request):
        raise LocalError("a saved INVITE is a response")
    return request
