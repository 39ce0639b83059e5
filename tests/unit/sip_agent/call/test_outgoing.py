"""Outgoing calls: scripts of what comes in and what must go out."""

import pytest
from tests.support.sip_calls import (
    CHALLENGE,
    FAR_CONTACT,
    make_identity,
    make_in_dialog,
    make_reply,
    request_of,
    response_of,
    told,
    transaction,
)

from sip_agent.core.call.facts import CallFacts, Input, State
from sip_agent.core.call.outgoing import TABLE, OutgoingCall
from sip_agent.core.call.outputs import CancelRequest, SendAck
from sip_agent.core.call.rules import CallRules
from sip_agent.core.syntax.message import Request

TARGET = "sip:bob@example.com"


def make_call() -> OutgoingCall:
    facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", TARGET, 0.0)
    return OutgoingCall(facts, make_identity(), CallRules(ring_seconds=60.0), "ours", "call-id-1")


def started() -> tuple[OutgoingCall, Request]:
    call = make_call()
    call.start(TARGET, "our offer", [("X-Ticket", "7")], 0.0)
    return call, request_of(call.take_output())


def established() -> tuple[OutgoingCall, Request]:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 200, sdp="their answer"), 1.0)
    call.media_answered("answer", "for the browser", 1.0)
    call.take_output()
    return call, invite


def test_the_record_is_written_before_the_invite_is_sent() -> None:
    call = make_call()
    call.start(TARGET, "our offer", [("X-Ticket", "7")], 0.0)
    outputs = call.take_output()
    assert told(outputs) == ["SaveCall", "INVITE as invite"]
    invite = request_of(outputs)
    assert (invite.uri, invite.body, invite.headers.get("X-Ticket")) == (TARGET, b"our offer", "7")
    assert (invite.from_.tag, invite.to.tag, invite.call_id) == ("ours", None, "call-id-1")


def test_a_call_from_trying_to_bye() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 100, tag=None), 0.1)
    assert told(call.take_output()) == ["trying 100"]
    call.receive_response("invite", make_reply(invite, 180), 0.2)
    assert told(call.take_output()) == ["SaveCall", "ringing 180"]
    call.receive_response("invite", make_reply(invite, 200, sdp="their answer"), 5.0)
    assert told(call.take_output()) == ["SaveCall", "ACK", "ask answer: their answer"]
    call.media_answered("answer", "for the browser", 5.1)
    assert told(call.take_output()) == ["SaveCall", "Established"]
    call.hangup(0, "", 9.0)
    outputs = call.take_output()
    assert told(outputs) == ["ended 200 Normal Call Clearing by local", "BYE as bye"]
    bye = request_of(outputs)
    assert (bye.uri, bye.cseq, bye.to.tag) == (FAR_CONTACT, (2, "BYE"), "far")
    call.receive_response("bye", make_reply(bye, 200), 9.1)
    assert told(call.take_output()) == ["Finished"]
    assert call.next_timer() is None


def test_a_repeated_provisional_response_is_told_once() -> None:
    call, invite = started()
    for _ in range(3):
        call.receive_response("invite", make_reply(invite, 180), 0.2)
    assert told(call.take_output()) == ["SaveCall", "ringing 180"]


def test_early_media_reaches_the_browser_and_the_final_answer_does_so_again() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 183, sdp="early"), 0.2)
    assert told(call.take_output()) == ["SaveCall", "ask early: early"]
    call.media_answered("early", "for the browser", 0.3)
    (progress,) = call.take_output()
    assert (progress.state, progress.status, progress.browser_sdp) == ("early", 183, "for the browser")  # type: ignore[union-attr]
    call.receive_response("invite", make_reply(invite, 200), 2.0)
    assert told(call.take_output())[-1] == "ask answer: early"
    call.media_answered("answer", "for the browser", 2.1)
    assert call.take_output()[-1].browser_sdp == "for the browser"  # type: ignore[union-attr]
    assert call.browser_sdp == "for the browser"


@pytest.mark.parametrize("proxies", [[("Record-Route", "<sip:proxy.example.com;lr>")], []])
def test_a_challenge_is_answered_once_and_the_ack_has_the_credentials_for_the_proxies_on_its_way(
    proxies: list[tuple[str, str]],
) -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 407, headers=[("Proxy-Authenticate", CHALLENGE)]), 0.1)
    again = request_of(call.take_output())
    assert again.cseq == (2, "INVITE")
    credentials = again.headers.get("Proxy-Authorization")
    assert credentials is not None and 'realm="example.com"' in credentials
    call.receive_response("invite", make_reply(again, 200, sdp="answer", headers=proxies), 1.0)
    (ack,) = [output.request for output in call.take_output() if isinstance(output, SendAck)]
    assert (ack.cseq, ack.headers.get("Proxy-Authorization")) == ((2, "ACK"), credentials if proxies else None)


def test_a_callee_teaches_no_new_realm() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 407, headers=[("Proxy-Authenticate", CHALLENGE)]), 0.1)
    again = request_of(call.take_output())
    strange = CHALLENGE.replace("example.com", "evil.example")
    call.receive_response("invite", make_reply(again, 401, headers=[("WWW-Authenticate", strange)]), 0.2)
    assert told(call.take_output()) == ["ended 401 Unauthorized by remote", "Finished"]


@pytest.mark.parametrize(
    "bad",
    [
        ("Contact", "no address"),
        ("Contact", "<tel:+1234>"),
        ("Record-Route", "<tel:+1234>"),
        ("Record-Route", ","),
    ],
)
def test_an_answer_that_cannot_be_acknowledged_ends_the_call(bad: tuple[str, str]) -> None:
    call, invite = started()
    provisional, response = make_reply(invite, 180), make_reply(invite, 200, sdp="answer")
    for spoilt in (provisional, response):
        spoilt.headers.set(*bad)
    call.receive_response("invite", provisional, 0.5)
    assert told(call.take_output()) == []
    call.receive_response("invite", response, 1.0)
    assert told(call.take_output()) == ["ended 502 Bad Response by system", "Finished"]
    call.receive_response("invite", response, 2.0)
    assert told(call.take_output()) == []


@pytest.mark.parametrize("reason", ['SIP;cause=486;text="never closed', "SIP;cause=²", "SIP;cause=999", ","])
def test_a_reason_that_cannot_be_read_hides_no_end(reason: str) -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 480, headers=[("Reason", reason)]), 1.0)
    assert told(call.take_output()) == ["ended 480 Temporarily Unavailable by remote", "Finished"]


def test_the_bye_of_another_phone_of_a_fork_does_not_end_the_call() -> None:
    call, _ = established()
    call.receive_request(transaction("b"), make_in_dialog("BYE", 1, "call-id-1", "loser", "ours"), 2.0)
    assert told(call.take_output()) == ["respond 481"]
    assert call.state is State.CONFIRMED


def test_a_second_challenge_after_a_fresh_nonce_is_the_end() -> None:
    call, invite = started()
    refused = [("Proxy-Authenticate", CHALLENGE)]
    call.receive_response("invite", make_reply(invite, 407, headers=refused), 0.1)
    again = request_of(call.take_output())
    call.receive_response("invite", make_reply(again, 407, headers=refused), 0.2)
    assert told(call.take_output()) == ["ended 407 Proxy Authentication Required by remote", "Finished"]


@pytest.mark.parametrize(
    ("status", "reason", "headers", "expected"),
    [
        (486, None, [], "ended 486 Busy Here by remote"),
        (480, "Gone For Lunch", [], "ended 480 Gone For Lunch by remote"),
        (503, None, [("Reason", 'Q.850;cause=17;text="user busy"')], "ended 503 user busy by remote"),
    ],
)
def test_a_failure_is_told_as_it_came(
    status: int, reason: str | None, headers: list[tuple[str, str]], expected: str
) -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, status, reason=reason, headers=headers), 1.0)
    assert told(call.take_output()) == [expected, "Finished"]


def test_no_response_at_all_is_told_with_its_status() -> None:
    call, _ = started()
    call.transaction_failed("invite", 408, "Request Timeout", 32.0)
    assert told(call.take_output()) == ["ended 408 Request Timeout by system", "Finished"]


def test_hanging_up_while_it_rings_is_told_at_once_and_waits_for_the_487() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 180), 0.2)
    call.take_output()
    call.hangup(0, "", 3.0)
    assert told(call.take_output()) == ["ended 487 Request Terminated by local", "CancelRequest"]
    call.receive_response("invite", make_reply(invite, 487), 3.1)
    assert told(call.take_output()) == ["Finished"]


def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 180), 0.2)
    call.hangup(0, "", 3.0)
    call.take_output()
    answer = make_reply(invite, 200, sdp="their answer")
    call.receive_response("invite", answer, 3.1)
    outputs = call.take_output()
    assert told(outputs) == ["ACK", "BYE as bye far"]
    call.receive_response("invite", answer, 3.6)
    assert told(call.take_output()) == ["ACK"]
    call.receive_response("bye far", make_reply(request_of(outputs), 200), 3.7)
    assert told(call.take_output()) == ["Finished"]


def test_a_peer_that_ignores_the_cancel_is_not_waited_for() -> None:
    call, _ = started()
    call.hangup(0, "", 1.0)
    assert CancelRequest("invite") in call.take_output()
    assert call.next_timer() == 33.0
    call.handle_timer(33.0)
    assert told(call.take_output()) == ["Finished"]


def test_a_call_that_nobody_answers_ends_truthfully() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 180), 0.2)
    call.take_output()
    assert call.next_timer() == 60.0
    call.handle_timer(60.0)
    assert told(call.take_output()) == ["ended 408 No Answer by system", "CancelRequest"]


def test_the_second_phone_of_a_fork_is_ended_and_the_first_goes_on() -> None:
    call, invite = established()
    call.receive_response("invite", make_reply(invite, 200, tag="other", sdp="another answer"), 1.2)
    outputs = call.take_output()
    assert told(outputs) == ["ACK", "BYE as bye other"]
    assert request_of(outputs).to.tag == "other"
    call.receive_response("bye other", make_reply(request_of(outputs), 200), 1.3)
    assert call.take_output() == []
    assert call.state is State.CONFIRMED
    assert call.dialog is not None and call.dialog.remote_tag == "far"


def test_a_repeated_200_is_acknowledged_again() -> None:
    call, invite = established()
    call.receive_response("invite", make_reply(invite, 200, sdp="their answer"), 1.5)
    assert told(call.take_output()) == ["ACK"]


def test_a_200_without_any_description_is_ended() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 200), 1.0)
    assert told(call.take_output()) == ["SaveCall", "ACK", "ended 488 Answer Without SDP by system", "BYE as bye"]


def test_a_relay_that_refuses_the_answer_ends_the_call_with_the_relays_words() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 200, sdp="their answer"), 1.0)
    call.take_output()
    call.media_refused("answer", 488, "No Common Codec", 1.1)
    outputs = call.take_output()
    assert told(outputs) == ["ended 488 No Common Codec by system", "BYE as bye"]
    assert request_of(outputs).headers.get("Reason") == 'SIP;cause=488;text="No Common Codec"'


def test_the_far_side_hangs_up_and_says_why() -> None:
    call, _ = established()
    reason = [("Reason", 'SIP;cause=480;text="Session Lost"')]
    bye = make_in_dialog("BYE", 1, "call-id-1", "far", "ours", headers=reason)
    call.receive_request(transaction("t"), bye, 5.0)
    assert told(call.take_output()) == ["respond 200", "ended 480 Session Lost by remote", "Finished"]


def test_a_bye_challenged_for_a_realm_that_was_never_met_is_not_answered() -> None:
    call, _ = established()
    call.hangup(0, "", 5.0)
    bye = request_of(call.take_output())
    call.receive_response("bye", make_reply(bye, 407, headers=[("Proxy-Authenticate", CHALLENGE)]), 5.1)
    assert told(call.take_output()) == ["Finished"]


def test_a_bye_that_is_challenged_is_sent_again_with_credentials() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 407, headers=[("Proxy-Authenticate", CHALLENGE)]), 0.1)
    call.receive_response("invite", make_reply(request_of(call.take_output()), 200, sdp="their answer"), 1.0)
    call.media_answered("answer", "for the browser", 1.0)
    call.take_output()
    call.hangup(0, "", 5.0)
    bye = request_of(call.take_output())
    call.receive_response("bye", make_reply(bye, 401, headers=[("WWW-Authenticate", CHALLENGE)]), 5.1)
    again = request_of(call.take_output())
    assert (again.method, again.cseq) == ("BYE", (4, "BYE"))
    assert "Authorization" in again.headers
    call.receive_response("bye again", make_reply(again, 200), 5.2)
    assert told(call.take_output()) == ["Finished"]


def test_byes_that_cross_end_the_call_once() -> None:
    call, _ = established()
    call.hangup(0, "", 5.0)
    call.take_output()
    call.receive_request(transaction("t"), make_in_dialog("BYE", 1, "call-id-1", "far", "ours"), 5.1)
    assert told(call.take_output()) == ["respond 200"]
    call.transaction_failed("bye", 408, "Request Timeout", 37.0)
    assert told(call.take_output()) == ["Finished"]


def test_an_offer_that_crosses_our_invite_is_glare() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 183), 0.2)
    call.take_output()
    call.receive_request(transaction("t"), make_in_dialog("UPDATE", 1, "call-id-1", "far", "ours", sdp="offer"), 0.3)
    assert response_of(call.take_output()).status == 491


def test_every_row_of_the_table_is_reached_from_a_listed_state() -> None:
    reached = {State.CALLING} | {following for _, following in TABLE.values()}
    assert {state for state, _ in TABLE} <= reached


def test_what_the_table_does_not_list_changes_nothing() -> None:
    for given in Input:
        for state in State:
            if (state, given) in TABLE:
                continue
            call = make_call()
            call._machine.state = state
            assert call._step(given) is False
            assert (call.state, call.take_output()) == (state, [])
