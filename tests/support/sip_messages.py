"""SIP messages and a recording wire for the tests of the SIP stack."""

from dataclasses import dataclass, field
from enum import Enum

from sip_agent.core.events import Flow, Output, TransactionId
from sip_agent.core.syntax.message import Message, Request, Response, make_response
from sip_agent.core.transaction.timers import Timers

UDP = Flow("udp", "192.0.2.1", 5060)
TCP = Flow("tcp", "192.0.2.1", 5060)
BRANCH = "z9hG4bKtest"


def make_request(method: str = "INVITE", via: str = f"SIP/2.0/UDP 192.0.2.1:5060;branch={BRANCH}") -> Request:
    """A request as it is on the wire."""
    return Request(
        method,
        "sip:bob@example.com",
        [
            ("Via", via),
            ("Max-Forwards", "70"),
            ("From", "<sip:alice@example.com>;tag=a1"),
            ("To", "<sip:bob@example.com>"),
            ("Call-ID", "call-1"),
            ("CSeq", f"1 {method}"),
        ],
    )


def make_answer(request: Request, status: int, tag: str = "b1") -> Response:
    """A response with a To tag."""
    return make_response(request, status, to_tag=tag)


@dataclass
class RecordingWire:
    """Stands for the transaction layer: keeps what a machine does and fires nothing by itself."""

    timers: Timers = field(default_factory=Timers)
    sent: list[str] = field(default_factory=list)
    resent: list[str] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    armed: list[tuple[str, float]] = field(default_factory=list)
    cancels: list[Request] = field(default_factory=list)

    def send(self, message: Message, flow: Flow) -> bytes:
        self.sent.append(message.start_line)
        return message.to_bytes()

    def resend(self, data: bytes, flow: Flow) -> None:
        self.resent.append(data.split(b"\r\n", 1)[0].decode())

    def put(self, output: Output) -> None:
        self.outputs.append(output)

    def arm(self, transaction: TransactionId, timer: Enum, at: float) -> None:
        self.armed.append((timer.name, at))

    def start_cancel(self, cancel: Request, flow: Flow, now: float) -> None:
        self.cancels.append(cancel)

    def take_armed(self) -> list[tuple[str, float]]:
        """The timers armed since the last time."""
        armed, self.armed = self.armed, []
        return armed
