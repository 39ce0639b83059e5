"""What the layer does when a connection ends or does not speak (RFC 3261 §18.2.2)."""

from itertools import count

from tests.support.sip_messages import TCP, make_request

from sip_agent.core.events import CloseFlow, Flow, RequestReceived, SendMessage
from sip_agent.core.syntax.message import make_response
from sip_agent.core.transaction.layer import TransactionLayer
from sip_agent.core.transaction.timers import Timers

TLS = TCP._replace(transport="tls", port=40000)


def make_layer() -> TransactionLayer:
    tokens = (f"t{number}" for number in count())
    return TransactionLayer(Timers(), lambda: next(tokens), lambda _: ("192.0.2.100", 5060))


def sent_to(layer: TransactionLayer) -> list[Flow]:
    return [output.flow for output in layer.take_output() if isinstance(output, SendMessage)]


def serve(layer: TransactionLayer, via: str, flow: Flow, is_lost: bool) -> list[Flow]:
    """Where the answer to an INVITE goes, whose connection may be gone by then."""
    layer.receive_data(make_request("INVITE", via).to_bytes(), flow, 0.0)
    (received,) = layer.take_output()
    assert isinstance(received, RequestReceived)
    if is_lost:
        layer.transport_failed(flow, "reset", 1.0)
    layer.respond(received.transaction, make_response(received.request, 486, to_tag="x"), 2.0)
    return sent_to(layer)


def test_a_response_takes_the_connection_of_its_request() -> None:
    assert serve(make_layer(), "SIP/2.0/TCP phone.test:5070;branch=z9hG4bK1", TCP, is_lost=False) == [TCP]


def test_without_it_the_source_is_connected_to_at_the_port_of_via() -> None:
    flows = serve(make_layer(), "SIP/2.0/TCP phone.test:5070;branch=z9hG4bK1", TCP, is_lost=True)
    assert flows == [Flow("tcp", TCP.host, 5070)]
    assert serve(make_layer(), "SIP/2.0/TCP phone.test;branch=z9hG4bK1", TCP, is_lost=True) == [TCP]


def test_over_tls_whoever_takes_it_must_prove_the_name_in_via() -> None:
    flows = serve(make_layer(), "SIP/2.0/TLS Phone.test;branch=z9hG4bK1", TLS, is_lost=True)
    assert flows == [Flow("tls", TLS.host, 5061, "phone.test")]


def test_nothing_is_kept_of_transactions_that_ended() -> None:
    layer = make_layer()
    serve(layer, "SIP/2.0/TCP phone.test;branch=z9hG4bK1", TCP, is_lost=False)
    layer.handle_timer(100.0)
    assert layer.live == 0 and layer._answered_over == {}


def test_half_a_message_is_not_waited_for_longer_than_a_transaction() -> None:
    layer = make_layer()
    layer.receive_data(b"OPTIONS sip:a", TCP, 0.0)
    assert layer.next_timer() == 32.0
    layer.handle_timer(32.0)
    assert layer.take_output() == [CloseFlow(TCP)]
    assert layer.next_timer() is None
