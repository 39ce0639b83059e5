"""One socket's session: what is legal when, and in which order the page hears of it."""

import itertools
import json
from typing import Any

import msgspec
import pytest

from shared.messages import (
    CallEnded,
    CallEstablished,
    CallProgress,
    CallSnapshot,
    IncomingCall,
    RegistrationChanged,
    SessionSnapshot,
)
from signaling.core import outputs
from signaling.core.errors import PageError
from signaling.core.frames import IceOk, SessionOk
from signaling.core.session import TABLE, Input, Session, SessionState

CALL = "c-abcdefgh12345678"
SDP = "v=0\r\n"
SIP = {"login": "alice", "password": "secret", "domain": ""}
REQUESTS: dict[str, dict[str, Any]] = {
    "login": {"version": 1, "sip": SIP},
    "resume": {"version": 1, "session": "s", "resume_token": "t", "next_token": "n" * 32},
    "logout": {},
    "ping": {},
    "ice": {},
    "call": {"call": CALL, "to": "bob", "sdp": SDP},
    "answer": {"call": CALL, "sdp": SDP},
    "hangup": {"call": CALL},
    "hold": {"call": CALL, "on": True},
    "dtmf": {"call": CALL, "digits": "1"},
    "transfer": {"call": CALL, "to": "carol"},
    "message": {"message": "t-abcdefgh12345678", "to": "bob", "body": "hello"},
}
WELCOME = SessionOk(re="1", session="s", resume_token="t", aor="a@b", domain="b", ice_servers=())
ABOUT = {"session_id": "s", "call_id": CALL}
TRYING = CallProgress(**ABOUT, state="trying", status=100, reason="Trying")
ESTABLISHED = CallEstablished(**ABOUT, browser_sdp=SDP)
ENDED = CallEnded(**ABOUT, status=486, reason="Busy Here", by="remote")
INCOMING = IncomingCall(id="q", expires_at=1e12, **ABOUT, agent="a", caller="carol@x", callee="alice@x", sip_sdp=SDP)


def ask(session: Session, type: str, re: str = "1", now: float = 0.0, **fields: Any) -> None:
    session.receive(json.dumps({"type": type, "id": re, **REQUESTS[type], **fields}), now)


def frames(session: Session) -> list[dict[str, Any]]:
    return [json.loads(output.text) for output in session.take_output() if isinstance(output, outputs.Send)]


def work(session: Session) -> list[outputs.Output]:
    return [
        output
        for output in session.take_output()
        if not isinstance(output, outputs.Send | outputs.Received | outputs.Reached)
    ]


def opened() -> Session:
    session = Session(0.0, 10.0, lambda: "n" * 32)
    ask(session, "login")
    assert session.opened(WELCOME, 0.0)
    session.take_output()
    return session


def started() -> Session:
    session = opened()
    ask(session, "call")
    assert session.media_allocated(CALL, 0.1)
    session.calls.started(CALL, 0.2)
    session.take_output()
    return session


def ringing() -> Session:
    session = opened()
    session.offer(CALL, 0.0)
    assert session.show(INCOMING, SDP)
    session.take_output()
    return session


@pytest.mark.parametrize(("state", "what"), list(itertools.product(SessionState, Input)))
def test_a_session_moves_by_the_table_and_by_nothing_else(state: SessionState, what: Input) -> None:
    session = Session(0.0, 10.0, lambda: "n" * 32)
    session._state = state
    action = session._handle(what)
    row = TABLE.get((state, what))
    assert (action, session.state) == (row or (None, state))


@pytest.mark.parametrize("request_type", [one for one in REQUESTS if one not in ("login", "resume")])
def test_before_log_in_nothing_else_is_served(request_type: str) -> None:
    session = Session(0.0, 10.0, lambda: "n" * 32)
    ask(session, request_type)
    assert frames(session) == [{"type": "error", "re": "1", "status": 400, "reason": "Log In First"}]


@pytest.mark.parametrize("request_type", REQUESTS)
def test_while_log_in_is_under_way_nothing_is_served(request_type: str) -> None:
    session = Session(0.0, 10.0, lambda: "n" * 32)
    ask(session, "login")
    session.take_output()
    ask(session, request_type, "2")
    assert [frame["reason"] for frame in frames(session)] == ["Log-in Is Under Way"]


def test_log_in_is_due_in_time_and_only_until_it_begins() -> None:
    session = Session(0.0, 10.0, lambda: "n" * 32)
    assert session.next_timer() == 10.0
    session.handle_timer(9.9)
    assert work(session) == []
    session.handle_timer(10.0)
    assert [output.code for output in work(session) if isinstance(output, outputs.Close)] == [1008]
    other = Session(0.0, 10.0, lambda: "n" * 32)
    ask(other, "login")
    assert other.next_timer() is None


def test_a_failed_log_in_may_be_tried_again() -> None:
    session = Session(0.0, 10.0, lambda: "n" * 32)
    ask(session, "login")
    session.not_opened("1", 503, "No SIP Agent")
    assert frames(session)[0]["reason"] == "No SIP Agent"
    ask(session, "login", "2")
    assert [type(output) for output in work(session)] == [outputs.LogIn]


def test_events_before_the_reply_to_a_log_in_come_after_it() -> None:
    session = Session(0.0, 10.0, lambda: "n" * 32)
    ask(session, "login")
    session.hear(RegistrationChanged(session_id="s", state="registering"), 0.0)
    assert frames(session) == []
    session.opened(WELCOME, 0.0)
    assert [frame["type"] for frame in frames(session)] == ["ok", "registration"]


def test_nobody_waits_for_a_log_in_whose_socket_is_gone() -> None:
    session = Session(0.0, 10.0, lambda: "n" * 32)
    ask(session, "login")
    session.lost()
    assert not session.opened(WELCOME, 0.0)
    assert not session.resumed(WELCOME, SessionSnapshot(registration="none"), 0.0)


def test_a_resumed_call_goes_on_where_it_was() -> None:
    session = Session(0.0, 10.0, lambda: "n" * 32)
    ask(session, "resume")
    session.hear(ESTABLISHED, 0.0)
    calls = tuple(
        CallSnapshot(call_id=call_id, direction="incoming", state=state, caller="a@b", callee="c@d", browser_sdp=SDP)
        for call_id, state in ((CALL, "established"), ("c-ringing", "incoming"), ("c-over", "ended"))
    )
    assert session.resumed(WELCOME, SessionSnapshot(registration="registered", calls=calls), 0.0)
    reply, *events = frames(session)
    assert [call["call"] for call in reply["calls"]] == [CALL, "c-ringing"]
    assert events == []  # the snapshot has told it already
    ask(session, "answer", "2", call="c-ringing")
    assert [type(output) for output in work(session)] == [outputs.Answer]


def test_the_page_hears_of_its_call_after_the_reply_and_in_order() -> None:
    session = opened()
    ask(session, "call", "2")
    assert [type(output) for output in work(session)] == [outputs.PlaceCall]
    for event in (TRYING, ESTABLISHED, ENDED):
        session.hear(event, 0.0)
    assert frames(session) == []
    session.calls.started(CALL, 0.5)
    told = frames(session)
    assert [frame["type"] for frame in told] == ["ok", "call.trying", "call.established", "call.ended"]
    assert [frame.get("seq") for frame in told] == [None, 1, 2, 3]
    assert len(session.calls) == 0


def test_the_stages_of_a_call_are_measured_from_its_request() -> None:
    session = opened()
    ask(session, "call", now=1.0)
    session.media_allocated(CALL, 1.25)
    session.calls.started(CALL, 1.5)
    session.hear(CallProgress(**ABOUT, state="ringing", status=180, reason="Ringing"), 2.0)
    session.hear(ESTABLISHED, 5.0)
    reached = [output for output in session.take_output() if isinstance(output, outputs.Reached)]
    assert [(output.stage, output.seconds) for output in reached] == [
        ("allocated", 0.25),
        ("started", 0.5),
        ("ringing", 1.0),
        ("established", 4.0),
    ]


def test_a_call_hung_up_while_it_is_started_is_hung_up_as_soon_as_it_can_be() -> None:
    session = opened()
    ask(session, "call", "2")
    assert session.media_allocated(CALL, 0.0)
    session.take_output()
    ask(session, "hangup", "3")
    assert [frame["re"] for frame in frames(session)] == ["3"]
    session.calls.started(CALL, 0.0)
    assert work(session) == [outputs.HangUp(None, CALL)]
    session.hear(ENDED, 0.0)
    assert frames(session)[-1]["type"] == "call.ended"


def test_a_call_hung_up_before_its_media_is_wanted_no_more() -> None:
    session = opened()
    ask(session, "call", "2")
    ask(session, "hangup", "3")
    assert not session.media_allocated(CALL, 0.0)
    session.take_output()
    session.calls.failed(CALL, 487, "Request Terminated")
    assert [(frame["re"], frame["status"]) for frame in frames(session)] == [("2", 487)]
    assert len(session.calls) == 0


def test_a_lost_socket_wants_no_media_and_shows_nothing() -> None:
    session = opened()
    ask(session, "call", "2")
    session.offer("c-in", 0.0)
    session.lost()
    assert not session.media_allocated(CALL, 0.0)
    assert not session.show(INCOMING, SDP)
    with pytest.raises(PageError, match="480"):
        session.offer("c-other", 0.0)


@pytest.mark.parametrize(
    ("request_type", "why"),
    [("answer", "answer: the call is on its way"), ("call", f"Call {CALL} Exists Already")],
)
def test_a_request_that_does_not_fit_its_call_is_refused(request_type: str, why: str) -> None:
    session = started()
    ask(session, request_type, "9")
    assert frames(session) == [{"type": "error", "re": "9", "status": 400, "reason": why}]


def test_a_call_that_is_not_there_cannot_be_hung_up() -> None:
    session = opened()
    ask(session, "hangup", "9")
    assert frames(session)[0]["status"] == 481


def test_a_refused_answer_may_be_tried_again() -> None:
    session = ringing()
    ask(session, "answer", "2")
    ask(session, "answer", "3")
    assert [frame["reason"] for frame in frames(session)] == ["answer: the call is being answered"]
    session.answer_refused("2", CALL, 488, "Not Acceptable Here", 0.0)
    assert [frame["status"] for frame in frames(session)] == [488]
    ask(session, "answer", "4")
    assert [type(output) for output in work(session)] == [outputs.Answer]


def test_a_call_that_its_agent_does_not_know_has_ended() -> None:
    session = started()
    ask(session, "hangup", "2")
    session.hangup_refused("2", CALL, 481, "Call Does Not Exist", 0.0)
    error, ended = frames(session)
    assert error["status"] == 481
    assert (ended["type"], ended["status"], ended["by"]) == ("call.ended", 481, "system")
    assert len(session.calls) == 0


def test_an_offer_that_ends_before_it_is_shown_never_is() -> None:
    session = opened()
    session.offer(CALL, 0.0)
    session.hear(ENDED, 0.0)
    assert not session.show(INCOMING, SDP)
    assert frames(session) == [] and len(session.calls) == 0


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sip:carol@example.org;transport=tcp", "carol@example.org"),
        ("sips:carol@example.org", "sips:carol@example.org"),
        ("tel:+49123;phone-context=x", "tel:+49123;phone-context=x"),
        ("bob", "bob"),
    ],
)
def test_a_page_is_shown_addresses_and_not_uris(uri: str, shown: str) -> None:
    session = opened()
    session.offer(CALL, 0.0)
    assert session.show(msgspec.structs.replace(INCOMING, caller=uri), SDP)
    assert frames(session)[0]["from"] == shown


def test_a_page_is_asked_to_answer_only_what_rings_there() -> None:
    session = ringing()
    session.calls.ask_to_answer(CALL)
    assert frames(session) == [{"type": "call.answer_requested", "seq": 2, "call": CALL}]
    ask(session, "answer", call=CALL, sdp=SDP)
    with pytest.raises(PageError, match="400"):
        session.calls.ask_to_answer(CALL)
    with pytest.raises(PageError, match="481"):
        session.calls.ask_to_answer("c-none")


def test_events_out_of_place_are_dropped_and_counted() -> None:
    session = opened()
    session.hear(ENDED, 0.0)
    session.hear(TRYING, 0.0)
    assert work(session) == [outputs.Dropped("CallEnded"), outputs.Dropped("CallProgress")]


def test_a_page_has_so_many_calls_and_no_more() -> None:
    session = opened()
    for number in range(16):
        ask(session, "call", call=f"c-abcdefgh123456{number:02}", now=float(number))
    session.take_output()
    ask(session, "call", call="c-abcdefgh12345699", now=16.0)
    assert frames(session)[0]["status"] == 403
    with pytest.raises(PageError, match="486"):
        session.offer("c-in", 16.0)


def test_ten_errors_in_a_row_close_the_socket_and_nine_do_not() -> None:
    session = opened()
    for _ in range(9):
        session.receive("{}", 0.0)
    ask(session, "ping")
    for _ in range(9):
        session.receive("{}", 1.0)
    assert work(session) == []
    session.receive("{}", 1.0)
    assert [output.code for output in work(session) if isinstance(output, outputs.Close)] == [1008]
    ask(session, "ping")
    assert session.take_output() == []


def test_busy_callees_are_no_errors_of_the_page() -> None:
    session = opened()
    for number in range(12):
        ask(session, "call", now=float(number))
        session.calls.failed(CALL, 503, "No Media Relay")
    assert session.state is SessionState.OPEN


def test_more_than_fifty_messages_in_a_second_close_the_socket() -> None:
    session = opened()
    for _ in range(50):
        ask(session, "ping", now=20.0)
    assert work(session) == []
    ask(session, "ping", now=20.0)
    assert [output.code for output in work(session) if isinstance(output, outputs.Close)] == [1008]


def test_log_out_closes_when_the_account_is_closed() -> None:
    session = opened()
    ask(session, "logout", "2")
    ask(session, "ping", "3")
    assert [frame["reason"] for frame in frames(session)] == ["Log-out Is Under Way"]
    session.logged_out("2")
    assert [type(output) for output in session.take_output()] == [outputs.Send, outputs.Close]


def test_a_log_out_that_fails_leaves_the_session_open() -> None:
    session = opened()
    ask(session, "logout", "2")
    session.not_logged_out("2", 504, "Server Time-out")
    assert session.state is SessionState.OPEN


@pytest.mark.parametrize(("reason", "code"), [("replaced", 1000), ("account closed", 1000), ("draining", 1012)])
def test_bye_is_said_once_and_is_the_last_word(reason: Any, code: int) -> None:
    session = opened()
    session.end(reason)
    session.end("draining")
    send, close = session.take_output()
    assert isinstance(send, outputs.Send) and json.loads(send.text) == {"type": "bye", "seq": 1, "reason": reason}
    assert isinstance(close, outputs.Close) and close.code == code


def test_ice_servers_are_told_again_on_request() -> None:
    session = opened()
    ask(session, "ice", "7")
    assert work(session) == [outputs.RenewIce("7")]
    session.ice_renewed(IceOk(re="7", ice_servers=(), ice_seconds=600))
    assert frames(session) == [{"type": "ok", "re": "7", "ice_servers": [], "ice_seconds": 600}]
