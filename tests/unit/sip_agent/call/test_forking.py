"""Outgoing calls that several phones answer, and provisional responses that are acknowledged: scripts."""

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

from sip_agent.core.call.call import CallRules
from sip_agent.core.call.facts import CallFacts, State
from sip_agent.core.call.outgoing import MAX_PROVISIONAL, OutgoingCall
from sip_agent.core.call.outputs import CallOutput, Progressed
from sip_agent.core.dialog.dialog_set import MAX_BRANCHES
from sip_agent.core.syntax.message import Request, Response

TARGET = "sip:bob@example.com"


def started() -> tuple[OutgoingCall, Request]:
    facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", TARGET, 0.0)
    call = OutgoingCall(facts, make_identity(), CallRules(ring_seconds=60.0), "ours", "call-id-1")
    call.start(TARGET, "our offer", [], 0.0)
    return call, request_of(call.take_output())


def reliable(invite: Request, rseq: int | str, status: int = 183, sdp: str = "", tag: str = "far") -> Response:
    return make_reply(invite, status, tag, sdp, [("Require", "100rel"), ("RSeq", str(rseq))])


def heard(outputs: list[CallOutput]) -> list[str | None]:
    return [output.browser_sdp for output in outputs if isinstance(output, Progressed)]


def test_the_browser_hears_each_phone_that_has_early_media_and_in_the_end_the_one_that_answers() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 183, "one", "early of one"), 0.1)
    call.receive_response("invite", make_reply(invite, 183, "two", "early of two"), 0.2)
    call.receive_response("invite", make_reply(invite, 183, "one", "early of one"), 0.3)
    assert told(call.take_output()) == ["SaveCall", "ask early: early of one", "SaveCall", "ask early: early of two"]
    call.media_answered("early", "browser one", 0.4)
    call.media_answered("early", "browser two", 0.5)
    assert heard(call.take_output()) == ["browser one", "browser two"]
    call.receive_response("invite", make_reply(invite, 200, "one"), 1.0)
    assert told(call.take_output()) == ["SaveCall", "ACK", "ask answer: early of one"]
    call.media_answered("answer", "browser one again", 1.1)
    assert call.take_output()[-1].browser_sdp == "browser one again"  # type: ignore[union-attr]


def test_early_media_of_one_phone_is_no_answer_of_another() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 183, "one", "early of one"), 0.1)
    call.receive_response("invite", make_reply(invite, 200, "two"), 1.0)
    assert "ended 488 Answer Without SDP by system" in told(call.take_output())


def test_a_phone_without_a_codec_for_us_leaves_the_others_their_turn() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 183, "one", "strange"), 0.1)
    call.take_output()
    call.media_refused("early", 488, "No Common Codec", 0.2)
    assert told(call.take_output()) == ["early 183"]
    assert call.state is State.PROCEEDING


def test_a_relay_that_is_gone_ends_the_attempt() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 183, "one", "early"), 0.1)
    call.take_output()
    call.media_refused("early", 503, "No Relay", 0.2)
    assert told(call.take_output()) == ["ended 503 No Relay by system", "CancelRequest"]


def test_a_word_about_early_media_after_the_answer_changes_nothing() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 183, "one", "early"), 0.1)
    call.receive_response("invite", make_reply(invite, 200, "one", "answer"), 0.2)
    call.take_output()
    call.media_answered("early", "for the browser", 0.3)
    call.media_refused("early", 503, "No Relay", 0.3)
    assert (call.take_output(), call.state) == ([], State.CONFIRMED)


def test_ever_new_tags_are_not_remembered() -> None:
    call, invite = started()
    for number in range(2 * MAX_BRANCHES):
        call.receive_response("invite", make_reply(invite, 183, f"tag{number}", f"sdp {number}"), 0.1)
    assert len([line for line in told(call.take_output()) if line.startswith("ask early")]) == MAX_BRANCHES


def test_a_reliable_response_is_acknowledged_in_its_dialog() -> None:
    call, invite = started()
    assert invite.has_option("Supported", "100rel")
    response = reliable(invite, 17, sdp="early")
    response.headers.add("Record-Route", "<sip:proxy.example.com;lr>")
    call.receive_response("invite", response, 0.1)
    outputs = call.take_output()
    assert told(outputs) == ["PRACK as prack far 17", "SaveCall", "ask early: early"]
    prack = request_of(outputs)
    assert (prack.headers.get("RAck"), prack.cseq, prack.to.tag) == ("17 1 INVITE", (2, "PRACK"), "far")
    assert ([str(route) for route in prack.routes], "Contact" in prack.headers) == (
        ["<sip:proxy.example.com;lr>"],
        False,
    )


def test_reliable_responses_are_taken_in_order_and_once() -> None:
    call, invite = started()
    expected = {5: ["PRACK as prack far 5"], 6: ["PRACK as prack far 6"], 7: ["PRACK as prack far 7"]}
    for rseq, is_next in [(5, True), (5, False), (7, False), (6, True), (5, False), (7, True)]:
        call.receive_response("invite", reliable(invite, rseq), 0.1)
        pracks = [line for line in told(call.take_output()) if line.startswith("PRACK")]
        assert pracks == (expected[rseq] if is_next else [])


def test_each_phone_of_a_fork_counts_for_itself() -> None:
    call, invite = started()
    call.receive_response("invite", reliable(invite, 5, tag="one"), 0.1)
    call.receive_response("invite", reliable(invite, 90, tag="two"), 0.1)
    pracks = [line for line in told(call.take_output()) if line.startswith("PRACK")]
    assert pracks == ["PRACK as prack one 5", "PRACK as prack two 90"]


@pytest.mark.parametrize("rseq", ["", "0", "-1", "x", "4294967296", "99999999999999"])
def test_a_reliable_response_without_a_number_is_no_response(rseq: str) -> None:
    call, invite = started()
    call.receive_response("invite", reliable(invite, rseq), 0.1)
    assert call.take_output() == []


def test_the_bye_of_a_call_comes_after_its_pracks_in_number() -> None:
    call, invite = started()
    for rseq in (5, 6):
        call.receive_response("invite", reliable(invite, rseq), 0.1)
    call.receive_response("invite", make_reply(invite, 200, sdp="answer"), 1.0)
    call.take_output()
    call.hangup(0, "", 2.0)
    assert request_of(call.take_output()).cseq == (4, "BYE")


def test_an_answer_in_a_reliable_response_needs_no_other_in_the_200() -> None:
    call, invite = started()
    call.receive_response("invite", reliable(invite, 5, sdp="the answer"), 0.1)
    call.receive_response("invite", make_reply(invite, 200), 1.0)
    assert told(call.take_output())[-1] == "ask answer: the answer"


def test_a_prack_that_is_challenged_is_sent_again_with_the_next_free_number() -> None:
    call, invite = started()
    refused = [("Proxy-Authenticate", CHALLENGE)]
    call.receive_response("invite", make_reply(invite, 407, headers=refused), 0.1)
    invite = request_of(call.take_output())
    call.receive_response("invite", reliable(invite, 5), 0.2)
    prack = request_of(call.take_output())
    call.receive_response("invite", reliable(invite, 6), 0.3)
    call.take_output()
    call.receive_response("prack far 5", make_reply(prack, 407, headers=refused), 0.4)
    again = request_of(call.take_output())
    assert (again.cseq, again.headers.get("RAck")) == ((5, "PRACK"), "5 2 INVITE")
    assert "Proxy-Authorization" in again.headers
    call.receive_response("prack far 5 again", make_reply(again, 200), 0.5)
    assert call.take_output() == []


def test_a_prack_that_fails_is_the_callees_business() -> None:
    call, invite = started()
    call.receive_response("invite", reliable(invite, 5), 0.2)
    prack = request_of(call.take_output())
    call.receive_response("prack far 5", make_reply(prack, 481), 0.4)
    call.transaction_failed("prack far 5", 408, "Request Timeout", 32.0)
    assert (call.take_output(), call.state) == ([], State.PROCEEDING)


def test_a_request_of_any_phone_of_the_fork_finds_its_dialog() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 180, "one"), 0.1)
    call.receive_response("invite", make_reply(invite, 180, "two"), 0.1)
    call.take_output()
    for tag, status in [("one", 200), ("two", 200), ("three", 481)]:
        call.receive_request(transaction("t"), make_in_dialog("OPTIONS", 1, "call-id-1", tag, "ours"), 0.2)
        assert response_of(call.take_output()).status == status
    call.receive_request(transaction("t"), make_in_dialog("OPTIONS", 1, "call-id-1", "one", "ours"), 0.3)
    assert response_of(call.take_output()).status == 500


def test_each_late_answer_of_a_fork_is_ended_with_its_own_numbers() -> None:
    call, invite = started()
    call.receive_response("invite", reliable(invite, 5, tag="slow"), 0.1)
    call.receive_response("invite", make_reply(invite, 200, "quick", "answer"), 1.0)
    call.take_output()
    late = make_reply(invite, 200, "slow", "answer")
    call.receive_response("invite", late, 1.1)
    outputs = call.take_output()
    assert told(outputs) == ["ACK", "BYE as bye slow"]
    assert request_of(outputs).cseq == (3, "BYE")
    call.receive_response("invite", late, 1.6)
    assert told(call.take_output()) == ["ACK"]


def test_answers_with_ever_new_tags_are_acknowledged_and_ended_for_so_many_phones_only() -> None:
    call, invite = started()
    call.receive_response("invite", make_reply(invite, 200, "one", "their answer"), 1.0)
    call.take_output()
    for number in range(MAX_BRANCHES):
        call.receive_response("invite", make_reply(invite, 200, f"late{number}", "their answer"), 1.1)
        assert told(call.take_output()) == ["ACK", f"BYE as bye late{number}"]
    call.receive_response("invite", make_reply(invite, 200, "toomany", "their answer"), 1.2)
    assert call.take_output() == []
    call.receive_response("invite", make_reply(invite, 200, "late0", "their answer"), 1.3)
    assert told(call.take_output()) == ["ACK"]


def test_provisional_responses_with_ever_new_words_get_no_more_attention_and_the_answer_does() -> None:
    call, invite = started()
    for number in range(2 * MAX_PROVISIONAL):
        call.receive_response("invite", make_reply(invite, 183, "one", f"early {number}"), 0.1)
    asked = [one for one in told(call.take_output()) if one.startswith("ask early")]
    assert len(asked) == MAX_PROVISIONAL
    call.receive_response("invite", make_reply(invite, 200, "one", "their answer"), 1.0)
    assert told(call.take_output()) == ["SaveCall", "ACK", "ask answer: their answer"]
