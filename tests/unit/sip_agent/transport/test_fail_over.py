"""One request to several places: the user knows it by one id, wherever it is (RFC 3263 §4.3)."""

from tests.support.sip_messages import UDP
from tests.unit.sip_agent.transport.test_endpoint import User, Wires, joined, plain

from sip_agent.core.events import Flow
from sip_agent.core.locating.delivery import MAX_DATAGRAM
from sip_agent.core.locating.places import Places
from sip_agent.core.syntax.message import Request, make_response
from sip_agent.core.syntax.parser import parse
from sip_agent.transport.endpoint import TCP_INSTEAD_WITHIN, Endpoint

OTHER = Flow("udp", "192.0.2.2", 5060)
BOTH = Places((UDP, OTHER))


def last_sent(wires: Wires) -> Request:
    request = parse(wires.sent[-1])
    assert isinstance(request, Request)
    return request


def answer(endpoint: Endpoint, wires: Wires, status: int, flow: Flow, *headers: tuple[str, str]) -> None:
    response = make_response(last_sent(wires), status, to_tag="far", headers=headers)
    endpoint.receive_data(response.to_bytes(), flow)


async def test_a_503_is_followed_by_the_next_place_with_another_branch() -> None:
    endpoint, wires = joined()
    user = User()
    handle = endpoint.send_request(plain("OPTIONS"), BOTH, user)
    first = last_sent(wires)
    answer(endpoint, wires, 503, UDP)
    second = last_sent(wires)
    assert wires.flows == [UDP, OTHER] and user.heard == []
    assert second.top_via.branch != first.top_via.branch
    assert (second.call_id, second.cseq) == (first.call_id, first.cseq)
    assert endpoint.flow_of(handle) == OTHER
    answer(endpoint, wires, 200, OTHER)
    assert (user.heard, user.transactions) == ([200], {handle})
    endpoint.close()


async def test_the_last_places_failure_is_the_users() -> None:
    endpoint, wires = joined()
    user = User()
    handle = endpoint.send_request(plain("OPTIONS"), BOTH, user)
    endpoint.flow_failed(UDP, "refused")
    endpoint.flow_failed(OTHER, "refused")
    assert (user.heard, user.transactions, endpoint.live) == ([-503], {handle}, 0)
    endpoint.close()


async def test_a_cancel_follows_the_invite() -> None:
    endpoint, wires = joined()
    user = User()
    handle = endpoint.send_request(plain("INVITE"), BOTH, user)
    endpoint.flow_failed(UDP, "refused")
    answer(endpoint, wires, 180, OTHER)
    endpoint.cancel(handle)
    assert (last_sent(wires).method, wires.flows[-1]) == ("CANCEL", OTHER)
    endpoint.close()


async def test_a_cancelled_invite_is_sent_nowhere_else() -> None:
    endpoint, wires = joined()
    user = User()
    handle = endpoint.send_request(plain("INVITE"), BOTH, user)
    endpoint.cancel(handle)
    endpoint.flow_failed(UDP, "refused")
    assert (user.heard, wires.flows) == ([-503], [UDP])
    endpoint.close()


async def test_what_follows_avoids_the_place_that_failed() -> None:
    endpoint, wires = joined()
    endpoint.send_request(plain("OPTIONS"), BOTH, User())
    endpoint.flow_failed(UDP, "refused")
    endpoint.send_request(plain("OPTIONS"), BOTH, User())
    assert wires.flows == [UDP, OTHER, OTHER]
    endpoint.close()


async def test_a_503_says_for_how_long_it_wants_to_be_avoided() -> None:
    endpoint, wires = joined()
    for headers, then in ([], UDP), ([("Retry-After", "30 (busy)")], OTHER):
        endpoint.send_request(plain("OPTIONS"), BOTH, User())
        answer(endpoint, wires, 503, UDP, *headers)
        endpoint.send_request(plain("OPTIONS"), BOTH, User())
        assert wires.flows[-1] == then
    endpoint.close()


async def test_a_long_request_tries_tcp_for_a_moment() -> None:
    endpoint, wires = joined()
    request = plain("INVITE")
    request.body = b"x" * MAX_DATAGRAM
    endpoint.send_request(request, Places((UDP,), is_transport_free=True), User())
    by_tcp = UDP._replace(transport="tcp")
    assert wires.opened == [(by_tcp, TCP_INSTEAD_WITHIN)]
    assert last_sent(wires).top_via.transport == "TCP"
    endpoint.flow_failed(by_tcp, "refused")
    assert wires.flows == [by_tcp, UDP] and last_sent(wires).top_via.transport == "UDP"
    endpoint.close()
