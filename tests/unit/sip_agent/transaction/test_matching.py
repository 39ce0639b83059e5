"""What belongs to which transaction, and where responses go."""

import pytest
from tests.support.sip_messages import BRANCH, TCP, UDP, make_answer, make_request

from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.syntax.message import MAGIC_COOKIE, Request, Via
from sip_agent.core.transaction.matching import branch_of_ack, client_id, mark_source, origin_of, reply_flow, server_id


def identify(request: Request) -> TransactionId:
    return server_id(request, request.top_via)


def test_a_response_belongs_to_the_branch_and_method_of_its_request() -> None:
    assert client_id(make_answer(make_request(), 200)) == TransactionId(BRANCH, "INVITE")
    assert client_id(make_answer(make_request("CANCEL"), 200)) == TransactionId(BRANCH, "CANCEL")


def test_a_request_belongs_to_branch_sender_and_method() -> None:
    assert identify(make_request()) == TransactionId(BRANCH, "INVITE", "192.0.2.1:5060")
    same = make_request(via=f"SIP/2.0/UDP 192.0.2.2:5060;branch={BRANCH}")
    assert identify(same) != identify(make_request())
    upper = make_request(via=f"SIP/2.0/UDP Host.Example:5060;branch={BRANCH}")
    lower = make_request(via=f"SIP/2.0/UDP host.example:5060;branch={BRANCH}")
    assert identify(upper) == identify(lower)


@pytest.mark.parametrize("via", ["SIP/2.0/UDP 192.0.2.1", "SIP/2.0/UDP 192.0.2.1;branch=1"])
def test_without_the_cookie_ack_and_cancel_find_their_invite_by_the_rest(via: str) -> None:
    invite, ack, cancel = (make_request(method, via) for method in ("INVITE", "ACK", "CANCEL"))
    ack.headers.set("To", "<sip:bob@example.com>;tag=b1")
    assert identify(ack)._replace(method="INVITE") == identify(invite)
    assert identify(cancel)._replace(method="INVITE") == identify(invite)
    later = make_request("INVITE", via)
    later.headers.set("CSeq", "2 INVITE")
    assert identify(later) != identify(invite)


def test_copies_of_a_forked_request_have_one_origin() -> None:
    other_way = make_request(via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKother")
    assert origin_of(other_way) == origin_of(make_request())


@pytest.mark.parametrize(
    ("via", "marked"),
    [
        ("SIP/2.0/UDP 192.0.2.1;branch=x", "SIP/2.0/UDP 192.0.2.1;branch=x"),
        ("SIP/2.0/UDP 10.0.0.1;branch=x", "SIP/2.0/UDP 10.0.0.1;branch=x;received=192.0.2.1"),
        ("SIP/2.0/UDP host;received=1.1.1.1", "SIP/2.0/UDP host;received=192.0.2.1"),
        ("SIP/2.0/UDP 192.0.2.1;rport;branch=x", "SIP/2.0/UDP 192.0.2.1;rport=5060;branch=x;received=192.0.2.1"),
    ],
)
def test_the_top_via_tells_where_the_request_came_from(via: str, marked: str) -> None:
    request = make_request(via=f"{via}, SIP/2.0/UDP upstream")
    mark_source(request, request.top_via, UDP)
    assert [str(item) for item in request.vias] == [marked, "SIP/2.0/UDP upstream"]


@pytest.mark.parametrize(
    ("via", "flow", "target"),
    [
        ("SIP/2.0/UDP h;rport", Flow("udp", "192.0.2.9", 33333), Flow("udp", "192.0.2.9", 33333)),
        ("SIP/2.0/UDP h:5080", Flow("udp", "192.0.2.9", 33333), Flow("udp", "192.0.2.9", 5080)),
        ("SIP/2.0/UDP h", Flow("udp", "192.0.2.9", 33333), Flow("udp", "192.0.2.9", 5060)),
        ("SIP/2.0/UDP h;maddr=203.0.113.5", Flow("udp", "192.0.2.9", 33333), Flow("udp", "192.0.2.9", 5060)),
        ("SIP/2.0/TCP h:5080", TCP, TCP),
    ],
)
def test_responses_go_where_the_request_came_from(via: str, flow: Flow, target: Flow) -> None:
    assert reply_flow(Via.parse(via), flow) == target


def test_a_branch_of_the_cookie_alone_identifies_nothing() -> None:
    one, other = (make_request("OPTIONS", f"SIP/2.0/UDP 192.0.2.1;branch={MAGIC_COOKIE}") for _ in range(2))
    other.headers.set("Call-ID", "another")
    assert identify(one) != identify(other)


def test_each_copy_of_a_2xx_gets_the_same_ack_and_each_dialog_its_own() -> None:
    def branch(tag: str, number: int = 1) -> str:
        ack = make_request("ACK")
        ack.headers.set("To", f"<sip:bob@example.com>;tag={tag}")
        ack.headers.set("CSeq", f"{number} ACK")
        return branch_of_ack(ack)

    assert branch("one") == branch("one")
    assert len({branch("one"), branch("two"), branch("one", 2)}) == 3
    assert branch("one").startswith(MAGIC_COOKIE)
