"""Calls that one agent begins and another one, which knows only the record, goes on with: once from each state."""

import msgspec
import pytest
from tests.support.sip_calls import (
    CHALLENGE,
    make_identity,
    make_in_dialog,
    make_invite,
    make_reply,
    request_of,
    response_of,
    told,
    transaction,
)

from shared.errors import LocalError
from sip_agent.core.call.facts import CallFacts, State
from sip_agent.core.call.incoming import IncomingCall
from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.outputs import SendAck, SendRequest
from sip_agent.core.call.rules import CallRules
from sip_agent.core.call.saved import SavedCall
from sip_agent.core.dialog.dialog import CSEQ_GAP
from sip_agent.core.syntax.message import Request, Response

TARGET = "sip:bob@example.com"
CANCEL = Request("CANCEL", "sip:s-1@192.0.2.1:5060")
RULES = CallRules(60.0)
LATER = 1000.0  # the other agent's clock has nothing to do with the first one's


def record(call: OutgoingCall | IncomingCall, now: float) -> SavedCall:
    call.take_output()
    return msgspec.json.decode(msgspec.json.encode(call.saved(now)), type=SavedCall)


def moved_out(call: OutgoingCall, now: float, is_sent: bool = True) -> OutgoingCall:
    return OutgoingCall.restored(record(call, now), make_identity(), RULES, is_sent, LATER)


def moved_in(call: IncomingCall, now: float) -> IncomingCall:
    return IncomingCall.restored(record(call, now), make_identity(), RULES, LATER)


def calling() -> tuple[OutgoingCall, Request]:
    facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", TARGET, 0.0)
    call = OutgoingCall(facts, make_identity(), RULES, "ours", "call-id-1")
    call.start(TARGET, "our offer", [("X-Ticket", "7")], 0.0)
    return call, request_of(call.take_output())


def invited(sdp: str = "far offer", headers: list[tuple[str, str]] | None = None) -> IncomingCall:
    facts = CallFacts("c-1", "s-1", "incoming", "sip:bob@example.com", "sip:alice@example.com", 0.0)
    invite = make_invite(sdp, headers=headers or [])
    call = IncomingCall(facts, make_identity(), RULES, "ours", transaction("invite"), invite)
    call.start(0.0)
    return call


def ringing(sdp: str = "far offer", headers: list[tuple[str, str]] | None = None) -> IncomingCall:
    call = invited(sdp, headers)
    call.accepted("for the browser", 1.0)
    return call


def answered(sdp: str = "far offer") -> IncomingCall:
    call = ringing(sdp)
    call.answer("browser's answer", 2.0)
    call.media_answered("answer_browser", "our sdp", 2.0)
    return call


def in_dialog(method: str, cseq: int, sdp: str = "", headers: list[tuple[str, str]] | None = None) -> Request:
    return make_in_dialog(method, cseq, "far-call", "far", "ours", sdp, headers or [])


def reliable(invite: Request, rseq: int, sdp: str = "", tag: str = "far") -> Response:
    return make_reply(invite, 183, tag, sdp, [("Require", "100rel"), ("RSeq", str(rseq))])


# -- outgoing


def test_calling_an_invite_that_may_never_have_been_sent_is_sent_as_it_would_have_been() -> None:
    call, invite = calling()
    first = [output for output in moved_out(call, 1.0, is_sent=False).take_output() if isinstance(output, SendRequest)]
    again = [output for output in moved_out(call, 2.0, is_sent=False).take_output() if isinstance(output, SendRequest)]
    assert [output.request for output in first] == [invite]
    assert first[0].branch == again[0].branch != ""


def test_calling_goes_on_where_it_was_sent() -> None:
    call, invite = calling()
    other = moved_out(call, 20.0)
    assert (other.take_output(), other.next_timer()) == ([], LATER + 40.0)
    other.receive_response("invite", make_reply(invite, 180), LATER + 1)
    assert told(other.take_output()) == ["SaveCall", "ringing 180"]
    other.handle_timer(LATER + 40.0)
    assert told(other.take_output()) == ["ended 408 No Answer by system", "CancelRequest"]


def test_calling_is_challenged_and_redirected_as_ever() -> None:
    call, invite = calling()
    other = moved_out(call, 1.0)
    other.receive_response("invite", make_reply(invite, 407, headers=[("Proxy-Authenticate", CHALLENGE)]), LATER)
    invite = request_of(other.take_output())
    assert (invite.cseq, invite.headers.get("X-Ticket"), invite.body) == ((2, "INVITE"), "7", b"our offer")
    elsewhere = make_reply(invite, 302)
    elsewhere.headers.set("Contact", "<sip:bob@mobile.example.net>, <sip:bob@example.com>")
    other.receive_response("invite", elsewhere, LATER)
    other = moved_out(other, LATER)
    assert other._hop is not None and str(other._hop) == "sip:bob@mobile.example.net"
    other.receive_response("invite", make_reply(request_after(invite), 404), LATER)
    assert told(other.take_output()) == ["ended 404 Not Found by remote", "Finished"]


def request_after(invite: Request) -> Request:
    made = invite.copy()
    made.headers.set("CSeq", f"{invite.cseq[0] + 1} INVITE")
    return made


def test_proceeding_with_the_early_dialogs_of_a_fork() -> None:
    call, invite = calling()
    call.receive_response("invite", reliable(invite, 5, "early of one", "one"), 0.5)
    call.receive_response("invite", make_reply(invite, 183, "two", "early of two"), 0.6)
    call.media_answered("early", "b1", 0.6)
    call.media_answered("early", "b2", 0.6)
    other = moved_out(call, 1.0)
    assert other.take_output() == []
    other.receive_response("invite", reliable(invite, 5, "early of one", "one"), LATER)
    assert told(other.take_output()) == []
    other.receive_response("invite", reliable(invite, 6, "", "one"), LATER)
    prack = request_of(other.take_output())
    assert (prack.headers.get("RAck"), prack.cseq[0]) == ("6 1 INVITE", 3 + CSEQ_GAP)
    other.receive_response("invite", make_reply(invite, 200, "one"), LATER)
    outputs = other.take_output()
    assert told(outputs) == ["SaveCall", "ACK", "ask answer: early of one"]
    (ack,) = [output.request for output in outputs if isinstance(output, SendAck)]
    assert ack.cseq == (1, "ACK")


def test_proceeding_while_the_relay_is_asked_asks_it_again() -> None:
    call, invite = calling()
    call.receive_response("invite", make_reply(invite, 183, "one", "early"), 0.5)
    other = moved_out(call, 1.0)
    assert told(other.take_output()) == ["ask early: early"]
    other.media_answered("early", "for the browser", LATER)
    assert told(other.take_output()) == ["early 183"]


def test_proceeding_is_cancelled() -> None:
    call, invite = calling()
    call.receive_response("invite", make_reply(invite, 180), 0.5)
    other = moved_out(call, 1.0)
    other.hangup(0, "", LATER)
    assert told(other.take_output()) == ["ended 487 Request Terminated by local", "CancelRequest"]


def test_confirmed_while_the_relay_is_asked_asks_it_again() -> None:
    call, invite = calling()
    call.receive_response("invite", make_reply(invite, 200, sdp="their answer"), 0.5)
    other = moved_out(call, 1.0)
    assert told(other.take_output()) == ["ask answer: their answer", "ACK"]
    other.media_answered("answer", "for the browser", LATER)
    assert told(other.take_output()) == ["SaveCall", "Established"]


def test_confirmed_goes_on_in_its_dialog_and_still_acknowledges() -> None:
    call, invite = calling()
    answer = make_reply(invite, 200, sdp="their answer", headers=[("Record-Route", "<sip:proxy.example.com;lr>")])
    call.receive_response("invite", answer, 0.5)
    call.media_answered("answer", "for the browser", 0.6)
    other = moved_out(call, 1.0)
    assert (other.take_output(), other.browser_sdp, other.remote_sdp) == ([], "for the browser", "their answer")
    other.receive_response("invite", answer, LATER)
    other.receive_response("invite", make_reply(invite, 200, "late", "another answer"), LATER)
    assert told(other.take_output()) == ["ACK", "ACK", "BYE as bye late"]
    other.receive_request(transaction("t"), make_in_dialog("INVITE", 1, "call-id-1", "far", "ours", "hold"), LATER)
    assert "ask offer: hold" in told(other.take_output())
    other.media_answered("offer", "held", LATER)
    other.take_output()
    other.hangup(0, "", LATER)
    bye = request_of(other.take_output())
    assert (bye.cseq[0], str(bye.routes[0].uri)) == (2 + CSEQ_GAP, "sip:proxy.example.com;lr")


# -- incoming


def test_invited_is_taken_or_not_by_the_session_that_is_asked_again() -> None:
    other = moved_in(invited(), 0.5)
    assert other.take_output() == []
    other.accepted("for the browser", LATER)
    assert told(other.take_output()) == ["SaveCall", "respond 180"]


@pytest.mark.parametrize("sdp", ["far offer", ""])
def test_ringing_is_answered(sdp: str) -> None:
    other = moved_in(ringing(sdp), 10.0)
    assert other.take_output() == []
    assert other.answer("browser's answer", LATER)
    assert told(other.take_output()) == ["SaveCall", "ask answer_browser: browser's answer"]
    other.media_answered("answer_browser", "our sdp", LATER)
    outputs = other.take_output()
    assert told(outputs) == ["SaveCall", "respond 200"]
    assert (response_of(outputs).to.tag, response_of(outputs).body) == ("ours", b"our sdp")
    other.receive_ack(in_dialog("ACK", 7, "" if sdp else "their answer"), LATER)
    assert told(other.take_output())[-1] == ("Established" if sdp else "ask answer: their answer")


def test_ringing_is_cancelled_and_rings_on_and_out() -> None:
    other = moved_in(ringing(), 10.0)
    other.receive_cancel(CANCEL, LATER)
    assert told(other.take_output()) == ["respond 487", "ended 487 Request Terminated by remote", "Finished"]
    other = moved_in(ringing(), 10.0)
    assert other.next_timer() == LATER + 50.0
    other.handle_timer(LATER + 50.0)
    assert told(other.take_output()) == ["respond 480", "ended 480 No Answer by system", "Finished"]


def test_ringing_that_waits_for_its_prack_is_repeated_with_the_same_number() -> None:
    call = ringing(headers=[("Require", "100rel")])
    other = moved_in(call, 1.2)
    assert response_of(other.take_output()).headers.get("RSeq") == "1"
    other.receive_request(transaction("p"), in_dialog("PRACK", 8, headers=[("RAck", "1 7 INVITE")]), LATER)
    assert told(other.take_output()) == ["SaveCall", "respond 200"]
    third = moved_in(other, LATER)
    assert third.take_output() == []
    third.handle_timer(LATER + 30.0)
    assert third.take_output() == []


def test_answering_asks_the_relay_again() -> None:
    call = ringing()
    call.answer("browser's answer", 2.0)
    other = moved_in(call, 2.1)
    assert told(other.take_output()) == ["ask answer_browser: browser's answer"]
    other.media_answered("answer_browser", "our answer", LATER)
    assert told(other.take_output()) == ["SaveCall", "respond 200"]


@pytest.mark.parametrize("sdp", ["far offer", ""])
def test_answered_repeats_its_200_until_the_ack(sdp: str) -> None:
    other = moved_in(answered(sdp), 2.5)
    outputs = other.take_output()
    assert response_of(outputs).body == b"our sdp"
    assert told(outputs)[1:] == (["Established"] if sdp else [])
    assert other.next_timer() == LATER + 0.5
    other.receive_ack(in_dialog("ACK", 7, "" if sdp else "their answer"), LATER)
    assert told(other.take_output()) == ([] if sdp else ["SaveCall", "ask answer: their answer"])
    assert other.next_timer() is None


def test_answered_for_longer_than_a_200_is_repeated_was_acknowledged() -> None:
    saved = record(answered(), 2.5)
    assert saved.session.ack_within == 31.5
    late = msgspec.structs.replace(saved, session=msgspec.structs.replace(saved.session, ack_within=-0.1))
    other = IncomingCall.restored(late, make_identity(), RULES, LATER)
    assert (other.state, other.told_state, other.take_output()) == (State.CONFIRMED, "established", [])
    assert (other.remote_sdp, other.next_timer()) == ("far offer", None)
    other.hangup(0, "", LATER)
    assert told(other.take_output()) == ["ended 200 Normal Call Clearing by local", "BYE as bye"]


def test_answered_and_never_acknowledged_is_ended() -> None:
    other = moved_in(answered(), 2.5)
    other.take_output()
    other.handle_timer(LATER + 32.0)
    assert told(other.take_output()) == ["ended 408 No ACK by system", "BYE as bye"]


@pytest.mark.parametrize("is_told", [False, True])
def test_confirmed_without_an_offer_from_the_caller(is_told: bool) -> None:
    call = answered("")
    call.receive_ack(in_dialog("ACK", 7, "their answer"), 3.0)
    if is_told:
        call.media_answered("answer", "nothing new", 3.0)
    other = moved_in(call, 3.5)
    assert told(other.take_output()) == ([] if is_told else ["ask answer: their answer"])
    assert other.remote_sdp == "their answer"


def test_confirmed_hears_what_is_in_order_and_ends() -> None:
    call = answered()
    call.receive_ack(in_dialog("ACK", 7), 3.0)
    other = moved_in(call, 3.5)
    assert (other.take_output(), other.state, other.told_state) == ([], State.CONFIRMED, "established")
    other.receive_request(transaction("t"), in_dialog("BYE", 7), LATER)
    assert response_of(other.take_output()).status == 500
    other.receive_request(transaction("t"), in_dialog("BYE", 8), LATER)
    assert told(other.take_output())[0] == "respond 200"


def test_the_session_timer_runs_on() -> None:
    call = invited(headers=[("Session-Expires", "1800;refresher=uas"), ("Supported", "timer")])
    call.accepted("for the browser", 1.0)
    call.answer("browser's answer", 2.0)
    call.media_answered("answer_browser", "our sdp", 2.0)
    call.receive_ack(in_dialog("ACK", 7), 2.0)
    other = moved_in(call, 102.0)
    assert other.next_timer() == pytest.approx(LATER + 800.0)


def test_what_has_ended_does_not_come_back() -> None:
    call, _ = calling()
    call.hangup(0, "", 1.0)
    with pytest.raises(LocalError):
        moved_out(call, 1.0)


def test_a_record_of_the_other_direction_is_refused() -> None:
    call, _ = calling()
    with pytest.raises(LocalError):
        IncomingCall.restored(record(call, 1.0), make_identity(), RULES, LATER)
    with pytest.raises(LocalError):
        OutgoingCall.restored(record(ringing(), 1.0), make_identity(), RULES, True, LATER)


def test_bytes_that_are_no_text_do_not_keep_a_call_from_its_record() -> None:
    call = ringing(headers=[("Record-Route", '"\udcff" <sip:proxy.example.com;lr>')])
    call.answer("browser's answer", 2.0)
    other = moved_in(call, 2.5)
    assert told(other.take_output()) == ["ask answer_browser: browser's answer"]
