"""Session timers: who refreshes and when, what is too small, and the end of a call that nobody refreshes."""

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

from sip_agent.core.call.call import CallFacts
from sip_agent.core.call.incoming import IncomingCall
from sip_agent.core.call.outgoing import OutgoingCall
from sip_agent.core.call.rules import CallRules
from sip_agent.core.errors import SipError
from sip_agent.core.in_dialog.session_timer import (
    MAX_RAISES,
    TABLE,
    Input,
    SessionInterval,
    SessionTimer,
    State,
    too_small,
)
from sip_agent.core.syntax.message import Request

TARGET = "sip:bob@example.com"
RULES = CallRules(session_expires=1800, min_session_expires=90)
Fields = list[tuple[str, str]]
TIMER = ("Supported", "timer")


def outgoing(*accepted: tuple[str, str], rules: CallRules = RULES) -> OutgoingCall:
    """A call of ours whose 2xx at 1.0 has these fields."""
    facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", TARGET, 0.0)
    call = OutgoingCall(facts, make_identity(), rules, "ours", "call-id-1")
    call.start(TARGET, "our offer", [], 0.0)
    invite = request_of(call.take_output())
    call.receive_response("invite", make_reply(invite, 200, sdp="their answer", headers=accepted), 1.0)
    call.media_answered("answer", "for the browser", 1.0)
    call.take_output()
    return call


def incoming(*offered: tuple[str, str], rules: CallRules = RULES) -> tuple[IncomingCall, dict[str, str]]:
    """A call of theirs whose INVITE has these fields, established at 1.0; and the fields of our 2xx."""
    invite = make_invite()
    for name, value in offered:
        invite.headers.add(name, value)
    facts = CallFacts("c-1", "s-1", "incoming", TARGET, "sip:alice@example.com", 0.0)
    call = IncomingCall(facts, make_identity(), rules, "ours", transaction("invite"), invite)
    call.start(0.0)
    call.accepted("browser offer", 0.1)
    call.answer("browser answer", 0.5)
    call.take_output()
    call.media_answered("answer_browser", "our answer", 1.0)
    fields = dict(response_of(call.take_output()).headers)
    call.receive_ack(make_in_dialog("ACK", 7, "far-call", "far", "ours"), 1.0)
    call.take_output()
    return call, fields


def from_far(method: str, cseq: int, *fields: tuple[str, str], call_id: str = "call-id-1") -> Request:
    return make_in_dialog(method, cseq, call_id, "far", "ours", headers=fields)


# -- what is agreed


def test_an_invite_asks_for_our_interval() -> None:
    facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", TARGET, 0.0)
    call = OutgoingCall(facts, make_identity(), RULES, "ours", "call-id-1")
    call.start(TARGET, "our offer", [], 0.0)
    headers = request_of(call.take_output()).headers
    assert (headers.get("Session-Expires"), headers.get("Min-SE")) == ("1800", "90")
    assert "timer" in (headers.get("Supported") or "")


def test_no_interval_is_asked_for_where_the_setting_is_zero() -> None:
    call = outgoing(rules=CallRules(session_expires=0))
    assert call.next_timer() is None


@pytest.mark.parametrize(
    ("accepted", "refresh_at", "end_at"),
    [
        ([("Session-Expires", "600;refresher=uac")], 301.0, 569.0),
        ([("Session-Expires", "600;refresher=uas")], None, 569.0),
        ([("Session-Expires", "600")], 301.0, 569.0),
        ([("x", "600;REFRESHER=UAS")], None, 569.0),
        ([], 901.0, 1769.0),  # it knows no timers: we refresh alone
        ([("Session-Expires", "soon")], 901.0, 1769.0),
        ([("Session-Expires", "1;refresher=uac")], 46.0, 61.0),  # nobody makes us hurry
    ],
)
def test_the_2xx_to_our_invite_says_who_refreshes(accepted: Fields, refresh_at: float | None, end_at: float) -> None:
    call = outgoing(*accepted, ("Allow", "INVITE, UPDATE"))
    if refresh_at is not None:
        assert call.next_timer() == refresh_at
        call.handle_timer(refresh_at)
        assert told(call.take_output()) == ["UPDATE as UPDATE 2"]
    assert call.next_timer() == pytest.approx(end_at)


@pytest.mark.parametrize(
    ("offered", "answered", "is_required"),
    [
        ([TIMER, ("Session-Expires", "600")], "600;refresher=uac", True),
        ([TIMER, ("Session-Expires", "600;refresher=uac")], "600;refresher=uac", True),
        ([TIMER, ("Session-Expires", "600;refresher=uas")], "600;refresher=uas", True),
        ([TIMER], "1800;refresher=uas", True),
        ([TIMER, ("Min-SE", "3600")], "3600;refresher=uas", True),
        ([("Session-Expires", "600;refresher=uac")], "600;refresher=uas", False),  # put in by a proxy
        ([("Session-Expires", "10")], "1800;refresher=uas", False),
        ([], "1800;refresher=uas", False),
    ],
)
def test_our_2xx_says_who_refreshes(offered: Fields, answered: str, is_required: bool) -> None:
    call, fields = incoming(*offered)
    assert fields["Session-Expires"] == answered
    assert (fields.get("Require") == "timer") == is_required
    seconds = int(answered.partition(";")[0])
    end = 1.0 + seconds - min(32, seconds / 3)
    assert call.next_timer() == pytest.approx(end if "uac" in answered else 1.0 + seconds / 2)


def test_where_neither_side_asks_nothing_is_agreed() -> None:
    call, fields = incoming(TIMER, rules=CallRules(session_expires=0))
    assert "Session-Expires" not in fields and "Require" not in fields
    assert call.next_timer() is None


# -- what is too small


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([TIMER, ("Session-Expires", "89")], 422),
        ([TIMER, ("Session-Expires", "90")], None),
        ([("Session-Expires", "89")], None),
        ([TIMER], None),
    ],
)
def test_too_small_an_interval_is_refused_with_ours(fields: Fields, status: int | None) -> None:
    invite = make_invite()
    for name, value in fields:
        invite.headers.add(name, value)
    response = too_small(invite, RULES, "tag")
    assert (response.status if response else None) == status
    if response is not None:
        assert (response.headers.get("Min-SE"), response.to.tag) == ("90", "tag")


def test_a_reinvite_with_too_small_an_interval_changes_nothing() -> None:
    call = outgoing(("Session-Expires", "600;refresher=uas"))
    call.receive_request(transaction("up"), from_far("UPDATE", 1, TIMER, ("Session-Expires", "10")), 5.0)
    assert response_of(call.take_output()).status == 422
    assert call.next_timer() == 569.0


@pytest.mark.parametrize("name", ["Session-Expires", "Min-SE"])
@pytest.mark.parametrize("text", ["", "x", "-1", "99999999999", "3000000000", "\u0663"])
def test_a_malformed_interval_is_refused_at_once(name: str, text: str) -> None:
    invite = make_invite()
    invite.headers.add(name, text)
    with pytest.raises(SipError, match="400"):
        too_small(invite, RULES)


def test_an_invite_refused_as_too_small_is_sent_again_with_the_larger_interval() -> None:
    facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", TARGET, 0.0)
    call = OutgoingCall(facts, make_identity(), RULES, "ours", "call-id-1")
    call.start(TARGET, "our offer", [], 0.0)
    invite = request_of(call.take_output())
    call.receive_response("invite", make_reply(invite, 422, headers=[("Min-SE", "3600")]), 0.5)
    again = request_of(call.take_output())
    assert (again.headers.get("Session-Expires"), again.headers.get("Min-SE")) == ("3600", "3600")
    assert (again.call_id, again.from_.tag, again.cseq) == (invite.call_id, "ours", (2, "INVITE"))
    call.receive_response("invite", make_reply(again, 200, sdp="their answer"), 1.0)
    assert call.next_timer() == 1801.0


@pytest.mark.parametrize("headers", [[], [("Min-SE", "90")], [("Min-SE", "much")]])
def test_a_422_that_asks_for_no_more_ends_the_attempt(headers: Fields) -> None:
    facts = CallFacts("c-1", "s-1", "outgoing", "sip:alice@example.com", TARGET, 0.0)
    call = OutgoingCall(facts, make_identity(), RULES, "ours", "call-id-1")
    call.start(TARGET, "our offer", [], 0.0)
    invite = request_of(call.take_output())
    call.receive_response("invite", make_reply(invite, 422, headers=headers), 0.5)
    assert told(call.take_output()) == ["ended 422 Session Interval Too Small by remote", "Finished"]


def test_who_asks_for_ever_more_is_not_followed() -> None:
    timer = SessionTimer(RULES)
    reply = make_invite()
    asked = [timer.raised(make_reply(reply, 422, headers=[("Min-SE", str(100 + n))])) for n in range(MAX_RAISES + 1)]
    assert asked == [True] * MAX_RAISES + [False]


# -- refreshes


def test_a_refresh_by_update_keeps_the_roles_and_begins_the_interval_anew() -> None:
    call = outgoing(("Session-Expires", "600;refresher=uac"), ("Allow", "INVITE, UPDATE"))
    call.handle_timer(301.0)
    update = request_of(call.take_output())
    assert (update.body, update.headers.get("Session-Expires")) == (b"", "600;refresher=uac")
    reply = make_reply(update, 200, headers=[("Session-Expires", "600;refresher=uac"), ("Require", "timer")])
    call.receive_response("UPDATE 2", reply, 302.0)
    assert told(call.take_output()) == ["SaveCall"]
    assert call.next_timer() == 602.0


def test_a_refresh_by_invite_offers_what_stands() -> None:
    call = outgoing(("Session-Expires", "600;refresher=uac"), ("Allow", "INVITE, ACK"))
    call.handle_timer(301.0)
    assert told(call.take_output()) == ["ask our_offer: "]
    call.media_answered("our_offer", "the same", 301.1)
    invite = request_of(call.take_output())
    assert (invite.method, invite.body, invite.headers.get("Session-Expires")) == (
        "INVITE",
        b"the same",
        "600;refresher=uac",
    )
    call.receive_response("INVITE 2", make_reply(invite, 200, sdp="the same answer"), 302.0)
    assert told(call.take_output()) == ["ACK", "ask their_answer: the same answer"]
    call.media_answered("their_answer", "", 302.1)
    assert told(call.take_output()) == ["SaveCall"]
    assert call.next_timer() == 602.0


@pytest.mark.parametrize("status", [405, 501])
def test_an_update_that_is_not_known_after_all_is_followed_by_an_invite(status: int) -> None:
    call = outgoing(("Session-Expires", "600;refresher=uac"), ("Allow", "INVITE, UPDATE"))
    call.handle_timer(301.0)
    update = request_of(call.take_output())
    call.receive_response("UPDATE 2", make_reply(update, status), 302.0)
    call.handle_timer(302.0)
    assert told(call.take_output()) == ["ask our_offer: "]


def test_a_refresh_refused_as_too_small_asks_for_more() -> None:
    call = outgoing(("Session-Expires", "600;refresher=uac"), ("Allow", "INVITE, UPDATE"))
    call.handle_timer(301.0)
    update = request_of(call.take_output())
    call.receive_response("UPDATE 2", make_reply(update, 422, headers=[("Min-SE", "900")]), 302.0)
    call.handle_timer(302.0)
    again = request_of(call.take_output())
    assert (again.headers.get("Session-Expires"), again.headers.get("Min-SE")) == ("900;refresher=uac", "900")


def test_a_refused_refresh_is_tried_again_in_half_of_what_is_left_and_ends_with_bye() -> None:
    call = outgoing(("Session-Expires", "600;refresher=uac"), ("Allow", "INVITE, UPDATE"))
    call.handle_timer(301.0)
    update = request_of(call.take_output())
    call.receive_response("UPDATE 2", make_reply(update, 488), 301.0)
    assert call.take_output() == []
    assert call.next_timer() == 301.0 + (569.0 - 301.0) / 2
    call.handle_timer(435.0)
    assert told(call.take_output()) == ["UPDATE as UPDATE 3"]
    call.handle_timer(569.0)
    outputs = call.take_output()
    assert told(outputs) == ["ended 408 Session Expired by system", "BYE as bye"]
    assert request_of(outputs).headers.get("Reason") == 'SIP;cause=408;text="Session Expired"'


def test_a_hold_refreshes_as_well() -> None:
    call = outgoing(("Session-Expires", "600;refresher=uac"), ("Allow", "INVITE, UPDATE"))
    call.hold(True, 200.0)
    call.media_answered("our_offer", "hold", 200.0)
    invite = request_of(call.take_output())
    reply = make_reply(invite, 200, sdp="held", headers=[("Session-Expires", "600;refresher=uac")])
    call.receive_response("INVITE 2", reply, 201.0)
    assert call.next_timer() == 501.0


def test_a_far_side_that_refreshes_keeps_the_call_and_its_role() -> None:
    call = outgoing(("Session-Expires", "600;refresher=uas"))
    call.receive_request(
        transaction("up"), from_far("UPDATE", 1, TIMER, ("Session-Expires", "600;refresher=uac")), 300.0
    )
    response = response_of(call.take_output())
    assert (response.status, response.headers.get("Session-Expires")) == (200, "600;refresher=uac")
    assert call.next_timer() == 868.0


def test_a_request_of_theirs_without_an_interval_leaves_the_roles() -> None:
    call = outgoing(("Session-Expires", "600;refresher=uas"))
    call.receive_request(transaction("up"), from_far("UPDATE", 1, TIMER), 300.0)
    assert response_of(call.take_output()).headers.get("Session-Expires") == "600;refresher=uac"


def test_a_silent_refresher_ends_the_call() -> None:
    call = outgoing(("Session-Expires", "90;refresher=uas"))
    assert call.next_timer() == 61.0  # a third of a short interval before its end
    call.handle_timer(61.0)
    assert told(call.take_output()) == ["ended 408 Session Expired by system", "BYE as bye"]


def test_a_call_that_is_over_is_not_refreshed() -> None:
    call = outgoing(("Session-Expires", "600;refresher=uac"))
    call.hangup(0, "", 5.0)
    assert call.next_timer() is None


# -- the machine


def in_state(state: State) -> SessionTimer:
    timer = SessionTimer(RULES)
    reply = make_reply(
        make_invite(), 200, headers=[("Session-Expires", f"600;refresher={'uas' if state is State.THEIRS else 'uac'}")]
    )
    if state is not State.OFF:
        timer.agreed(reply, 0.0)
    if state is State.REFRESHING:
        assert timer.is_refresh_due(300.0)
    assert timer.state is state
    return timer


@pytest.mark.parametrize("state", State)
def test_what_is_due_is_told_once(state: State) -> None:
    timer = in_state(state)
    assert timer.is_refresh_due(300.0) == (state is State.OURS)
    assert not timer.is_refresh_due(300.0)
    assert timer.is_expired(568.0) == (state is not State.OFF)
    assert not timer.is_expired(568.0)
    assert timer.next_timer() is None


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("given", Input)
def test_every_row_leads_where_the_input_says(state: State, given: Input) -> None:
    leads = {
        Input.AGREED_OURS: State.OURS,
        Input.AGREED_THEIRS: State.THEIRS,
        Input.HALF: State.REFRESHING,
        Input.FAILED: State.OURS,
        Input.EXPIRED: State.OFF,
        Input.STOP: State.OFF,
    }
    row = TABLE.get((state, given))
    assert row is None or row[1] is leads[given]
    if given in (Input.AGREED_OURS, Input.AGREED_THEIRS):
        assert row is not None


@pytest.mark.parametrize("state", State)
def test_a_record_has_what_another_agent_needs(state: State) -> None:
    kept = in_state(state).for_record(310.0)
    if state is State.OFF:
        assert kept is None
        return
    assert kept is not None
    assert (kept.interval, kept.is_ours, kept.left) == (600, state is not State.THEIRS, 290.0)
    taken = SessionTimer(RULES)
    taken.restore(kept, 1010.0)
    assert taken.is_refresh_due(1010.0) == (state is not State.THEIRS)
    assert taken.next_timer() == 1010.0 + 290.0 - 32.0


@pytest.mark.parametrize("left", [20.0, 0.0, -100.0])
def test_an_interval_that_ran_out_while_nobody_had_the_call_leaves_time_for_one_refresh(left: float) -> None:
    timer = SessionTimer(RULES)
    timer.restore(SessionInterval(interval=600, is_ours=True, left=left, minimum=90), 1000.0)
    assert timer.is_refresh_due(1000.0)
    assert timer.next_timer() == 1032.0
