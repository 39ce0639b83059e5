"""Which calls may be replaced (RFC 3891 section 3)."""

import pytest
from tests.support.sip_calls import make_identity, make_in_dialog, make_reply, request_of, transaction

from sip_agent.core.call.facts import CallFacts
from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.rules import CallRules
from sip_agent.core.transfer.replacement import refusal_of
from sip_agent.core.transfer.replaces import Replaces

NAMED = Replaces("call-id-1", "ours", "far")


def call(*statuses: int) -> OutgoingCall:
    facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", "sip:bob@example.com", 0.0)
    made = OutgoingCall(facts, make_identity(), CallRules(), "ours", "call-id-1")
    made.start("sip:bob@example.com", "our offer", [], 0.0)
    invite = request_of(made.take_output())
    for status in statuses:
        made.receive_response("invite", make_reply(invite, status, sdp="answer" if status == 200 else ""), 1.0)
    return made


def test_an_established_call_is_replaced() -> None:
    assert refusal_of(NAMED, call(200)) == 0


@pytest.mark.parametrize(
    ("named", "statuses", "status"),
    [
        (Replaces("call-id-1", "ours", "other"), [200], 481),
        (Replaces("call-id-1", "ours", "far", early_only=True), [200], 486),
        (NAMED, [180], 481),
        (NAMED, [], 481),
    ],
)
def test_others_are_not(named: Replaces, statuses: list[int], status: int) -> None:
    assert refusal_of(named, call(*statuses)) == status


def test_there_must_be_a_call() -> None:
    assert refusal_of(NAMED, None) == 481


def test_a_call_that_has_ended_is_declined() -> None:
    ended = call(200)
    ended.receive_request(transaction("b"), make_in_dialog("BYE", 9, "call-id-1", "far", "ours"), 2.0)
    assert refusal_of(NAMED, ended) == 603
