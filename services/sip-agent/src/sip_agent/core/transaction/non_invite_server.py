"""Server transaction for everything but INVITE and ACK (RFC 3261 §17.2.2)."""

from enum import auto

from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.syntax.message import Response
from sip_agent.core.table import Label
from sip_agent.core.transaction.machine import Machine, Wire


class State(Label):
    """Figure 8."""

    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    TERMINATED = auto()


class Input(Label):
    """What moves the machine."""

    REQUEST = auto()
    SEND_PROVISIONAL = auto()
    SEND_FINAL = auto()
    TIMER_J = auto()


class NonInviteServer(Machine[State, Input]):
    """One request that we received; `flow` is where its responses go."""

    __slots__ = ("_data", "_response")

    terminated = State.TERMINATED

    def __init__(self, id: TransactionId, flow: Flow, wire: Wire) -> None:
        super().__init__(id, State.TRYING, flow, wire)
        self._data = b""
        self._response: Response | None = None

    def respond(self, response: Response, now: float) -> None:
        """Send a response of the user's."""
        self._response = response
        self.fire(Input.SEND_PROVISIONAL if response.status < 200 else Input.SEND_FINAL, now)

    def _send(self, now: float) -> None:
        assert self._response is not None
        self._data = self.wire.send(self._response, self.flow)
        self._response = None

    def _complete(self, now: float) -> None:
        self._send(now)
        self.arm(Input.TIMER_J, now + self.wire.timers.j(self.flow.reliable))

    def _resend(self, now: float) -> None:
        self.wire.resend(self._data, self.flow)

    table = {
        (State.TRYING, Input.SEND_PROVISIONAL): (_send, State.PROCEEDING),
        (State.TRYING, Input.SEND_FINAL): (_complete, State.COMPLETED),
        (State.PROCEEDING, Input.REQUEST): (_resend, State.PROCEEDING),
        (State.PROCEEDING, Input.SEND_PROVISIONAL): (_send, State.PROCEEDING),
        (State.PROCEEDING, Input.SEND_FINAL): (_complete, State.COMPLETED),
        # §17.2.2: a second final response of the user's is discarded, so SEND_FINAL has no step from here.
        (State.COMPLETED, Input.REQUEST): (_resend, State.COMPLETED),
        (State.COMPLETED, Input.TIMER_J): (None, State.TERMINATED),
    }
