"""Our own changes: hold and its end, glare, patience, refusals, and what they wait for."""

import pytest
from tests.support.sip_calls import (
    CHALLENGE,
    make_identity,
    make_in_dialog,
    make_reply,
    request_of,
    response_of,
    told,
    transaction,
)

from sip_agent.core.call.facts import CallFacts, State
from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.outputs import ActionFailed, CallOutput, HoldChanged, SaveCall, SendAck
from sip_agent.core.call.rules import CallRules
from sip_agent.core.errors import SipError
from sip_agent.core.in_dialog.modification import MAX_TRIES, MAX_WANTED, TABLE, Input
from sip_agent.core.in_dialog.modification import State as ChangeState
from sip_agent.core.syntax.message import Request

TARGET = "sip:bob@example.com"


def established(chance: float = 0.5) -> OutgoingCall:
    facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", TARGET, 0.0)
    call = OutgoingCall(facts, make_identity(), CallRules(chance=lambda: chance), "ours", "call-id-1")
    call.start(TARGET, "our offer", [], 0.0)
    invite = request_of(call.take_output())
    call.receive_response("invite", make_reply(invite, 200, sdp="their answer"), 1.0)
    call.media_answered("answer", "for the browser", 1.0)
    call.take_output()
    return call


def offered(call: OutgoingCall, now: float = 5.0) -> Request:
    """Let the relay make our offer; return the re-INVITE."""
    call.media_answered("our_offer", "hold offer", now)
    return request_of(call.take_output())


def holding(call: OutgoingCall, now: float = 5.0) -> tuple[str, Request]:
    """Hold until the re-INVITE is out; return its name and it."""
    call.hold(True, now)
    call.take_output()
    invite = offered(call, now)
    return f"INVITE {invite.cseq[0]}", invite


def from_far(method: str, cseq: int, sdp: str = "") -> Request:
    return make_in_dialog(method, cseq, "call-id-1", "far", "ours", sdp)


def changes(outputs: list[CallOutput]) -> list[CallOutput]:
    return [output for output in outputs if isinstance(output, HoldChanged | ActionFailed)]


@pytest.mark.parametrize(
    ("is_held", "direction", "change"),
    [(True, "sendonly", HoldChanged(True, False)), (False, "sendrecv", HoldChanged(False, False))],
)
def test_hold_and_its_end(is_held: bool, direction: str, change: HoldChanged) -> None:
    call = established()
    if not is_held:
        ref, invite = holding(call)
        call.receive_response(ref, make_reply(invite, 200, sdp="held"), 5.1)
        call.media_answered("their_answer", "", 5.2)
        call.take_output()
    call.hold(is_held, 6.0)
    (question,) = call.take_output()
    assert told([question]) == ["ask our_offer: "]
    assert getattr(question, "direction", "") == direction
    invite = offered(call)
    assert (invite.method, invite.body) == ("INVITE", b"hold offer")
    assert invite.headers.get("Contact") == "<sip:s-1@192.0.2.1:5060>"
    assert "timer" in (invite.headers.get("Supported") or "")
    call.receive_response(f"INVITE {invite.cseq[0]}", make_reply(invite, 200, sdp="answer to hold"), 6.1)
    assert told(call.take_output()) == ["ACK", "ask their_answer: answer to hold"]
    call.media_answered("their_answer", "", 6.2)
    assert call.take_output() == [SaveCall(), change]
    assert (call.local_hold, call.remote_sdp) == (is_held, "answer to hold")


def test_to_hold_what_is_held_says_so_and_sends_nothing() -> None:
    call = established()
    call.hold(False, 5.0)
    assert call.take_output() == [HoldChanged(False, False)]


def test_changes_are_made_one_after_the_other() -> None:
    call = established()
    ref, invite = holding(call)
    call.hold(False, 5.05)
    assert call.take_output() == []
    call.receive_response(ref, make_reply(invite, 200, sdp="held"), 5.1)
    call.take_output()
    call.media_answered("their_answer", "", 5.2)
    assert [type(output).__name__ for output in call.take_output()] == ["SaveCall", "HoldChanged", "AskMedia"]


def test_more_changes_than_a_page_can_mean_are_refused() -> None:
    call = established()
    for number in range(MAX_WANTED):
        call.hold(number % 2 == 0, 5.0)
    with pytest.raises(SipError, match="486"):
        call.hold(True, 5.0)


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 2.1), (0.5, 3.05), (0.999, 4.0)])
def test_glare_is_tried_again_later_by_who_made_the_call(chance: float, wait: float) -> None:
    call = established(chance)
    ref, invite = holding(call)
    call.receive_response(ref, make_reply(invite, 491), 5.1)
    assert call.take_output() == []
    assert call.next_timer() == pytest.approx(5.1 + wait, abs=0.006)
    call.handle_timer(5.1 + wait + 0.01)
    assert told(call.take_output()) == ["ask our_offer: "]
    again = offered(call)
    assert again.cseq[0] == invite.cseq[0] + 1


def test_glare_without_end_is_told() -> None:
    call = established()
    call.hold(True, 5.0)
    now = 5.0
    for _ in range(MAX_TRIES):
        invite = offered(call, now)
        call.receive_response(f"INVITE {invite.cseq[0]}", make_reply(invite, 491), now)
        now += 5.0
        call.handle_timer(now)
    assert changes(call.take_output()) == [ActionFailed("hold", 491, "Request Pending")]


def test_a_time_to_wait_is_kept() -> None:
    call = established()
    ref, invite = holding(call)
    call.receive_response(ref, make_reply(invite, 500, headers=[("Retry-After", "7")]), 5.1)
    assert (call.take_output(), call.next_timer()) == ([], 12.1)


@pytest.mark.parametrize("wait", ["11", "soon", "", "99999999999999999999"])
def test_too_long_or_odd_times_to_wait_are_a_refusal(wait: str) -> None:
    call = established()
    ref, invite = holding(call)
    call.receive_response(ref, make_reply(invite, 500, headers=[("Retry-After", wait)]), 5.1)
    assert len(changes(call.take_output())) == 1


def test_a_refused_hold_leaves_the_call_as_it_was() -> None:
    call = established()
    ref, invite = holding(call)
    call.receive_response(ref, make_reply(invite, 488), 5.1)
    assert call.take_output() == [ActionFailed("hold", 488, "Not Acceptable Here")]
    assert (call.state, call.local_hold, call.remote_sdp) == (State.CONFIRMED, False, "their answer")
    call.receive_request(transaction("re"), from_far("INVITE", 1, "theirs"), 5.2)
    assert told(call.take_output()) == ["ask offer: theirs"]


def test_a_relay_that_makes_no_offer_fails_the_hold() -> None:
    call = established()
    call.hold(True, 5.0)
    call.take_output()
    call.media_refused("our_offer", 503, "No Relay", 5.1)
    assert call.take_output() == [ActionFailed("hold", 503, "No Relay")]


def test_an_answer_that_the_relay_cannot_take_fails_the_hold() -> None:
    call = established()
    ref, invite = holding(call)
    call.receive_response(ref, make_reply(invite, 200, sdp="nonsense"), 5.1)
    call.take_output()
    call.media_refused("their_answer", 488, "Bad SDP", 5.2)
    assert call.take_output() == [ActionFailed("hold", 488, "Bad SDP")]
    assert not call.local_hold


def test_a_2xx_without_an_answer_fails_the_hold() -> None:
    call = established()
    ref, invite = holding(call)
    call.receive_response(ref, make_reply(invite, 200), 5.1)
    outputs = call.take_output()
    assert told(outputs)[0] == "ACK"
    assert changes(outputs) == [ActionFailed("hold", 488, "Answer Without SDP")]


@pytest.mark.parametrize(("status", "reason"), [(481, "Call/Transaction Does Not Exist"), (408, "Request Timeout")])
def test_a_dialog_that_the_far_side_has_no_more_ends_the_call(status: int, reason: str) -> None:
    call = established()
    ref, invite = holding(call)
    call.receive_response(ref, make_reply(invite, status), 5.1)
    assert told(call.take_output())[-2:] == [f"ended {status} {reason} by remote", "BYE as bye"]


def test_silence_ends_the_call() -> None:
    call = established()
    ref, _ = holding(call)
    call.transaction_failed(ref, 408, "Request Timeout", 37.0)
    assert told(call.take_output())[-2:] == ["ended 408 Request Timeout by system", "BYE as bye"]


def test_a_far_side_that_cannot_be_reached_just_now_keeps_the_call() -> None:
    call = established()
    ref, _ = holding(call)
    call.transaction_failed(ref, 503, "Service Unavailable", 5.1)
    assert call.take_output() == [ActionFailed("hold", 503, "Service Unavailable")]


def test_provisional_responses_for_ever_are_a_timeout_and_no_cancel() -> None:
    call = established()
    ref, invite = holding(call)
    call.receive_response(ref, make_reply(invite, 100), 5.1)
    assert call.next_timer() == 185.0
    call.handle_timer(185.0)
    assert told(call.take_output())[-2:] == ["ended 408 Request Timeout by system", "BYE as bye"]


def test_a_repeated_2xx_is_acknowledged_again() -> None:
    call = established()
    ref, invite = holding(call)
    success = make_reply(invite, 200, sdp="held")
    call.receive_response(ref, success, 5.1)
    (first,) = [output for output in call.take_output() if isinstance(output, SendAck)]
    call.receive_response(ref, success, 5.6)
    assert call.take_output() == [first]
    assert first.request.cseq == (invite.cseq[0], "ACK")


def test_a_challenge_is_answered_where_the_realm_is_known() -> None:
    call = established()
    ref, invite = holding(call)
    known = Request("INVITE", TARGET, [("CSeq", "1 INVITE")])
    challenge = [("Proxy-Authenticate", CHALLENGE)]
    call.identity.digest.answer(known, make_reply(known, 407, headers=challenge))
    call.receive_response(ref, make_reply(invite, 407, headers=challenge), 5.1)
    again = request_of(call.take_output())
    assert (again.cseq[0], again.body) == (invite.cseq[0] + 1, invite.body)
    assert "Proxy-Authorization" in again.headers
    call.receive_response(ref, make_reply(again, 200, sdp="held"), 5.2)
    assert told(call.take_output())[0] == "ACK"


def test_a_stranger_that_challenges_gets_nothing() -> None:
    call = established()
    ref, invite = holding(call)
    call.receive_response(ref, make_reply(invite, 401, headers=[("WWW-Authenticate", CHALLENGE)]), 5.1)
    assert call.take_output() == [ActionFailed("hold", 401, "Unauthorized")]


def test_an_invite_of_theirs_that_crosses_ours_is_refused() -> None:
    call = established()
    ref, invite = holding(call)
    call.receive_request(transaction("re"), from_far("INVITE", 1, "theirs"), 5.05)
    assert response_of(call.take_output()).status == 491
    call.receive_request(transaction("up"), from_far("UPDATE", 2, "theirs"), 5.06)
    assert response_of(call.take_output()).status == 491
    call.receive_request(transaction("up"), from_far("UPDATE", 3), 5.07)
    assert response_of(call.take_output()).status == 200
    call.receive_response(ref, make_reply(invite, 200, sdp="held"), 5.1)
    assert told(call.take_output())[0] == "ACK"


def test_an_offer_of_theirs_that_is_faster_comes_first() -> None:
    call = established()
    call.hold(True, 5.0)
    call.take_output()
    call.receive_request(transaction("re"), from_far("INVITE", 1, "theirs"), 5.01)
    call.media_answered("our_offer", "hold offer", 5.02)
    assert told(call.take_output()) == ["ask offer: theirs"]
    call.media_answered("offer", "our answer", 5.03)
    assert told(call.take_output()) == ["SaveCall", "respond 200"]
    call.receive_ack(from_far("ACK", 1), 5.1)
    assert told(call.take_output()) == ["ask our_offer: "]
    assert offered(call).method == "INVITE"


def test_a_hold_waits_for_the_ack_of_theirs() -> None:
    call = established()
    call.receive_request(transaction("re"), from_far("INVITE", 1, "theirs"), 5.0)
    call.media_answered("offer", "our answer", 5.01)
    call.take_output()
    call.hold(True, 5.02)
    assert call.take_output() == []
    call.receive_ack(from_far("ACK", 1), 5.1)
    assert told(call.take_output()) == ["ask our_offer: "]


def test_a_2xx_moves_the_target() -> None:
    call = established()
    ref, invite = holding(call)
    success = make_reply(invite, 200, sdp="held")
    success.headers.set("Contact", "<sip:bob@192.0.2.99>")
    call.receive_response(ref, success, 5.1)
    outputs = call.take_output()
    assert told(outputs)[:2] == ["SaveCall", "ACK"]
    (ack,) = [output for output in outputs if isinstance(output, SendAck)]
    assert (ack.request.uri, ack.hop.host) == ("sip:bob@192.0.2.99", "192.0.2.99")


def test_our_end_of_the_call_while_ours_is_out_still_acknowledges() -> None:
    call = established()
    ref, invite = holding(call)
    call.hangup(0, "", 5.05)
    outputs = call.take_output()
    assert told(outputs) == ["ended 200 Normal Call Clearing by local", "BYE as bye"]
    bye = request_of(outputs)
    call.receive_response(ref, make_reply(invite, 200, sdp="held"), 5.1)
    assert told(call.take_output()) == ["ACK"]
    call.receive_response("bye", make_reply(bye, 200), 5.2)
    assert told(call.take_output()) == ["Finished"]
    call.receive_response(ref, make_reply(invite, 200, sdp="held"), 5.3)
    assert told(call.take_output()) == ["ACK"]


def test_their_end_of_the_call_while_ours_is_out() -> None:
    call = established()
    ref, invite = holding(call)
    call.receive_request(transaction("bye"), from_far("BYE", 1), 5.05)
    assert told(call.take_output()) == ["respond 200", "ended 200 Normal Call Clearing by remote", "Finished"]
    call.receive_response(ref, make_reply(invite, 487), 5.1)
    call.media_answered("our_offer", "late", 5.2)
    assert (call.take_output(), call.next_timer()) == ([], None)


@pytest.mark.parametrize("state", ChangeState)
@pytest.mark.parametrize("given", Input)
def test_the_table_ends_every_state_and_leaves_none_for_good(state: ChangeState, given: Input) -> None:
    assert TABLE[state, Input.STOP][1] is ChangeState.IDLE
    row = TABLE.get((state, given))
    assert row is None or row[1] is not state or given is Input.STOP
