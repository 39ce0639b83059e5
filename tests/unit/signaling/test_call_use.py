"""What a page may do with an established call, and what it hears of one: hold, digits, transfer, messages."""

import json
from typing import Any

import pytest

from shared.messages import (
    CallActionFailed,
    CallEstablished,
    CallHold,
    CallQuality,
    CallSnapshot,
    CallTransferred,
    DtmfReceived,
    IncomingCall,
    IncomingMessage,
    LegQuality,
    MessageSent,
    SessionSnapshot,
    TransferProgress,
)
from shared.messages.account import CallState
from signaling.core import outputs
from signaling.core.call import News
from signaling.core.frames import SessionOk
from signaling.core.session import Session

CALL, OTHER = "c-abcdefgh12345678", "c-another123456789"
SDP = "v=0\r\n"
WELCOME = SessionOk(re="1", session="s", resume_token="t", aor="a@b", domain="b", ice_servers=())
RESUME = {"version": 1, "session": "s", "resume_token": "t", "next_token": "n" * 32}
MESSAGE = {"message": "t-abcdefgh12345678", "body": "hello"}
USES: list[tuple[str, dict[str, Any]]] = [
    ("hold", {"on": True}),
    ("hold", {"on": False}),
    ("dtmf", {"digits": "12#"}),
    ("transfer", {"to": "carol"}),
]
ABOUT = {"session_id": "s", "call_id": CALL}
TOLD: list[tuple[News, dict[str, Any]]] = [
    (CallHold(**ABOUT, local=True, remote=False), {"type": "call.hold", "local": True, "remote": False}),
    (
        CallActionFailed(**ABOUT, action="dtmf", status=415, reason="Unsupported Media Type"),
        {"type": "call.action_failed", "action": "dtmf", "status": 415, "reason": "Unsupported Media Type"},
    ),
    (DtmfReceived(**ABOUT, digit="#", duration_ms=160), {"type": "call.dtmf", "digit": "#", "duration": 160}),
    (
        CallQuality(**ABOUT, legs=(LegQuality(side="sip", kind="audio", loss=0.01),), unheard=("browser",)),
        {
            "type": "call.quality",
            "legs": [
                {
                    "side": "sip",
                    "kind": "audio",
                    "loss": 0.01,
                    "jitter": None,
                    "round_trip": None,
                    "mos": None,
                    "reported_loss": None,
                    "reported_jitter": None,
                }
            ],
            "unheard": ["browser"],
        },
    ),
    (
        TransferProgress(**ABOUT, status=180, reason="Ringing"),
        {"type": "call.transfer", "status": 180, "reason": "Ringing"},
    ),
    (
        CallTransferred(**ABOUT, peer="sip:dave@example.org;transport=tcp", peer_name="Dave"),
        {"type": "call.transferred", "peer": "dave@example.org", "peer_name": "Dave"},
    ),
]


def ask(at: Session, type: str, re: str = "7", **fields: Any) -> None:
    at.receive(json.dumps({"type": type, "id": re, **fields}), 0.0)


def frames(session: Session) -> list[dict[str, Any]]:
    return [json.loads(output.text) for output in session.take_output() if isinstance(output, outputs.Send)]


def resumed(*calls: CallSnapshot) -> Session:
    session = Session(0.0, 10.0, lambda: "n" * 32)
    ask(session, "resume", "1", **RESUME)
    assert session.resumed(WELCOME, SessionSnapshot(registration="registered", calls=calls), 0.0)
    session.take_output()
    return session


def call(call_id: str = CALL, state: CallState = "established", **fields: Any) -> CallSnapshot:
    return CallSnapshot(
        call_id=call_id, direction="outgoing", state=state, caller="a@b", callee="c@d", browser_sdp=SDP, **fields
    )


@pytest.mark.parametrize(("verb", "fields"), USES)
def test_an_established_call_may_be_used_and_the_agent_decides(verb: str, fields: dict[str, Any]) -> None:
    session = resumed(call())
    ask(session, verb, call=CALL, **fields)
    _, use = session.take_output()
    assert isinstance(use, outputs.Use) and use.call_id == CALL
    session.forwarded(use.request.id)
    assert frames(session) == [{"type": "ok", "re": "7"}]
    session.refused(use.request.id, 491, "Request Pending")
    assert frames(session) == [{"type": "error", "re": "7", "status": 491, "reason": "Request Pending"}]


@pytest.mark.parametrize("state", ["incoming", "trying", "ringing", "early"])
@pytest.mark.parametrize(("verb", "fields"), USES)
def test_a_call_that_is_not_established_may_not(verb: str, fields: dict[str, Any], state: CallState) -> None:
    session = resumed(call(state=state))
    ask(session, verb, call=CALL, **fields)
    reply = frames(session)[0]
    assert reply["status"] == 400 and reply["reason"].startswith(f"{verb}: the call is")
    ask(session, verb, call=OTHER, **fields)
    assert frames(session)[0]["status"] == 481


def test_a_call_is_transferred_to_another_one_only_if_both_are_established() -> None:
    session = resumed(call(), call(OTHER))
    ask(session, "transfer", call=CALL, other=OTHER)
    assert isinstance(session.take_output()[-1], outputs.Use)
    session = resumed(call(), call(OTHER, "early"))
    ask(session, "transfer", call=CALL, other=OTHER)
    assert frames(session)[0]["status"] == 400
    session = resumed(call())
    ask(session, "transfer", call=CALL, other=OTHER)
    assert frames(session)[0]["status"] == 481


def test_a_message_needs_a_call_only_if_it_names_one() -> None:
    session = resumed(call())
    for fields in ({"to": "bob"}, {"call": CALL}):
        ask(session, "message", **MESSAGE, **fields)
        assert isinstance(session.take_output()[-1], outputs.SendMessage)
    ask(session, "message", **MESSAGE, call=OTHER)
    assert frames(session)[0]["status"] == 481


@pytest.mark.parametrize(("event", "told"), TOLD)
def test_the_page_hears_what_becomes_of_its_call(event: News, told: dict[str, Any]) -> None:
    session = resumed(call())
    session.hear(event, 0.0)
    assert frames(session) == [{"seq": 1, "call": CALL, **told}]


@pytest.mark.parametrize(("event", "_"), TOLD)
def test_news_of_a_call_that_is_not_established_make_no_sense(event: News, _: object) -> None:
    session = resumed(call(state="early"))
    session.hear(event, 0.0)
    assert session.take_output() == [outputs.Dropped(type(event).__name__)]


def test_news_that_overtake_the_reply_to_a_call_wait_for_it() -> None:
    session = resumed()
    ask(session, "call", call=CALL, to="bob", sdp=SDP)
    session.hear(CallEstablished(**ABOUT, browser_sdp=SDP), 0.0)
    session.hear(CallHold(**ABOUT, local=False, remote=True), 0.0)
    assert frames(session) == []
    session.calls.started(CALL, 0.0)
    assert [frame["type"] for frame in frames(session)] == ["ok", "call.established", "call.hold"]


def test_a_resume_says_who_holds_and_a_catch_up_only_what_has_changed() -> None:
    session = Session(0.0, 10.0, lambda: "n" * 32)
    ask(session, "resume", "1", **RESUME)
    held = SessionSnapshot(registration="registered", calls=(call(local_hold=True),))
    session.resumed(WELCOME, held, 0.0)
    assert frames(session)[0]["calls"][0]["held"] == {"local": True, "remote": False}
    session.catch_up(frozenset({CALL}), held, 0.0)
    assert frames(session) == []
    session.catch_up(frozenset({CALL}), SessionSnapshot(registration="registered", calls=(call(),)), 0.0)
    assert frames(session) == [{"type": "call.hold", "seq": 1, "call": CALL, "local": False, "remote": False}]


def test_a_message_is_taken_while_there_is_a_page() -> None:
    message = IncomingMessage(
        id="q", expires_at=1e12, session_id="s", message_id="m-1", sender="sip:carol@x", sender_name="Carol", body="hi"
    )
    session = resumed()
    assert session.deliver(message)
    told = frames(session)[0]
    assert (told["message"], told["from"], told["from_name"], told["body"]) == ("m-1", "carol@x", "Carol", "hi")
    assert "call" not in told
    session.lost()
    assert not session.deliver(message)


def test_the_page_is_told_what_became_of_its_message() -> None:
    session = resumed()
    session.hear(MessageSent(session_id="s", message_id="t-1", status=404, reason="Not Found"), 0.0)
    assert frames(session) == [
        {"type": "message.sent", "seq": 1, "message": "t-1", "status": 404, "reason": "Not Found"}
    ]


def test_an_incoming_call_says_what_its_servers_asserted_and_which_headers_it_has() -> None:
    session = resumed()
    session.offer(CALL, 0.0)
    incoming = IncomingCall(
        id="q",
        expires_at=1e12,
        **ABOUT,
        agent="a",
        caller="sip:anonymous@anonymous.invalid",
        callee="sip:a@b",
        sip_sdp="",
        asserted="sip:+15551234@example.org",
        headers={"X-Ticket": "4711"},
    )
    assert session.show(incoming, SDP)
    told = frames(session)[0]
    assert (told["asserted"], told["headers"]) == ("+15551234@example.org", {"X-Ticket": "4711"})
