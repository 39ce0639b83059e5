"""Incoming calls: scripts of what comes in and what must go out."""

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

from sip_agent.core.call.facts import CallFacts, Input, State
from sip_agent.core.call.incoming import TABLE, IncomingCall
from sip_agent.core.call.outputs import Unheard
from sip_agent.core.call.rules import CallRules
from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request

CANCEL = Request("CANCEL", "sip:s-1@192.0.2.1:5060")


def make_call() -> IncomingCall:
    facts = CallFacts("c-1", "s-1", "incoming", "sip:bob@example.com", "sip:alice@example.com", 0.0)
    return IncomingCall(facts, make_identity(), CallRules(60.0), "ours", transaction("invite"), make_invite())


def offered() -> IncomingCall:
    call = make_call()
    call.start(0.0)
    assert told(call.take_output()) == []
    return call


def ringing() -> IncomingCall:
    call = offered()
    call.accepted("for the browser", 0.1)
    assert told(call.take_output()) == ["SaveCall", "respond 180"]
    return call


def answered() -> IncomingCall:
    call = ringing()
    call.answer("browser's answer", 2.0)
    assert told(call.take_output()) == ["SaveCall", "ask answer_browser: browser's answer"]
    call.media_answered("answer_browser", "our answer", 2.1)
    return call


def established() -> IncomingCall:
    call = answered()
    call.take_output()
    call.receive_ack(in_dialog("ACK", 7), 2.2)
    assert told(call.take_output()) == ["Established"]
    return call


def in_dialog(method: str, cseq: int, sdp: str = "") -> Request:
    return make_in_dialog(method, cseq, "far-call", "far", "ours", sdp)


def test_the_answer_goes_out_after_the_record_and_is_acknowledged() -> None:
    call = answered()
    outputs = call.take_output()
    assert told(outputs) == ["SaveCall", "respond 200"]
    response = response_of(outputs)
    assert (response.body, response.to.tag) == (b"our answer", "ours")
    assert str(response.contacts[0].uri) == "sip:s-1@192.0.2.1:5060"
    call.receive_ack(in_dialog("ACK", 7), 2.2)
    assert told(call.take_output()) == ["Established"]
    assert call.next_timer() is None


def test_a_200_is_sent_again_until_its_ack() -> None:
    call = answered()
    call.take_output()
    times = []
    while call.state is State.ANSWERED:
        due = call.next_timer()
        assert due is not None
        call.handle_timer(due)
        if told(call.take_output()) == ["respond 200"]:
            times.append(round(due - 2.1, 3))
    # T1 doubling to T2 (RFC 3261 section 13.3.1.4), for 64*T1.
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def test_no_ack_ends_the_call_with_bye() -> None:
    call = answered()
    call.take_output()
    call.handle_timer(2.1 + 32.0)
    assert told(call.take_output()) == ["ended 408 No ACK by system", "BYE as bye"]


def test_an_answer_may_overtake_the_word_that_it_rings() -> None:
    call = offered()
    assert call.answer("browser's answer", 0.1)
    call.accepted("for the browser", 0.2)
    assert told(call.take_output()) == ["SaveCall", "respond 180", "SaveCall", "ask answer_browser: browser's answer"]


def test_nobody_there_is_told_to_the_caller_and_to_the_detail_record_alone() -> None:
    call = offered()
    call.refused(480, "Temporarily Unavailable", False, 0.1)
    outputs = call.take_output()
    assert told(outputs) == ["respond 480", "Unheard", "Finished"]
    assert outputs[1] == Unheard(480, "Temporarily Unavailable", "system")


def test_a_session_that_may_have_heard_of_the_call_hears_of_its_end() -> None:
    call = offered()
    call.refused(480, "Temporarily Unavailable", True, 0.1)
    assert told(call.take_output()) == [
        "respond 480",
        "ended 480 Temporarily Unavailable by system",
        "Finished",
    ]


def test_cancel_while_it_rings() -> None:
    call = ringing()
    call.receive_cancel(CANCEL, 1.0)
    assert told(call.take_output()) == ["respond 487", "ended 487 Request Terminated by remote", "Finished"]


def test_cancel_before_the_session_has_spoken_is_told_when_it_has() -> None:
    call = offered()
    call.receive_cancel(CANCEL, 0.05)
    assert told(call.take_output()) == ["respond 487"]
    call.accepted("for the browser", 0.1)
    assert told(call.take_output()) == ["ended 487 Request Terminated by remote", "Finished"]


def test_cancel_of_a_call_that_nobody_takes_leaves_nothing_to_tell() -> None:
    call = offered()
    call.receive_cancel(CANCEL, 0.05)
    call.take_output()
    call.refused(480, "Temporarily Unavailable", False, 0.1)
    outputs = call.take_output()
    assert told(outputs) == ["Unheard", "Finished"]
    assert outputs[0] == Unheard(487, "Request Terminated", "remote")


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (0, "", ["respond 603", "ended 603 Decline by local", "Finished"]),
        (200, "OK", ["respond 603", "ended 603 Decline by local", "Finished"]),
        (486, "", ["respond 486", "ended 486 Busy Here by local", "Finished"]),
        (480, "Gone\r\nFor Lunch", ["respond 480", "ended 480 Gone  For Lunch by local", "Finished"]),
        (480, "Gone For Lunch", ["respond 480", "ended 480 Gone For Lunch by local", "Finished"]),
    ],
)
def test_the_user_refuses(status: int, reason: str, expected: list[str]) -> None:
    call = ringing()
    call.hangup(status, reason, 1.0)
    assert told(call.take_output()) == expected


def test_a_call_that_nobody_answers_is_unavailable() -> None:
    call = ringing()
    call.handle_timer(60.0)
    outputs = call.take_output()
    assert told(outputs) == ["respond 480", "ended 480 No Answer by system", "Finished"]
    assert response_of(outputs).reason == "No Answer"


def test_a_relay_that_refuses_gives_the_response() -> None:
    call = ringing()
    call.answer("browser's answer", 1.0)
    call.take_output()
    call.media_refused("answer_browser", 488, "No Common Codec", 1.1)
    assert told(call.take_output()) == ["respond 488", "ended 488 No Common Codec by system", "Finished"]


def test_hanging_up_before_the_ack_waits_for_it_before_bye() -> None:
    call = answered()
    call.take_output()
    call.hangup(0, "", 2.2)
    assert told(call.take_output()) == ["ended 200 Normal Call Clearing by local"]
    call.receive_ack(in_dialog("ACK", 7), 2.3)
    assert told(call.take_output()) == ["BYE as bye"]


def test_the_caller_hangs_up() -> None:
    call = established()
    call.receive_request(transaction("bye"), in_dialog("BYE", 8), 9.0)
    assert told(call.take_output()) == ["respond 200", "ended 200 Normal Call Clearing by remote", "Finished"]


def test_the_caller_may_end_an_early_dialog_with_bye() -> None:
    call = ringing()
    call.receive_request(transaction("bye"), in_dialog("BYE", 8), 1.0)
    assert told(call.take_output())[:2] == ["respond 200", "respond 487"]
    assert call.state is State.ENDED


def test_our_bye_goes_to_the_caller() -> None:
    call = established()
    call.hangup(0, "", 9.0)
    outputs = call.take_output()
    bye = request_of(outputs)
    assert (bye.uri, bye.cseq, bye.from_.tag, bye.to.tag) == (
        "sip:bob@192.0.2.7:5070",
        (1, "BYE"),
        "ours",
        "far",
    )
    call.receive_response("bye", make_reply(bye, 481), 9.1)
    assert told(call.take_output()) == ["Finished"]


def test_a_new_offer_is_answered_by_the_relay_and_acknowledged() -> None:
    call = established()
    call.receive_request(transaction("re"), in_dialog("INVITE", 8, "hold"), 5.0)
    assert told(call.take_output()) == ["ask offer: hold"]
    call.media_answered("offer", "held", 5.1)
    outputs = call.take_output()
    assert (told(outputs), response_of(outputs).body) == (["SaveCall", "respond 200"], b"held")
    assert call.remote_sdp == "hold"
    call.receive_ack(in_dialog("ACK", 8), 5.2)
    assert call.take_output() == []
    assert call.next_timer() is None


def test_a_new_offer_that_the_relay_refuses_leaves_the_call_as_it_is() -> None:
    call = established()
    call.receive_request(transaction("re"), in_dialog("INVITE", 8, "video"), 5.0)
    call.take_output()
    call.media_refused("offer", 488, "No Common Codec", 5.1)
    assert told(call.take_output()) == ["respond 488"]
    assert call.state is State.CONFIRMED


def test_a_second_offer_before_the_first_is_answered_is_refused() -> None:
    call = established()
    call.receive_request(transaction("re"), in_dialog("INVITE", 8, "hold"), 5.0)
    call.take_output()
    call.receive_request(transaction("re2"), in_dialog("INVITE", 9, "resume"), 5.05)
    response = response_of(call.take_output())
    assert (response.status, response.headers.get("Retry-After")) == (500, "5")


def test_a_reinvite_without_sdp_gets_an_offer_and_its_answer_goes_to_the_relay() -> None:
    call = established()
    call.receive_request(transaction("re"), in_dialog("INVITE", 8), 5.0)
    assert told(call.take_output()) == ["ask late_offer: "]
    call.media_answered("late_offer", "our offer", 5.1)
    assert response_of(call.take_output()).body == b"our offer"
    call.receive_request(transaction("up"), in_dialog("UPDATE", 9, "crossing"), 5.15)
    assert response_of(call.take_output()).status == 491
    call.receive_ack(in_dialog("ACK", 8, "their late answer"), 5.2)
    assert told(call.take_output()) == ["ask late_answer: their late answer"]
    call.media_answered("late_answer", "", 5.3)
    assert told(call.take_output()) == ["SaveCall"]
    assert call.remote_sdp == "their late answer"


def test_a_late_answer_that_the_relay_refuses_ends_the_call() -> None:
    call = established()
    call.receive_request(transaction("re"), in_dialog("INVITE", 8), 5.0)
    call.media_answered("late_offer", "our offer", 5.1)
    call.receive_ack(in_dialog("ACK", 8, "nonsense"), 5.2)
    call.take_output()
    call.media_refused("late_answer", 488, "Bad SDP", 5.3)
    assert told(call.take_output()) == ["ended 488 Bad SDP by system", "BYE as bye"]


def test_an_ack_without_the_answer_leaves_what_stood() -> None:
    call = established()
    call.receive_request(transaction("re"), in_dialog("INVITE", 8), 5.0)
    call.media_answered("late_offer", "our offer", 5.1)
    call.take_output()
    call.receive_ack(in_dialog("ACK", 8), 5.2)
    assert call.take_output() == []
    call.receive_request(transaction("up"), in_dialog("UPDATE", 9, "next"), 5.3)
    assert told(call.take_output()) == ["ask offer: next"]


def test_an_update_moves_the_target() -> None:
    call = established()
    update = in_dialog("UPDATE", 8)
    update.headers.add("Contact", "<sip:bob@192.0.2.9>")
    call.receive_request(transaction("up"), update, 5.0)
    assert told(call.take_output()) == ["SaveCall", "respond 200"]
    call.hangup(0, "", 6.0)
    assert request_of(call.take_output()).uri == "sip:bob@192.0.2.9"


@pytest.mark.parametrize(("method", "status"), [("INFO", 200), ("OPTIONS", 200), ("PUBLISH", 405)])
def test_other_requests_in_the_dialog(method: str, status: int) -> None:
    call = established()
    call.receive_request(transaction("t"), in_dialog(method, 8), 5.0)
    assert response_of(call.take_output()).status == status


def test_a_request_out_of_order_is_refused() -> None:
    call = established()
    call.receive_request(transaction("t"), in_dialog("BYE", 7), 5.0)
    assert response_of(call.take_output()).status == 500
    assert call.state is State.CONFIRMED


def test_media_that_fails_ends_the_call_with_its_reason() -> None:
    call = established()
    call.fail(503, "Media Failed (dtls)", 5.0)
    outputs = call.take_output()
    assert told(outputs) == ["ended 503 Media Failed (dtls) by system", "BYE as bye"]
    assert request_of(outputs).headers.get("Reason") == 'SIP;cause=503;text="Media Failed (dtls)"'


def test_what_the_table_does_not_list_changes_nothing() -> None:
    for given in Input:
        for state in State:
            if (state, given) in TABLE:
                continue
            call = make_call()
            call._machine.state = state
            assert call._step(given) is False
            assert (call.state, call.take_output()) == (state, [])


def test_every_row_of_the_table_is_reached_from_a_listed_state() -> None:
    reached = {State.INVITED} | {following for _, following in TABLE.values()}
    assert {state for state, _ in TABLE} <= reached


@pytest.mark.parametrize(
    ("headers", "status"),
    [([("Contact", "no address")], 400), ([("Contact", "<tel:+1>")], 416), ([("Require", ",")], 400)],
)
def test_a_request_that_cannot_be_read_is_answered_and_changes_nothing(
    headers: list[tuple[str, str]], status: int
) -> None:
    call = established()
    before = call.dialog
    request = make_in_dialog("INVITE", 8, "far-call", "far", "ours", "new offer", headers)
    call.receive_request(transaction("t"), request, 3.0)
    assert told(call.take_output()) == [f"respond {status}"]
    assert before is not None and call.dialog is not None
    assert call.dialog.remote_target == before.remote_target


def test_a_request_with_the_tag_of_another_dialog_is_not_of_this_call() -> None:
    call = established()
    call.receive_request(transaction("t"), make_in_dialog("BYE", 8, "far-call", "stranger", "ours"), 3.0)
    assert told(call.take_output()) == ["respond 481"]
    assert call.state is State.CONFIRMED


def test_an_invite_whose_route_leads_nowhere_is_refused_at_once() -> None:
    invite = make_invite()
    invite.headers.add("Record-Route", "<tel:+1234>")
    facts = CallFacts("c-1", "s-1", "incoming", "sip:bob@example.com", "sip:alice@example.com", 0.0)
    with pytest.raises(SipError) as refused:
        IncomingCall(facts, make_identity(), CallRules(60.0), "ours", transaction("invite"), invite)
    assert refused.value.status == 416


def test_a_bye_after_a_withdrawn_call_leaves_the_media_session_to_be_told_of() -> None:
    call = offered()
    call.receive_cancel(CANCEL, 0.2)
    call.receive_request(transaction("b"), in_dialog("BYE", 8), 0.3)
    assert told(call.take_output()) == ["respond 487", "respond 200"]
    call.accepted("for the browser", 0.4)
    assert told(call.take_output()) == ["ended 487 Request Terminated by remote", "Finished"]


def test_a_503_says_when_to_try_again() -> None:
    call = offered()
    call.refused(503, "No Media Relay", False, 0.1)
    response = response_of(call.take_output())
    assert response.status == 503
    assert 5 <= response.retry_after <= 10
