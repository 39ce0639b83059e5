"""What the four transaction machines share (RFC 3261 §17): a table of steps, and the layer they act through."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from sip_agent.core.events import Flow, Output, TransactionId
from sip_agent.core.syntax.message import Message, Request
from sip_agent.core.transaction.timers import Timers

StateT = TypeVar("StateT", bound=Enum)
InputT = TypeVar("InputT", bound=Enum)
Action = Callable[[Any, float], None]


class Wire(Protocol):
    """What a machine can do; the transaction layer is one."""

    timers: Timers

    def send(self, message: Message, flow: Flow) -> bytes:
        """Send a message for the first time; give its bytes for retransmission."""

    def resend(self, data: bytes, flow: Flow) -> None:
        """Send the bytes of a message again."""

    def put(self, output: Output) -> None:
        """Tell the transaction user."""

    def arm(self, transaction: TransactionId, timer: Enum, at: float) -> None:
        """Fire `timer` in that transaction at a time. Timers are not disarmed: a state that has no use for one has
        no step for it."""

    def start_cancel(self, cancel: Request, flow: Flow, now: float) -> None:
        """Run a CANCEL transaction of which the user hears nothing."""


class Machine(Generic[StateT, InputT]):
    """One transaction. `(state, input)` pairs that are not in the table are ignored on purpose."""

    __slots__ = ("id", "state", "flow", "wire")

    table: ClassVar[Mapping[tuple[Any, Any], tuple[Action | None, Any]]]
    terminated: ClassVar[Enum]

    def __init__(self, id: TransactionId, state: StateT, flow: Flow, wire: Wire) -> None:
        self.id = id
        self.state = state
        self.flow = flow
        self.wire = wire

    @property
    def ended(self) -> bool:
        """Whether the layer may forget this transaction."""
        return self.state is self.terminated

    def fire(self, input: InputT, now: float) -> None:
        """Take one step; the only place where the state changes."""
        step = self.table.get((self.state, input))
        if step is not None:
            action, self.state = step
            if action is not None:
                action(self, now)

    def arm(self, timer: InputT, at: float) -> None:
        """Let `timer` be an input at a time."""
        self.wire.arm(self.id, timer, at)
