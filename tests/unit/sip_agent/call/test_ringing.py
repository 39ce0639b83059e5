"""Incoming calls that ring: how long, how often it is said, reliably or not; and those without an offer."""

import pytest
from tests.support.sip_calls import (
    make_identity,
    make_in_dialog,
    make_invite,
    request_of,
    response_of,
    told,
    transaction,
)

from sip_agent.core.call.facts import CallFacts, State
from sip_agent.core.call.incoming import IncomingCall
from sip_agent.core.call.outputs import CallOutput, Established, Respond
from sip_agent.core.call.rules import CallRules
from sip_agent.core.syntax.message import Request

REQUIRED = [("Require", "100rel")]
SUPPORTED = [("Supported", "timer, 100rel")]


def offered(
    headers: list[tuple[str, str]] | None = None, sdp: str = "far offer", rules: CallRules | None = None
) -> IncomingCall:
    facts = CallFacts("c-1", "s-1", "incoming", "sip:bob@example.com", "sip:alice@example.com", 0.0)
    invite = make_invite(sdp, headers=headers or [])
    rules = rules or CallRules(200.0)
    call = IncomingCall(facts, make_identity(), rules, "ours", transaction("invite"), invite)
    call.start(0.0)
    call.take_output()
    return call


def ringing(
    headers: list[tuple[str, str]] | None = None, sdp: str = "far offer", rules: CallRules | None = None
) -> tuple[IncomingCall, list[CallOutput]]:
    call = offered(headers, sdp, rules)
    call.accepted("for the browser", 0.0)
    return call, call.take_output()


def in_dialog(method: str, cseq: int, sdp: str = "", headers: list[tuple[str, str]] | None = None) -> Request:
    return make_in_dialog(method, cseq, "far-call", "far", "ours", sdp, headers or [])


def rings(call: IncomingCall, until: float) -> list[float]:
    """When 180 is sent."""
    times = []
    while (due := call.next_timer()) is not None and due <= until:
        call.handle_timer(due)
        outputs = call.take_output()
        times += [due for output in outputs if isinstance(output, Respond) and output.response.status == 180]
    return times


def test_ringing_tells_what_we_can_do() -> None:
    _, outputs = ringing()
    response = response_of(outputs)
    assert {"Allow", "Supported", "Server", "Contact"} <= {name for name, _ in response.headers}
    assert "RSeq" not in response.headers


def test_it_is_said_each_minute_so_that_no_proxy_gives_up() -> None:
    call, _ = ringing()
    assert rings(call, 199.0) == [60.0, 120.0, 180.0]


def test_nothing_is_said_once_it_is_answered() -> None:
    call, _ = ringing()
    call.answer("browser's answer", 1.0)
    call.media_answered("answer_browser", "our answer", 1.1)
    call.receive_ack(in_dialog("ACK", 7), 1.2)
    assert call.next_timer() is None


@pytest.mark.parametrize(("expires", "at"), [("30", 30.0), ("4000", 200.0), ("never", 200.0)])
def test_a_caller_says_how_long_it_waits(expires: str, at: float) -> None:
    call, _ = ringing([("Expires", expires)])
    rings(call, at - 1)
    call.handle_timer(at)
    expected = "ended 487 Request Expired by system" if at == 30.0 else "ended 480 No Answer by system"
    assert told(call.take_output())[-2] == expected


def test_a_caller_that_insists_on_reliable_ringing_gets_it() -> None:
    call, outputs = ringing(REQUIRED)
    assert response_of(outputs).headers.get("RSeq") == "1"
    call.receive_request(transaction("p"), in_dialog("PRACK", 8, headers=[("RAck", "1 7 INVITE")]), 0.3)
    assert told(call.take_output()) == ["SaveCall", "respond 200"]
    assert rings(call, 150.4) == [150.0]


@pytest.mark.parametrize(("policy", "rseq"), [("required", None), ("supported", "1")])
def test_a_caller_that_merely_supports_it_gets_it_by_policy(policy: str, rseq: str | None) -> None:
    _, outputs = ringing(SUPPORTED, rules=CallRules(reliable_provisional=policy))  # type: ignore[arg-type]
    assert response_of(outputs).headers.get("RSeq") == rseq


def test_ringing_that_is_never_acknowledged_ends_the_call() -> None:
    call, _ = ringing(REQUIRED)
    assert rings(call, 31.9) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    call.handle_timer(32.0)
    assert told(call.take_output()) == ["respond 504", "ended 504 No PRACK by system", "Finished"]


@pytest.mark.parametrize("rack", ["2 7 INVITE", "1 6 INVITE"])
def test_a_prack_that_matches_nothing_is_refused(rack: str) -> None:
    call, _ = ringing(REQUIRED)
    call.receive_request(transaction("p"), in_dialog("PRACK", 8, headers=[("RAck", rack)]), 0.3)
    assert told(call.take_output()) == ["respond 481"]


def test_the_answer_does_not_wait_for_the_prack_which_is_welcome_after_it() -> None:
    call, _ = ringing(REQUIRED)
    call.answer("browser's answer", 0.1)
    call.media_answered("answer_browser", "our answer", 0.2)
    assert told(call.take_output())[-1] == "respond 200"
    call.receive_request(transaction("p"), in_dialog("PRACK", 8, headers=[("RAck", "1 7 INVITE")]), 0.3)
    assert told(call.take_output()) == ["SaveCall", "respond 200"]
    assert rings(call, 5.0) == []


def test_a_caller_without_an_offer_gets_ours_and_its_ack_brings_the_answer() -> None:
    call, outputs = ringing(sdp="")
    assert told(outputs) == ["SaveCall", "respond 180"]
    call.answer("browser's answer", 1.0)
    call.media_answered("answer_browser", "our offer", 1.1)
    assert response_of(call.take_output()[-1:]).body == b"our offer"
    call.receive_ack(in_dialog("ACK", 7, "their answer"), 1.2)
    assert told(call.take_output()) == ["SaveCall", "ask answer: their answer"]
    call.media_answered("answer", "nothing new", 1.3)
    assert [output for output in call.take_output() if isinstance(output, Established)] == [Established(None)]
    assert (call.state, call.remote_sdp) == (State.CONFIRMED, "their answer")


def test_an_ack_without_the_answer_ends_the_call_and_says_why() -> None:
    call, _ = ringing(sdp="")
    call.answer("browser's answer", 1.0)
    call.media_answered("answer_browser", "our offer", 1.1)
    call.take_output()
    call.receive_ack(in_dialog("ACK", 7), 1.2)
    outputs = call.take_output()
    assert told(outputs) == ["ended 488 Answer Without SDP by system", "BYE as bye"]
    assert request_of(outputs).headers.get("Reason") == 'SIP;cause=488;text="Answer Without SDP"'


def test_an_answer_in_the_ack_that_the_relay_refuses_ends_the_call() -> None:
    call, _ = ringing(sdp="")
    call.answer("browser's answer", 1.0)
    call.media_answered("answer_browser", "our offer", 1.1)
    call.receive_ack(in_dialog("ACK", 7, "their answer"), 1.2)
    call.take_output()
    call.media_refused("answer", 488, "No Common Codec", 1.3)
    assert told(call.take_output()) == ["ended 488 No Common Codec by system", "BYE as bye"]


def test_reliable_ringing_without_an_offer_would_need_one_of_ours_so_there_is_none() -> None:
    call, outputs = ringing(REQUIRED, sdp="")
    assert told(outputs) == ["SaveCall"]
    assert rings(call, 190.0) == []
    call.answer("browser's answer", 190.0)
    call.media_answered("answer_browser", "our offer", 190.1)
    assert told(call.take_output())[-1] == "respond 200"
