"""What a session makes of the agent's word after events may have been missed."""

import json
from typing import Any

import pytest

from shared.messages import CallEnded, CallSnapshot, IncomingCall, RegistrationChanged, SessionSnapshot
from shared.messages.account import CallState
from signaling.core import outputs
from signaling.core.frames import SessionOk
from signaling.core.session import Session

CALL = "c-abcdefgh12345678"
SDP = "v=0\r\n"
WELCOME = SessionOk(re="1", session="s", resume_token="t", aor="a@b", domain="b", ice_servers=())
LOGIN = {"version": 1, "sip": {"login": "alice", "password": "", "domain": ""}}
RESUME = {"version": 1, "session": "s", "resume_token": "t", "next_token": "n" * 32}


def ask(at: Session, type: str, **fields: Any) -> None:
    at.receive(json.dumps({"type": type, "id": "1", **fields}), 0.0)


def frames(session: Session) -> list[dict[str, Any]]:
    return [json.loads(output.text) for output in session.take_output() if isinstance(output, outputs.Send)]


def types(session: Session) -> list[str]:
    return [frame["type"] for frame in frames(session)]


def logged_in() -> Session:
    session = Session(0.0, 10.0, lambda: "n" * 32)
    ask(session, "login", **LOGIN)
    session.opened(WELCOME, 0.0)
    session.hear(RegistrationChanged(session_id="s", state="registered", status=200, reason="OK"), 0.0)
    session.take_output()
    return session


def calling() -> Session:
    session = logged_in()
    ask(session, "call", call=CALL, to="bob", sdp=SDP)
    session.calls.started(CALL, 0.0)
    session.take_output()
    return session


def snapshot(*calls: CallSnapshot) -> SessionSnapshot:
    return SessionSnapshot(registration="registered", status=200, reason="OK", calls=calls)


def live(state: CallState, call_id: str = CALL, sdp: str | None = SDP) -> CallSnapshot:
    return CallSnapshot(
        call_id=call_id,
        direction="incoming" if state == "incoming" else "outgoing",
        state=state,
        caller="a@b",
        callee="c@d",
        browser_sdp=sdp,
    )


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("trying", ["call.trying"]),
        ("ringing", ["call.ringing"]),
        ("early", ["call.early"]),
        ("established", ["call.established"]),
    ],
)
def test_a_call_is_brought_to_where_it_stands(state: CallState, told: list[str]) -> None:
    session = calling()
    session.catch_up(session.calls.at_the_agent(), snapshot(live(state)), 1.0)
    events = frames(session)
    assert [event["type"] for event in events] == told
    assert events[0].get("sdp") == (None if state == "trying" else SDP)


def test_a_call_that_the_agent_no_longer_has_is_over() -> None:
    session = calling()
    session.catch_up(session.calls.at_the_agent(), snapshot(), 1.0)
    assert [(one["type"], one["status"], one["by"]) for one in frames(session)] == [("call.ended", 481, "system")]
    assert len(session.calls) == 0


def test_a_call_that_began_after_the_question_is_left_alone() -> None:
    session = logged_in()
    asked_about = session.calls.at_the_agent()
    ask(session, "call", call=CALL, to="bob", sdp=SDP)
    assert session.calls.at_the_agent() == frozenset()
    session.calls.started(CALL, 0.0)
    session.take_output()
    session.catch_up(asked_about, snapshot(), 1.0)
    assert session.take_output() == [] and len(session.calls) == 1


def test_a_call_that_ended_after_the_question_stays_ended() -> None:
    session = calling()
    asked_about = session.calls.at_the_agent()
    session.hear(CallEnded(session_id="s", call_id=CALL, status=200, reason="OK", by="remote"), 0.5)
    session.take_output()
    session.catch_up(asked_about, snapshot(live("established")), 1.0)
    assert session.take_output() == []


def test_a_call_that_the_page_knows_nothing_of_is_hung_up() -> None:
    session = logged_in()
    session.catch_up(frozenset(), snapshot(live("ringing")), 1.0)
    assert session.take_output() == [outputs.HangUp(None, CALL)]


def test_the_registration_is_told_only_if_the_page_knows_another() -> None:
    session = logged_in()
    session.catch_up(frozenset(), snapshot(), 1.0)
    assert types(session) == []
    session.catch_up(frozenset(), SessionSnapshot(registration="failed", status=503, reason="Gone"), 1.0)
    session.catch_up(frozenset(), SessionSnapshot(registration="failed", status=503, reason="Gone"), 1.0)
    assert types(session) == ["registration"]


def test_an_incoming_call_that_is_just_being_offered_is_shown_by_its_offer_alone() -> None:
    incoming = IncomingCall(
        id="q", expires_at=1e12, session_id="s", call_id=CALL, agent="a", caller="c@x", callee="a@x", sip_sdp=SDP
    )
    session = Session(0.0, 10.0, lambda: "n" * 32)
    ask(session, "resume", **RESUME)
    session.resumed(WELCOME, snapshot(live("incoming", sdp=None)), 0.0)
    assert frames(session)[0]["calls"] == []
    session.offer(CALL, 0.0)
    session.catch_up(session.calls.at_the_agent(), snapshot(live("incoming", sdp=None)), 0.0)
    assert session.take_output() == []
    assert session.show(incoming, SDP)
    assert types(session) == ["call.incoming"]
