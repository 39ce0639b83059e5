"""Instant messages inside an established call."""

from tests.support.sip_calls import (
    make_identity,
    make_in_dialog,
    make_reply,
    request_of,
    response_of,
    told,
    transaction,
)

from sip_agent.core.call.call import CallRules
from sip_agent.core.call.facts import CallFacts
from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.outputs import MessageAnswered, MessageReceived
from sip_agent.core.syntax.message import Request


def calling() -> tuple[OutgoingCall, Request]:
    facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", "sip:bob@example.com", 0.0)
    call = OutgoingCall(facts, make_identity(), CallRules(), "ours", "call-id-1")
    call.start("sip:bob@example.com", "our offer", [], 0.0)
    return call, request_of(call.take_output())


def established() -> OutgoingCall:
    call, invite = calling()
    call.receive_response("invite", make_reply(invite, 200, sdp="answer"), 1.0)
    call.media_answered("answer", "for the browser", 1.0)
    call.take_output()
    return call


def test_a_message_goes_in_the_dialog_and_its_answer_is_told() -> None:
    call = established()
    call.usages.messages.send("m-1", "Hello", "text/plain", (), 2.0)
    request = request_of(call.take_output())
    assert (request.method, request.to.tag, request.body) == ("MESSAGE", "far", b"Hello")
    call.receive_response("own 1", make_reply(request, 202, reason="Accepted"), 2.1)
    assert call.take_output() == [MessageAnswered("m-1", 202, "Accepted")]


def test_a_message_of_the_far_side_is_shown_before_it_is_answered() -> None:
    call = established()
    request = make_in_dialog("MESSAGE", 8, "call-id-1", "far", "ours", headers=[("Content-Type", "text/plain")])
    call.receive_request(transaction("t"), request, 3.0)
    (received,) = call.take_output()
    assert isinstance(received, MessageReceived)
    assert (received.transaction, received.message.sender) == (transaction("t"), "sip:bob@example.com")


def test_what_cannot_be_read_is_refused() -> None:
    call = established()
    request = make_in_dialog("MESSAGE", 8, "call-id-1", "far", "ours", headers=[("Content-Type", "image/png")])
    call.receive_request(transaction("t"), request, 3.0)
    assert response_of(call.take_output()).status == 415


def test_a_message_that_waits_fails_with_the_call() -> None:
    call = established()
    call.usages.messages.send("m-1", "Hello", "text/plain", (), 2.0)
    call.take_output()
    call.hangup(0, "", 3.0)
    outputs = call.take_output()
    assert MessageAnswered("m-1", 487, "Request Terminated") in outputs
    assert told(outputs)[-1] == "BYE as bye"
