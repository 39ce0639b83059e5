"""The SIP stack without sockets: a layer that answers, and what one message costs it."""

import itertools

from sip_agent.core.events import Flow, RequestReceived
from sip_agent.core.syntax.message import make_response
from sip_agent.core.syntax.parser import parse
from sip_agent.core.transaction.layer import TransactionLayer
from sip_agent.core.transaction.timers import Timers

from .measure import Figure, measure

MESSAGES = 2000
PHONE = Flow("udp", "192.0.2.1", 5060)
SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n"


def request(method: str, number: int) -> bytes:
    """Return a request as a phone behind a proxy sends it."""
    return (
        f"{method} sip:s-abcdefgh@192.0.2.9:5060 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKp{number};rport\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bKu{number};received=192.0.2.2\r\n"
        "Record-Route: <sip:192.0.2.1;lr;ftag=a1>\r\n"
        "Max-Forwards: 69\r\n"
        'From: "Alice" <sip:alice@example.com>;tag=a1\r\n'
        "To: <sip:bob@example.com>\r\n"
        f"Call-ID: call-{number}\r\n"
        f"CSeq: 1 {method}\r\n"
        "Contact: <sip:alice@192.0.2.2:5062>\r\n"
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
        "Content-Type: application/sdp\r\n"
        f"Content-Length: {len(SDP)}\r\n\r\n"
    ).encode() + SDP


def figures() -> list[Figure]:
    """Return what parsing and answering cost."""
    datagrams = [request("OPTIONS", number) for number in range(MESSAGES)]
    branches = itertools.count()

    def parse_all() -> None:
        for datagram in datagrams:
            parse(datagram)

    def answer_all() -> None:
        layer = TransactionLayer(Timers(), lambda: str(next(branches)), lambda _: ("192.0.2.9", 5060))
        for datagram in datagrams:
            layer.receive_data(datagram, PHONE, 0.0)
            for output in layer.take_output():
                if isinstance(output, RequestReceived):
                    layer.respond(output.transaction, make_response(output.request, 200, to_tag="b1"), 0.0)
            layer.take_output()

    return [
        measure("sip: parse a request of 13 header fields", MESSAGES, parse_all),
        measure("sip: take a request through its transaction to a 200", MESSAGES, answer_all),
    ]
