"""The far side's INVITEs and UPDATEs: in order, never two at once, before and after the call is through."""

import pytest
from tests.support.sip_calls import (
    make_identity,
    make_in_dialog,
    make_invite,
    make_reply,
    request_of,
    response_of,
    told,
    transaction,
)

from sip_agent.core.call.facts import CallFacts
from sip_agent.core.call.incoming import IncomingCall
from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.rules import CallRules
from sip_agent.core.syntax.message import Request

TARGET = "sip:bob@example.com"
RULES = CallRules(session_expires=1800)


def ringing(sdp: str = "far offer") -> IncomingCall:
    facts = CallFacts("c-1", "s-1", "incoming", TARGET, "sip:alice@example.com", 0.0)
    call = IncomingCall(facts, make_identity(), RULES, "ours", transaction("invite"), make_invite(sdp))
    call.start(0.0)
    call.accepted("browser offer", 0.1)
    call.take_output()
    return call


def established() -> IncomingCall:
    call = ringing()
    call.answer("browser answer", 0.5)
    call.media_answered("answer_browser", "our answer", 1.0)
    call.receive_ack(from_caller("ACK", 7), 1.1)
    call.take_output()
    return call


def from_caller(method: str, cseq: int, sdp: str = "") -> Request:
    return make_in_dialog(method, cseq, "far-call", "far", "ours", sdp)


def from_callee(method: str, cseq: int, sdp: str = "") -> Request:
    return make_in_dialog(method, cseq, "call-id-1", "far", "ours", sdp)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_caller_whose_first_offer_is_not_answered_makes_no_other(method: str) -> None:
    call = ringing()
    call.receive_request(transaction("early"), from_caller(method, 8, "another"), 0.2)
    response = response_of(call.take_output())
    assert (response.status, response.headers.get("Retry-After")) == (500, "5")


def test_a_caller_that_left_the_offer_to_us_makes_none_before_it_has_ours() -> None:
    call = ringing("")
    call.answer("browser answer", 0.5)
    call.take_output()
    call.receive_request(transaction("early"), from_caller("UPDATE", 8, "an offer"), 0.6)
    assert response_of(call.take_output()).status == 500
    call.media_answered("answer_browser", "our offer", 1.0)
    assert response_of(call.take_output()).body == b"our offer"


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_callee_that_offers_before_it_has_answered_meets_ours(method: str) -> None:
    facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", TARGET, 0.0)
    call = OutgoingCall(facts, make_identity(), RULES, "ours", "call-id-1")
    call.start(TARGET, "our offer", [], 0.0)
    invite = request_of(call.take_output())
    call.receive_response("invite", make_reply(invite, 180), 0.2)
    call.take_output()
    call.receive_request(transaction("early"), from_callee(method, 1, "theirs"), 0.3)
    assert response_of(call.take_output()).status == 491


def test_an_early_update_without_an_offer_moves_the_target_and_agrees_on_no_interval() -> None:
    call = ringing()
    update = from_caller("UPDATE", 8)
    update.headers.add("Contact", "<sip:bob@192.0.2.99>")
    update.headers.add("Session-Expires", "600")
    call.receive_request(transaction("early"), update, 0.2)
    response = response_of(call.take_output())
    assert (response.status, "Session-Expires" in response.headers) == (200, False)
    assert call.dialog is not None and call.dialog.remote_target == "sip:bob@192.0.2.99"


@pytest.mark.parametrize("second", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("first", ["INVITE", "UPDATE"])
def test_a_second_change_waits_for_the_first(first: str, second: str) -> None:
    call = established()
    call.receive_request(transaction("one"), from_caller(first, 8, "one"), 5.0)
    call.take_output()
    call.receive_request(transaction("two"), from_caller(second, 9, "two"), 5.1)
    assert response_of(call.take_output()).status == 500
    call.media_answered("offer", "our answer", 5.2)
    assert (response_of(call.take_output()).status, call.remote_sdp) == (200, "one")


def test_an_invite_waits_for_the_ack_of_the_one_before_but_an_update_does_not() -> None:
    call = established()
    call.receive_request(transaction("one"), from_caller("INVITE", 8, "one"), 5.0)
    call.media_answered("offer", "our answer", 5.1)
    call.take_output()
    call.receive_request(transaction("two"), from_caller("INVITE", 9, "two"), 5.2)
    assert response_of(call.take_output()).status == 500
    call.receive_request(transaction("three"), from_caller("UPDATE", 10, "three"), 5.3)
    assert told(call.take_output()) == ["ask offer: three"]


def test_a_2xx_is_repeated_until_its_ack_and_no_longer() -> None:
    call = established()
    call.receive_request(transaction("one"), from_caller("INVITE", 8, "one"), 5.0)
    call.media_answered("offer", "our answer", 5.0)
    call.take_output()
    for now in (5.5, 6.5, 8.5):
        assert call.next_timer() == now
        call.handle_timer(now)
        assert told(call.take_output()) == ["respond 200"]
    call.receive_ack(from_caller("ACK", 7), 8.6)  # of another INVITE
    assert call.next_timer() == 12.5
    call.receive_ack(from_caller("ACK", 8), 8.7)
    call.handle_timer(12.5)
    assert call.take_output() == []


def test_a_2xx_without_ack_ends_the_call() -> None:
    call = established()
    call.receive_request(transaction("one"), from_caller("INVITE", 8, "one"), 5.0)
    call.media_answered("offer", "our answer", 5.0)
    call.take_output()
    call.handle_timer(37.0)
    assert told(call.take_output()) == ["ended 408 No ACK by system", "BYE as bye"]


def test_the_end_of_the_call_answers_what_waits() -> None:
    call = established()
    call.receive_request(transaction("one"), from_caller("INVITE", 8, "one"), 5.0)
    call.take_output()
    call.receive_request(transaction("bye"), from_caller("BYE", 9), 5.1)
    assert told(call.take_output()) == [
        "respond 200",
        "respond 487",
        "ended 200 Normal Call Clearing by remote",
        "Finished",
    ]
    call.media_answered("offer", "too late", 5.2)
    assert call.take_output() == []
