"""INVITE server transaction (RFC 3261 §17.2.1, with the Accepted state of RFC 6026 §7.1)."""

from enum import auto

from sip_agent.core.events import AckReceived, AckTimedOut, Flow, TransactionId
from sip_agent.core.syntax.message import Request, Response, make_response
from sip_agent.core.table import Label
from sip_agent.core.transaction.machine import Machine, Wire
from sip_agent.core.transaction.saved import SavedServer


class State(Label):
    """Figure 7, as RFC 6026 redraws it."""

    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


class Input(Label):
    """What moves the machine."""

    REQUEST = auto()
    ACK = auto()
    SEND_PROVISIONAL = auto()
    SEND_SUCCESS = auto()
    SEND_FAILURE = auto()
    TIMER_TRYING = auto()
    TIMER_G = auto()
    TIMER_H = auto()
    TIMER_I = auto()
    TIMER_L = auto()


class InviteServer(Machine[State, Input]):
    """One INVITE that we received; `flow` is where its responses go.

    A transport error changes nothing here (RFC 6026 §7.1): the peer may come back by another way and ask again.
    """

    __slots__ = ("_request", "_data", "_pause", "_response", "_ack", "last_to")

    terminated = State.TERMINATED

    def __init__(self, id: TransactionId, request: Request | None, flow: Flow, wire: Wire) -> None:
        super().__init__(id, State.PROCEEDING, flow, wire)
        self._request = request  # for a 100, until the user's first response
        self._data = b""
        self._pause = wire.timers.g
        self._response: Response | None = None
        self._ack: AckReceived | None = None
        self.last_to = ""
        """To of our last response: a CANCEL is answered with the same tag (§9.2)."""

    def start(self, now: float) -> None:
        """Wait for the user's first response."""
        self.arm(Input.TIMER_TRYING, now + self.wire.timers.trying)

    def saved(self, flow: Flow) -> SavedServer | None:
        """Return what another process needs, which answers by `flow`; None where all that is left is to wait."""
        to = self.last_to.encode(errors="surrogateescape")
        if self.state is State.PROCEEDING:
            return SavedServer(id=self.id, flow=flow, state="proceeding", data=self._data, to=to)
        return SavedServer(id=self.id, flow=flow, state="accepted") if self.state is State.ACCEPTED else None

    @classmethod
    def restored(cls, saved: SavedServer, wire: Wire, now: float) -> "InviteServer":
        """Go on with the transaction of another process."""
        made = cls(saved.id, None, saved.flow, wire)
        made._data, made.last_to = saved.data, saved.to.decode(errors="surrogateescape")
        if saved.state == "accepted":
            made.state = State.ACCEPTED
            made.arm(Input.TIMER_L, now + wire.timers.l)
        return made

    def receive_ack(self, ack: AckReceived, now: float) -> None:
        """Take an ACK with this transaction's branch."""
        self._ack = ack
        self.fire(Input.ACK, now)

    def respond(self, response: Response, now: float) -> None:
        """Send a response of the user's."""
        self._response = response
        if response.status < 200:
            self.fire(Input.SEND_PROVISIONAL, now)
        else:
            self.fire(Input.SEND_SUCCESS if response.status < 300 else Input.SEND_FAILURE, now)

    def _send(self, now: float) -> None:
        assert self._response is not None
        self._data = self.wire.send(self._response, self.flow)
        self.last_to = self._response.headers.get("To") or ""
        self._request = self._response = None

    def _send_trying(self, now: float) -> None:
        if self._request is not None:
            self._data = self.wire.send(make_response(self._request, 100), self.flow)
            self._request = None

    def _resend(self, now: float) -> None:
        if self._data:
            self.wire.resend(self._data, self.flow)

    def _accept(self, now: float) -> None:
        self._send(now)
        self._data = b""
        self.arm(Input.TIMER_L, now + self.wire.timers.l)

    def _complete(self, now: float) -> None:
        self._send(now)
        if not self.flow.reliable:
            self.arm(Input.TIMER_G, now + self._pause)
        self.arm(Input.TIMER_H, now + self.wire.timers.h)

    def _retransmit(self, now: float) -> None:
        self._resend(now)
        self._pause = min(2 * self._pause, self.wire.timers.t2)
        self.arm(Input.TIMER_G, now + self._pause)

    def _give_up(self, now: float) -> None:
        self.wire.put(AckTimedOut(self.id))

    def _confirm(self, now: float) -> None:
        self._data = b""
        self.arm(Input.TIMER_I, now + self.wire.timers.i(self.flow.reliable))

    def _pass_ack(self, now: float) -> None:
        assert self._ack is not None
        self.wire.put(self._ack)

    table = {
        (State.PROCEEDING, Input.REQUEST): (_resend, State.PROCEEDING),
        (State.PROCEEDING, Input.TIMER_TRYING): (_send_trying, State.PROCEEDING),
        (State.PROCEEDING, Input.SEND_PROVISIONAL): (_send, State.PROCEEDING),
        (State.PROCEEDING, Input.SEND_SUCCESS): (_accept, State.ACCEPTED),
        (State.PROCEEDING, Input.SEND_FAILURE): (_complete, State.COMPLETED),
        (State.COMPLETED, Input.REQUEST): (_resend, State.COMPLETED),
        (State.COMPLETED, Input.TIMER_G): (_retransmit, State.COMPLETED),
        (State.COMPLETED, Input.TIMER_H): (_give_up, State.TERMINATED),
        (State.COMPLETED, Input.ACK): (_confirm, State.CONFIRMED),
        (State.CONFIRMED, Input.TIMER_I): (None, State.TERMINATED),
        # RFC 6026 §7.1: the user repeats its 2xx until the ACK, which has a branch of its own but not at every peer.
        (State.ACCEPTED, Input.SEND_SUCCESS): (_send, State.ACCEPTED),
        (State.ACCEPTED, Input.ACK): (_pass_ack, State.ACCEPTED),
        (State.ACCEPTED, Input.TIMER_L): (None, State.TERMINATED),
    }
