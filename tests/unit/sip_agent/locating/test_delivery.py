"""Which place a request goes to next (RFC 3263 §4.3) and when it goes by TCP (RFC 3261 §18.1.1)."""

import pytest
from tests.support.sip_messages import make_request

from sip_agent.core.events import Flow
from sip_agent.core.locating.delivery import _ADDED, MAX_DATAGRAM, Delivery, is_long, ordered
from sip_agent.core.locating.places import Places, Unreachable
from sip_agent.core.syntax.message import Request

ONE, TWO, THREE = (Flow("udp", f"192.0.2.{number}", 5060) for number in (1, 2, 3))
ONE_BY_TCP = ONE._replace(transport="tcp")
SHORT = make_request("OPTIONS")


def long_request() -> Request:
    request = make_request("INVITE")
    request.body = b"x" * MAX_DATAGRAM
    return request


def test_places_are_tried_in_order_and_then_no_more() -> None:
    delivery = Delivery(SHORT, [ONE, TWO, THREE])
    tried = [delivery.flow]
    while delivery.go_on(is_connection_lost=False):
        tried.append(delivery.flow)
    assert tried == [ONE, TWO, THREE]


@pytest.mark.parametrize(("status", "goes_on"), [(100, True), (180, False), (183, False)])
def test_once_somebody_is_called_no_other_place_is_tried(status: int, goes_on: bool) -> None:
    delivery = Delivery(SHORT, [ONE, TWO])
    delivery.hear(status)
    assert delivery.go_on(is_connection_lost=False) is goes_on


def test_a_cancelled_request_goes_nowhere_else() -> None:
    delivery = Delivery(SHORT, [ONE, TWO])
    delivery.settle()
    assert not delivery.go_on(is_connection_lost=True)


def test_a_place_that_is_silent_or_busy_is_so_by_every_transport() -> None:
    delivery = Delivery(long_request(), [ONE_BY_TCP, ONE, TWO])
    assert delivery.go_on(is_connection_lost=False) and delivery.flow == TWO


def test_a_long_request_goes_by_tcp_first_and_by_udp_where_there_is_none() -> None:
    flows = ordered(long_request(), Places((ONE,), is_transport_free=True), Unreachable(1), 0.0)
    assert flows == [ONE_BY_TCP, ONE]
    delivery = Delivery(long_request(), flows)
    assert delivery.has_quick_way_out
    assert delivery.go_on(is_connection_lost=True) and delivery.flow == ONE
    assert not delivery.has_quick_way_out


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_length_that_counts_is_that_on_the_wire(more: int) -> None:
    request = make_request("INVITE")
    request.headers.remove("Via")
    request.headers.add("Content-Length", "1000")
    request.body = b"x" * 1000
    request.body = b"x" * (1000 + MAX_DATAGRAM - _ADDED - len(request.to_bytes()) + len("\r\n\r\n") + more)
    assert is_long(request) is (more > 0)


def test_a_place_that_took_no_tcp_lately_gets_long_requests_by_udp() -> None:
    unreachable = Unreachable(1)
    unreachable.note(ONE_BY_TCP, until=60.0)
    assert ordered(long_request(), Places((ONE,), is_transport_free=True), unreachable, 0.0) == [ONE]


def test_short_requests_and_chosen_transports_stay_as_they_are() -> None:
    assert ordered(SHORT, Places((ONE,), is_transport_free=True), Unreachable(1), 0.0) == [ONE]
    assert ordered(long_request(), Places.only(ONE), Unreachable(1), 0.0) == [ONE]
    by_tcp = Places((ONE_BY_TCP, ONE), is_transport_free=True)  # as DNS has them
    assert ordered(long_request(), by_tcp, Unreachable(1), 0.0) == [ONE_BY_TCP, ONE]
