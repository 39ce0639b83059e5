"""The whole transaction layer under bytes from strangers, with a user who answers and a clock that moves."""

from itertools import count

from sip_agent.core.events import (
    CancelReceived,
    Flow,
    RequestReceived,
    SendMessage,
    TransactionId,
)
from sip_agent.core.syntax.message import Request, make_response
from sip_agent.core.transaction.layer import TransactionLayer
from sip_agent.core.transaction.timers import Timers
from tests.fuzz.clock import let_pass
from tests.support.sip_messages import make_request

_FLOWS = (Flow("udp", "192.0.2.1", 5060), Flow("udp", "2001:db8::1", 5062), Flow("tcp", "192.0.2.2", 40000))
_STATUSES = (100, 180, 183, 200, 202, 302, 401, 487, 503, 603)
# Beyond these a record is one datagram, so that messages of the corpus are taken as they are.
_TICK, _SEND, _CANCEL, _RESPOND, _FAIL = range(5)


class _User:
    """Sends, answers and waits as the bytes say. Each record is: what to do, with what, how many bytes of data."""

    def __init__(self) -> None:
        numbers = count(1)
        self.layer = TransactionLayer(Timers(), lambda: f"t{next(numbers)}", lambda flow: ("192.0.2.9", 5060))
        self.now = 0.0
        self.sent: list[TransactionId] = []
        self.received: list[tuple[TransactionId, Request]] = []
        self.heard = 0

    def do(self, verb: int, choice: int, data: bytes) -> None:
        layer, flow = self.layer, _FLOWS[choice % len(_FLOWS)]
        if verb == _TICK:
            let_pass(self, self.layer, choice / 8)
        elif verb == _SEND:
            request = make_request(("INVITE", "OPTIONS", "BYE")[choice % 3])
            request.headers.remove("Via")
            self.sent.append(layer.send_request(request, flow, self.now))
        elif verb == _CANCEL and self.sent:
            layer.cancel(self.sent[choice % len(self.sent)], self.now)
        elif verb == _RESPOND and self.received:
            transaction, request = self.received[choice % len(self.received)]
            status = _STATUSES[len(data) % len(_STATUSES)]
            layer.respond(transaction, make_response(request, status, to_tag="t"), self.now)
        elif verb == _FAIL:
            layer.transport_failed(flow, "reset", self.now)
        else:
            self.heard += 1
            layer.receive_data(data, flow, self.now)
        self.drain()

    def drain(self) -> None:
        for output in self.layer.take_output():
            if isinstance(output, RequestReceived):
                self.received.append((output.transaction, output.request))
            elif isinstance(output, CancelReceived):
                assert output.invite.method == "INVITE"
            elif isinstance(output, SendMessage):
                assert output.data

    def end(self) -> None:
        """Answer all that is open and wait: then nothing may be left."""
        for transaction, request in self.received:
            self.layer.respond(transaction, make_response(request, 500, to_tag="t"), self.now)
        # A provisional response stops timer B (RFC 3261 §17.1.1.2): what still rings is for the user to cancel.
        for transaction in self.sent:
            self.layer.cancel(transaction, self.now)
        let_pass(self, self.layer, 200.0)
        assert self.layer.live == 0 and self.layer.next_timer() is None, "a transaction without an end"
        left = [self.layer._origins, self.layer._origin_of, self.layer._by_flow, self.layer._heap]
        assert not any(left), "memory of transactions that have ended"


def run_transactions(data: bytes) -> None:
    """No bytes make the layer fail, forget a timer or keep anything for ever."""
    user = _User()
    position = 0
    while position + 4 <= len(data):
        verb, choice = data[position] % 8, data[position + 1]
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        position += 4
        user.do(verb, choice, data[position : position + length])
        position += length
        assert user.layer.live <= len(user.sent) * 2 + user.heard * 400, "more transactions than messages"
    user.end()


def script(datagrams: list[bytes]) -> bytes:
    """Bytes that let `run_transactions` receive these datagrams, answering and waiting between them."""
    records = [bytes([7, number]) + len(data).to_bytes(2, "big") + data for number, data in enumerate(datagrams)]
    between = bytes([_SEND, 0, 0, 0, _RESPOND, 0, 0, 3, 0, 0, 0, _TICK, 40, 0, 0])
    return between.join(records)
