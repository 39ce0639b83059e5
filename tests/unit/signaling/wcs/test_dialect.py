"""A session in WCS's language: what its pages say becomes requests, and what they are told is in the SDK's order."""

import json
from typing import Any

import msgspec
import pytest

from shared.messages import (
    CallEnded,
    CallEstablished,
    CallHold,
    CallProgress,
    CallSnapshot,
    IncomingCall,
    IncomingMessage,
    RegistrationChanged,
    SessionSnapshot,
)
from signaling.core import outputs
from signaling.core.errors import PageError
from signaling.core.frames import IceServer, SessionOk
from signaling.core.requests import LoginRequest
from signaling.core.session import Session
from signaling.core.wcs.call import native_id

SDP = "v=0\r\nm=audio 9 RTP\r\n"
TOKEN = "n" * 32
CALL = "2f1c3b10-0a4b-11ef-9f5e-0242ac120002"
NATIVE = native_id(CALL)
CONNECTION = {
    "appKey": "defaultApp",
    "mediaProviders": ["WebRTC"],
    "keepAlive": True,
    "clientVersion": "2.0",
    "sipLogin": "alice",
    "sipAuthenticationName": "alice",
    "sipPassword": "secret",
    "sipDomain": "example.org",
    "sipOutboundProxy": "proxy.example.org",
    "sipPort": "5070",
    "sipRegisterRequired": True,
}
WELCOME = SessionOk(
    re="1", session="s-1", resume_token="t-1", aor="alice@example.org", domain="example.org", ice_servers=()
)
ABOUT = {"session_id": "s-1", "call_id": NATIVE}


def say(session: Session, message: str, argument: Any = None) -> None:
    session.receive(json.dumps({"message": message, "data": [argument]}), 0.0)


def told(session: Session) -> list[tuple[str, Any]]:
    """Return (message, arguments) of what the page was told."""
    texts = [json.loads(output.text) for output in session.take_output() if isinstance(output, outputs.Send)]
    return [(text["message"], text["data"]) for text in texts]


def statuses(session: Session) -> list[tuple[str, str]]:
    return [(message, data[0]["status"]) for message, data in told(session) if isinstance(data[0], dict)]


def work(session: Session) -> list[outputs.Output]:
    facts = outputs.Send | outputs.Received | outputs.Reached | outputs.Ended | outputs.Told
    return [output for output in session.take_output() if not isinstance(output, facts)]


def greeted(**changes: Any) -> tuple[Session, LoginRequest]:
    session = Session(0.0, 10.0, lambda: TOKEN)
    say(session, "connection", {name: value for name, value in {**CONNECTION, **changes}.items() if value is not None})
    (login,) = work(session)
    assert isinstance(login, outputs.LogIn)
    return session, login.request


def opened(**changes: Any) -> Session:
    session, _ = greeted(**changes)
    assert session.opened(WELCOME, 0.0)
    session.take_output()
    return session


def calling() -> Session:
    session = opened()
    say(session, "call", {"callId": CALL, "callee": "bob", "caller": "alice", "sdp": SDP, "hasVideo": True})
    session.media_allocated(NATIVE, 0.0)
    session.calls.started(NATIVE, 0.0)
    session.take_output()
    return session


def talking() -> Session:
    session = calling()
    session.hear(CallEstablished(**ABOUT, browser_sdp=SDP), 0.0)
    session.take_output()
    return session


def ringing(session: Session, call_id: str = "c-incoming12345678") -> str:
    session.offer(call_id, 0.0)
    incoming = IncomingCall(
        id="q", expires_at=1e12, session_id="s-1", call_id=call_id, agent="a",
        caller="sip:carol@x", callee="sip:alice@x", caller_name="Carol", sip_sdp=SDP,
    )  # fmt: skip
    assert session.show(incoming, SDP)
    return call_id


# -- log-in


def test_the_form_of_the_page_is_a_log_in() -> None:
    _, request = greeted()
    assert request.sip is not None
    assert (request.sip.login, request.sip.password, request.sip.domain) == ("alice", "secret", "example.org")
    assert (request.sip.outbound_proxy, request.sip.port, request.sip.register) == ("proxy.example.org", 5070, True)


@pytest.mark.parametrize("proxy", ["10.9.9.1", None])
@pytest.mark.parametrize("port", ["0", 0, "", None])
def test_the_same_ip_address_twice_and_no_port_is_the_built_in_domain(
    proxy: str | None, port: str | int | None
) -> None:
    _, request = greeted(sipDomain="10.9.9.1", sipOutboundProxy=proxy, sipPort=port, sipRegisterRequired=False)
    assert request.sip is not None
    assert (request.sip.domain, request.sip.outbound_proxy, request.sip.port) == ("", "", 0)
    assert request.sip.register  # users are found by it


def test_an_ip_address_with_a_port_is_a_server() -> None:
    _, request = greeted(sipDomain="10.9.9.2", sipOutboundProxy="10.9.9.2", sipPort="5060", sipRegisterRequired="false")
    assert request.sip is not None
    assert (request.sip.domain, request.sip.outbound_proxy, request.sip.port) == ("10.9.9.2", "", 5060)
    assert not request.sip.register


def test_what_the_page_said_comes_back_without_its_password_and_with_a_token() -> None:
    session, _ = greeted()
    session.opened(WELCOME, 0.0)
    ((message, (data,)),) = told(session)
    assert message == "getUserData"
    assert (data["sipLogin"], data["appKey"], data["authToken"]) == ("alice", "defaultApp", "s-1.t-1")
    assert "sipPassword" not in data and data["iceServers"] == []


def test_the_page_is_told_of_ice_servers_though_the_sdk_does_not_use_them() -> None:
    session, _ = greeted()
    server = IceServer(urls=("turn:turn.example.org",), username="1793370000:s-1", credential="c")
    session.opened(msgspec.structs.replace(WELCOME, ice_servers=(server,), ice_seconds=3600), 0.0)
    ((_, (data,)),) = told(session)
    expected = {"urls": ["turn:turn.example.org"], "username": "1793370000:s-1", "credential": "c"}
    assert data["iceServers"] == [expected]


def test_a_page_with_a_token_goes_on_and_gets_another_one() -> None:
    session = Session(0.0, 10.0, lambda: TOKEN)
    say(session, "connection", {"authToken": "s-1.t-1", "keepAlive": True})
    (resume,) = work(session)
    assert isinstance(resume, outputs.Resume)
    request = resume.request
    assert (request.session, request.resume_token, request.next_token) == ("s-1", "t-1", TOKEN)
    calls = (
        CallSnapshot(call_id="c-1", direction="outgoing", state="established", caller="a", callee="b"),
        CallSnapshot(call_id="c-2", direction="incoming", state="incoming", caller="c", callee="a", browser_sdp=SDP),
    )
    session.resumed(WELCOME, SessionSnapshot(registration="registered", calls=calls), 0.0)
    answers = session.take_output()
    names = [json.loads(one.text)["message"] for one in answers if isinstance(one, outputs.Send)]
    assert names == ["getUserData", "registered", "setRemoteSDP", "notifyIncomingCall", "ring"]
    # A call that had media has lost it with the page: the SDK cannot take it up.
    assert [one.call_id for one in answers if isinstance(one, outputs.HangUp)] == ["c-1"]


def test_a_token_of_another_form_is_a_jwt() -> None:
    session = Session(0.0, 10.0, lambda: TOKEN)
    say(session, "connection", {"authToken": "aaa.bbb.ccc"})
    (login,) = work(session)
    assert isinstance(login, outputs.LogIn)
    assert login.request.jwt == "aaa.bbb.ccc"


def test_a_registration_is_told_and_one_that_fails_ends_the_socket() -> None:
    session = opened()
    session.hear(RegistrationChanged(session_id="s-1", state="registering"), 0.0)
    session.hear(RegistrationChanged(session_id="s-1", state="registered", status=200), 0.0)
    assert [message for message, _ in told(session)] == ["registered"]
    session.hear(RegistrationChanged(session_id="s-1", state="failed", status=403, reason="Forbidden"), 0.0)
    last = [output for output in session.take_output() if not isinstance(output, outputs.Told)]
    assert [type(output) for output in last] == [outputs.Send, outputs.Close]
    assert isinstance(last[0], outputs.Send) and json.loads(last[0].text)["data"][0]["info"] == "403 Forbidden"


def test_a_log_in_that_fails_ends_the_socket() -> None:
    session, request = greeted()
    session.not_opened(request.id, 503, "No SIP Agent")
    last = session.take_output()
    assert isinstance(last[0], outputs.Send) and json.loads(last[0].text)["message"] == "fail"
    assert isinstance(last[1], outputs.Close)


def test_only_a_page_that_asks_for_it_keeps_its_session_without_a_socket() -> None:
    assert opened().is_kept
    assert not opened(keepAlive=False).is_kept
    assert not opened(keepAlive=None).is_kept


# -- calls


def test_a_call_is_trying_at_once() -> None:
    session = opened()
    custom = {"X-Ticket": "4711", "other": "thing"}
    say(session, "call", {"callId": CALL, "callee": "bob", "caller": "alice", "sdp": SDP, "custom": custom})
    assert isinstance(session, Session)
    answers = session.take_output()
    assert [json.loads(one.text)["message"] for one in answers if isinstance(one, outputs.Send)] == [
        "notifyTryingResponse"
    ]
    (place,) = [one for one in answers if isinstance(one, outputs.PlaceCall)]
    assert (place.request.call, place.request.to, place.request.headers) == (NATIVE, "bob", {"X-Ticket": "4711"})


def test_a_call_has_one_description_however_many_the_far_side_gives() -> None:
    session = calling()
    session.hear(CallProgress(**ABOUT, state="early", status=183, reason="", browser_sdp=SDP), 0.0)
    assert told(session) == [
        ("ring", [told_call("SESSION_PROGRESS")]),
        ("setRemoteSDP", [CALL, SDP]),
    ]
    session.hear(CallEstablished(**ABOUT, browser_sdp=SDP + "a=x\r\n"), 0.0)
    assert told(session) == [("talk", [told_call("ESTABLISHED")])]


def told_call(status: str) -> dict[str, Any]:
    return {
        "callId": CALL, "status": status, "incoming": False, "caller": "alice", "callee": "bob",
        "visibleName": "", "hasAudio": True, "hasVideo": False, "mediaProvider": "WebRTC",
    }  # fmt: skip


def test_an_answer_without_early_media_is_described_before_the_talk() -> None:
    session = calling()
    session.hear(CallProgress(**ABOUT, state="ringing", status=180, reason="Ringing"), 0.0)
    session.hear(CallEstablished(**ABOUT, browser_sdp=SDP), 0.0)
    assert [message for message, _ in told(session)] == ["ring", "setRemoteSDP", "talk"]


@pytest.mark.parametrize(
    ("status", "established", "outcome"), [(486, False, "FAILED"), (404, False, "FAILED"), (200, True, "FINISH")]
)
def test_a_call_that_ends_says_so_in_a_way_that_the_pages_listen_to(
    status: int, established: bool, outcome: str
) -> None:
    session = talking() if established else calling()
    ended = CallEnded(**ABOUT, status=status, reason="Why", by="remote", was_established=established)
    session.hear(ended, 0.0)
    ((message, (data,)),) = told(session)
    assert (message, data["status"], data["sipStatus"], data["info"]) == ("finish", outcome, status, "Why")


def test_a_call_that_cannot_be_made_is_over_for_the_page() -> None:
    session = opened()
    say(session, "call", {"callId": CALL, "callee": "bob", "sdp": SDP})
    session.calls.failed(NATIVE, 503, "No Relay")
    assert statuses(session) == [("notifyTryingResponse", "TRYING"), ("finish", "FAILED")]


def test_hold_and_unhold_are_told_as_the_sdk_has_them() -> None:
    session = talking()
    say(session, "hold", {"callId": CALL})
    (hold,) = work(session)
    assert isinstance(hold, outputs.Use)
    session.hear(CallHold(**ABOUT, local=True, remote=False), 0.0)
    session.hear(CallHold(**ABOUT, local=True, remote=True), 0.0)
    say(session, "unhold", {"callId": CALL})
    session.hear(CallHold(**ABOUT, local=False, remote=True), 0.0)
    assert statuses(session) == [("hold", "HOLD"), ("talk", "ESTABLISHED")]


def test_a_failure_of_a_use_is_a_warning_and_the_call_goes_on() -> None:
    session = talking()
    say(session, "transfer", {"callId": CALL, "target": "carol"})
    (use,) = work(session)
    assert isinstance(use, outputs.Use)
    session.refused(use.request.id, 403, "Forbidden")
    ((message, (data,)),) = told(session)
    assert (message, data["apiMethod"], data["id"], data["info"]) == ("fail", "transfer", CALL, "403 Forbidden")


def test_an_incoming_call_is_described_announced_and_then_rings() -> None:
    session = opened()
    call = ringing(session)
    (first, announced, ring) = told(session)
    assert first == ("setRemoteSDP", [call, SDP])
    assert announced[0] == "notifyIncomingCall"
    assert (announced[1][0]["caller"], announced[1][0]["visibleName"]) == ("carol@x", "Carol")
    assert ring[0] == "ring"
    say(session, "answer", {"callId": call, "sdp": SDP, "hasVideo": True})
    (answer,) = work(session)
    assert isinstance(answer, outputs.Answer)


def test_a_second_call_is_busy_unless_the_page_takes_several() -> None:
    session = talking()
    ringing(session)
    (hangup,) = work(session)
    assert isinstance(hangup, outputs.HangUp)
    assert (hangup.status, hangup.reason) == (486, "Busy Here")
    several = opened(custom={"multipleCalls": True})
    for call in ("c-one1234567890123", "c-two1234567890123"):
        ringing(several, call)
    assert [message for message, _ in told(several)].count("notifyIncomingCall") == 2


def test_a_page_of_wcs_has_no_word_for_a_call_that_it_is_to_answer() -> None:
    session = opened()
    call = ringing(session)
    session.take_output()
    with pytest.raises(PageError, match="501"):
        session.calls.ask_to_answer(call)
    assert told(session) == []


def test_a_message_is_data_for_the_application() -> None:
    session = opened()
    message = IncomingMessage(
        id="q", expires_at=1e12, session_id="s-1", message_id="m-1", sender="sip:bob@x", body="hello",
        content_type="text/plain",
    )  # fmt: skip
    assert session.deliver(message)
    payload = {"from": "bob@x", "contentType": "text/plain", "body": "hello"}
    assert told(session) == [("OnDataEvent", [{"operationId": "m-1", "payload": payload}])]


# -- what is wrong, and what is nothing


@pytest.mark.parametrize("message", ["pong", "pushLogs", "sessionDebug"])
def test_what_asks_for_nothing_gets_nothing(message: str) -> None:
    session = opened()
    say(session, message)
    assert session.take_output() == []


def test_a_ping_is_answered() -> None:
    session = opened()
    say(session, "ping")
    assert told(session) == [("pong", [])]


@pytest.mark.parametrize(
    ("message", "argument", "info"),
    [
        ("publishStream", {}, "400 publishStream Is Not Supported"),
        ("hangup", {"callId": "unknown"}, "481 Call"),
        ("hold", None, "481 Call"),
        ("call", {"callId": CALL, "callee": "bob\r\nVia: x", "sdp": SDP}, "400 Bad Message"),
        ("call", {"callId": CALL, "callee": "bob", "sdp": SDP, "custom": {"X-A": "a\r\nb"}}, "400 header X-A"),
        ("call", {"callId": CALL, "callee": "bob"}, "400 Bad Message"),
    ],
)
def test_what_cannot_be_carried_out_is_told(message: str, argument: Any, info: str) -> None:
    session = opened()
    say(session, message, argument)
    ((name, (data,)),) = told(session)
    assert (name, data["status"]) == ("fail", "FAILED")
    assert data["info"].startswith(info)


def test_digits_of_an_unknown_kind_are_refused() -> None:
    session = talking()
    say(session, "sendDtmf", {"callId": CALL, "dtmf": "1", "type": "SMOKE"})
    assert [message for message, _ in told(session)] == ["fail"]


def test_what_is_no_frame_is_told_and_counted() -> None:
    session = opened()
    for _ in range(10):
        session.receive("{", 0.0)
    assert isinstance(session.take_output()[-1], outputs.Close)


@pytest.mark.parametrize(("status", "info"), [("ACCEPTED", ""), ("FAILED", "Refused By The Backend")])
def test_data_for_the_web_server_is_answered_by_its_status(status: str, info: str) -> None:
    session = opened()
    say(session, "sendData", {"operationId": "op-1", "payload": {"ticket": 4711}})
    (sent,) = work(session)
    assert isinstance(sent, outputs.SendData) and sent.request.payload == {"ticket": 4711}
    assert session.dialect.data_name(sent.request.id) == "op-1"
    if info:
        session.refused(sent.request.id, 403, info)
    else:
        session.forwarded(sent.request.id)
    assert told(session) == [("DataStatusEvent", [{"operationId": "op-1", "status": status, "info": info}])]


def test_a_page_without_an_account_leaves_it_to_the_web_server_to_name_one() -> None:
    _, login = greeted(sipLogin="", appKey="clickToCallApp")
    assert login.sip is None and login.jwt is None
