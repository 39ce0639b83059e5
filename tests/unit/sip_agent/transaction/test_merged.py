"""The same request by two ways (RFC 3261 §8.2.2.2): merged, unless its copies are for two contacts."""

from itertools import count

from tests.support.sip_messages import UDP, make_request

from sip_agent.core.events import RequestReceived
from sip_agent.core.syntax.message import Request, make_response
from sip_agent.core.transaction.layer import TransactionLayer
from sip_agent.core.transaction.timers import Timers


def make_layer() -> TransactionLayer:
    tokens = count()
    return TransactionLayer(Timers(), lambda: f"t{next(tokens)}", lambda _: ("192.0.2.2", 5060))


def test_the_same_request_by_another_way_is_merged_while_the_first_lives() -> None:
    layer = make_layer()
    for branch in ("z9hG4bKone", "z9hG4bKtwo"):
        layer.receive_data(make_request("OPTIONS", f"SIP/2.0/UDP 192.0.2.1;branch={branch}").to_bytes(), UDP, 0)
    first, second = layer.take_output()
    assert isinstance(first, RequestReceived) and isinstance(second, RequestReceived)
    assert (first.merged, second.merged) == (False, True)
    for event in (first, second):
        layer.respond(event.transaction, make_response(event.request, 200), 0)
    layer.handle_timer(100)
    layer.take_output()
    layer.receive_data(make_request("OPTIONS", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKthree").to_bytes(), UDP, 101)
    [third] = layer.take_output()
    assert isinstance(third, RequestReceived) and not third.merged


def test_copies_for_two_contacts_are_a_fork_and_not_merged() -> None:
    layer = make_layer()
    for user in ("one", "two"):
        request = make_request("INVITE", f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{user}")
        layer.receive_data(Request("INVITE", f"sip:{user}@192.0.2.9", request.headers).to_bytes(), UDP, 0)
    assert [event.merged for event in layer.take_output() if isinstance(event, RequestReceived)] == [False, False]
