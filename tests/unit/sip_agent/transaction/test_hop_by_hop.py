"""ACK for a failure, and CANCEL."""

from tests.support.sip_messages import BRANCH, make_answer, make_request

from sip_agent.core.syntax.message import Request
from sip_agent.core.transaction.hop_by_hop import ack_for_failure, cancel_for


def invite() -> Request:
    request = make_request()
    request.headers.prepend("Route", "<sip:p1;lr>, <sip:p2;lr>")
    request.headers.add("Contact", "<sip:alice@192.0.2.1>")
    request.body = b"v=0"
    return request


def test_the_ack_is_of_the_transaction_and_goes_to_the_tag_that_answered() -> None:
    ack = ack_for_failure(invite(), make_answer(invite(), 486, tag="b9"))
    assert (ack.method, ack.uri, ack.cseq) == ("ACK", "sip:bob@example.com", (1, "ACK"))
    assert [via.branch for via in ack.vias] == [BRANCH]
    assert (ack.to.tag, ack.from_.tag, ack.call_id) == ("b9", "a1", "call-1")
    assert ack.headers.lines("Route") == ["<sip:p1;lr>, <sip:p2;lr>"]
    assert ack.body == b"" and ack.contacts == []


def test_the_cancel_has_the_branch_and_the_tagless_to_of_the_invite() -> None:
    cancel = cancel_for(invite())
    assert (cancel.method, cancel.uri, cancel.cseq) == ("CANCEL", "sip:bob@example.com", (1, "CANCEL"))
    assert [via.branch for via in cancel.vias] == [BRANCH]
    assert cancel.to.tag is None and cancel.headers.lines("Route") == ["<sip:p1;lr>, <sip:p2;lr>"]


def test_only_the_top_via_is_taken() -> None:
    request = invite()
    request.headers.add("Via", "SIP/2.0/UDP upstream;branch=z9hG4bKup")
    assert len(cancel_for(request).vias) == 1
