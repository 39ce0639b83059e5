"""What is sent for a call of another agent, from each state that a record may have."""

import msgspec
import pytest
from tests.support.sip_calls import make_in_dialog, make_reply, request_of, told, transaction
from tests.unit.sip_agent.call.test_saved import RULES, answered, calling, record, ringing

from sip_agent.core.auth.digest import Credentials, DigestClient
from sip_agent.core.call.call import Call
from sip_agent.core.call.facts import State
from sip_agent.core.call.saved import SavedCall, SavedLeg
from sip_agent.core.dialog.dialog import CSEQ_GAP
from sip_agent.core.dialog.identity import Identity
from sip_agent.core.events import Flow, TransactionId
from sip_agent.core.in_dialog.session_timer import SessionInterval
from sip_agent.core.syntax.uri import NameAddr, SipUri
from sip_agent.core.takeover.resumption import WAYS, Resumption, Way
from sip_agent.core.transaction.saved import SavedClient, SavedServer

ELSEWHERE = "sip:s-1@192.0.2.99:5060"
LATER = 1000.0
FLOW = Flow("udp", "192.0.2.7", 5070)
CLIENT = SavedClient(id=TransactionId("z9hG4bK1", "INVITE"), flow=FLOW, state="proceeding", data=b"")
SERVER = SavedServer(id=transaction("invite"), flow=FLOW, state="proceeding")


def adopter() -> Identity:
    """Alice at another agent."""
    digest = DigestClient(Credentials("alice", "secret"), lambda: "cnonce")
    return Identity(NameAddr("Alice", SipUri.parse("sip:alice@example.com")), ELSEWHERE, digest)


def resumed(
    saved: SavedCall, invite: SavedClient | SavedServer | None, is_same_place: bool = False, age: float = 2.0
) -> tuple[Resumption, Call]:
    resumption = Resumption(SavedLeg(call=saved, invite=invite), is_same_place, age)
    call = resumption.call(adopter(), RULES, LATER)
    resumption.begin(call, LATER)
    return resumption, call


def established_out() -> SavedCall:
    call, invite = calling()
    call.receive_response("invite", make_reply(invite, 200, sdp="their answer"), 0.5)
    call.media_answered("answer", "for the browser", 0.6)
    return record(call, 1.0)


def test_every_state_that_has_a_record_has_a_way() -> None:
    assert set(State) - set(WAYS) == {State.INVITED, State.ENDING, State.ENDED}


@pytest.mark.parametrize("provisional", [0, 180])
def test_an_unanswered_call_is_cancelled_and_dialled_anew(provisional: int) -> None:
    call, invite = calling()
    if provisional:
        call.receive_response("invite", make_reply(invite, provisional), 0.5)
    resumption, other = resumed(record(call, 1.0), CLIENT)
    assert (resumption.way, resumption.lost_invite, resumption.invite) == (Way.DIAL_ANEW, CLIENT, None)
    outputs = other.take_output()
    again = request_of(outputs)
    assert told(outputs) == ["SaveCall", "INVITE as invite"]
    assert (again.call_id, again.from_, again.cseq) == (invite.call_id, invite.from_, (2, "INVITE"))
    assert (again.body, str(again.contacts[0].uri), again.headers.get("X-Ticket")) == (b"our offer", ELSEWHERE, "7")
    other.receive_response("invite", make_reply(again, 180), LATER + 1)
    assert told(other.take_output()) == ["SaveCall"] + ["ringing 180"] * (not provisional)
    assert other.next_timer() == LATER + 60.0 - 1.0 - 2.0


def test_at_the_same_address_it_just_goes_on() -> None:
    call, invite = calling()
    call.receive_response("invite", make_reply(invite, 180), 0.5)
    resumption, other = resumed(record(call, 1.0), CLIENT, is_same_place=True)
    assert (resumption.way, resumption.lost_invite, resumption.invite) == (Way.GO_ON, None, CLIENT)
    assert other.take_output() == []


def test_a_ringing_call_can_be_answered_from_elsewhere() -> None:
    resumption, other = resumed(record(ringing(), 10.0), SERVER)
    assert (resumption.way, resumption.invite, resumption.lost_invite) == (Way.GO_ON, SERVER, None)
    assert other.take_output() == []
    other.answer("browser's answer", LATER)
    other.media_answered("answer_browser", "our sdp", LATER)
    (response,) = [output.response for output in other.take_output() if hasattr(output, "response")]
    assert (response.status, response.to.tag, str(response.contacts[0].uri)) == (200, "ours", ELSEWHERE)


def test_an_established_call_gets_a_re_invite_with_what_stands() -> None:
    _, other = resumed(established_out(), None)
    assert told(other.take_output()) == ["ask our_offer: "]
    other.media_answered("our_offer", "our offer, unchanged", LATER)
    again = request_of(other.take_output())
    assert (again.method, again.cseq[0], again.from_.tag, again.to.tag) == ("INVITE", 2 + CSEQ_GAP, "ours", "far")
    assert (str(again.contacts[0].uri), again.body) == (ELSEWHERE, b"our offer, unchanged")
    answer = make_reply(again, 200, sdp="their answer again")
    other.receive_response(f"INVITE {again.cseq[0]}", answer, LATER)
    assert told(other.take_output()) == ["ACK", "ask their_answer: their answer again"]
    other.media_answered("their_answer", "nothing new", LATER)
    assert told(other.take_output()) == ["SaveCall"]


def test_a_re_invite_that_is_refused_leaves_the_call_and_tells_nobody() -> None:
    _, other = resumed(established_out(), None)
    other.media_answered("our_offer", "our offer", LATER)
    again = request_of(other.take_output())
    other.receive_response(f"INVITE {again.cseq[0]}", make_reply(again, 488), LATER)
    assert (other.take_output(), other.state) == ([], State.CONFIRMED)


def test_one_that_the_far_side_does_not_know_any_more_is_over() -> None:
    _, other = resumed(established_out(), None)
    other.media_answered("our_offer", "our offer", LATER)
    again = request_of(other.take_output())
    other.receive_response(f"INVITE {again.cseq[0]}", make_reply(again, 481), LATER)
    assert told(other.take_output())[0] == "ended 481 Call/Transaction Does Not Exist by remote"


def test_an_ack_that_may_not_have_been_sent_is_sent() -> None:
    call, invite = calling()
    call.receive_response("invite", make_reply(invite, 200, sdp="their answer"), 0.5)
    _, other = resumed(record(call, 1.0), None)
    assert sorted(told(other.take_output())) == ["ACK", "ask answer: their answer"]
    other.media_answered("answer", "for the browser", LATER)
    assert told(other.take_output()) == ["SaveCall", "Established", "ask our_offer: "]


def test_a_young_200_is_repeated_and_a_re_invite_tells_that_it_was_acknowledged() -> None:
    _, other = resumed(record(answered(), 2.5), SERVER)
    assert sorted(told(other.take_output())) == ["Established", "ask our_offer: ", "respond 200"]
    other.media_answered("our_offer", "our offer", LATER)
    again = request_of(other.take_output())
    other.handle_timer(LATER + 0.5)
    assert told(other.take_output()) == ["respond 200"]
    other.receive_response(f"INVITE {again.cseq[0]}", make_reply(again, 200, sdp="far offer"), LATER + 0.6)
    other.take_output()
    other.handle_timer(LATER + 64.0)
    assert (other.take_output(), other.state) == ([], State.CONFIRMED)


def test_a_young_200_whose_ack_comes_here() -> None:
    _, other = resumed(record(answered(), 2.5), SERVER)
    other.media_answered("our_offer", "our offer", LATER)
    other.take_output()
    other.receive_ack(make_in_dialog("ACK", 7, "far-call", "far", "ours"), LATER + 0.1)
    other.handle_timer(LATER + 40.0)
    assert "respond 200" not in told(other.take_output())


def test_the_time_since_the_record_was_written_counts() -> None:
    _, other = resumed(record(ringing(), 10.0), SERVER, age=30.0)
    assert other.next_timer() == LATER + 60.0 - 10.0 - 30.0
    saved = record(answered(), 2.5)
    _, other = resumed(saved, SERVER, age=40.0)
    assert told(other.take_output()) == ["ask our_offer: "]  # so long ago that the ACK has come


def test_a_session_timer_goes_on_by_the_time_that_is_left() -> None:
    saved = established_out()
    interval = SessionInterval(interval=1800, is_ours=True, left=1500.0, minimum=90)
    session = msgspec.structs.replace(saved.session, interval=interval)
    aged = msgspec.structs.replace(saved, session=session).aged(100.0)
    assert aged.session.interval is not None and aged.session.interval.left == 1400.0
