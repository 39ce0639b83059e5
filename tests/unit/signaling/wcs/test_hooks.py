"""Our questions and events as WCS's REST hooks, and what its `connect` may overwrite."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from shared.errors import RemoteError
from signaling.core import frames
from signaling.core.outputs import Answer, HangUp, PlaceCall, SendData, SendMessage, Use
from signaling.core.requests import (
    CallRequest,
    DataRequest,
    DtmfRequest,
    HoldRequest,
    MessageRequest,
    SipCredentials,
    TransferRequest,
)
from signaling.core.wcs.hooks import HookWording

NATIVE, NAME = "c-abcdefgh12345678", "2f1c3b10-0a4b-11ef-9f5e-0242ac120002"
SDP = "v=0\r\nm=audio 9 RTP\r\n"
GIVEN = SipCredentials(login="alice", password="secret", domain="example.org", transport="tls", port=5070)
COMMON = {"nodeId": "signaling-1", "sessionId": "s-1", "appKey": "defaultApp"}


class Page:
    """A page of WCS's SDK."""

    page: Mapping[str, Any] = {"appKey": "defaultApp", "custom": {"ticket": 4711}, "sipLogin": "alice"}

    def call_name(self, call_id: str) -> str:
        return NAME if call_id == NATIVE else call_id

    def data_name(self, request_id: str) -> str:
        return f"op-{request_id}"


def wording() -> HookWording:
    made = HookWording("signaling-1", "s-1", Page())
    assert made.connection("alice@example.org", is_open=True).body == {
        **COMMON,
        "sipLogin": "alice",
        "status": "ESTABLISHED",
    }
    return made


def calling() -> HookWording:
    made = wording()
    made.ask(PlaceCall(CallRequest(id="1", call=NATIVE, to="bob", sdp=SDP, headers={"X-Queue": "sales"})))
    return made


def called() -> HookWording:
    made = wording()
    made.incoming(NATIVE, "carol@example.net", "Carol", "alice@example.org", has_video=True)
    return made


def test_a_call_that_a_service_starts_is_asked_for_as_one_of_a_page_but_has_no_browser() -> None:
    made = HookWording("signaling-1", "s-1", Page())
    post = made.started(NATIVE, "alice", "bob", {"X-Queue": "sales"})
    of_page = wording().ask(
        PlaceCall(CallRequest(id="1", call=NATIVE, to="bob", sdp=SDP, headers={"X-Queue": "sales"}))
    )
    assert post.method == of_page.method == "call"
    assert post.body == {**of_page.body, "mediaProvider": None}
    told = made.told(frames.RingingEvent(seq=1, call=NATIVE, status=180, reason="Ringing", sdp=UNSET))
    assert told is not None and (told.body["status"], told.body["mediaProvider"]) == ("RING", None)


def test_connect_says_what_the_page_said_and_whose_account_is_meant_without_its_password() -> None:
    post = HookWording("signaling-1", "s-1", Page()).connect(GIVEN)
    assert post.method == "connect"
    assert post.body == {
        **COMMON,
        "custom": {"ticket": 4711},
        "sipLogin": "alice",
        "sipAuthenticationName": "",
        "sipVisibleName": "",
        "sipDomain": "example.org",
        "sipOutboundProxy": "",
        "sipPort": 5070,
        "sipRegisterRequired": True,
    }


def test_a_reply_overwrites_the_fields_that_it_names_and_no_other() -> None:
    reply = {"sipLogin": "bob", "sipPassword": "of bob", "sipVisibleName": "Bob", "callId": "x", "sipDomain": None}
    account = wording().account(GIVEN, reply)
    assert (account.login, account.password, account.display_name) == ("bob", "of bob", "Bob")
    assert (account.domain, account.transport, account.port) == ("example.org", "tls", 5070)


def test_the_credentials_of_the_page_go_with_no_other_account() -> None:
    given = msgspec.structs.replace(GIVEN, auth_name="alice-auth")
    account = wording().account(given, {"sipLogin": "bob"})
    assert (account.login, account.auth_name, account.password) == ("bob", "", "")
    assert wording().account(GIVEN, {"sipVisibleName": "Alice"}).password == "secret"


def test_an_echo_changes_nothing() -> None:
    made = wording()
    assert made.account(GIVEN, made.connect(GIVEN).body) == GIVEN


def test_a_reply_may_name_an_account_where_the_page_has_none() -> None:
    reply = {"sipLogin": "click", "sipPassword": "p", "sipDomain": "pbx.example.org", "sipPort": "5080"}
    account = wording().account(None, reply)
    assert (account.login, account.domain, account.port) == ("click", "pbx.example.org", 5080)


@pytest.mark.parametrize(
    "reply", [{}, {"sipLogin": ""}, {"sipLogin": "a\r\nX: y"}, {"sipLogin": "a", "sipDomain": "-"}]
)
def test_a_reply_that_names_no_account_is_an_error_of_the_web_server(reply: dict[str, Any]) -> None:
    with pytest.raises(RemoteError) as error:
        wording().account(None, reply)
    assert error.value.status == 502


def test_direct_invocations_have_the_names_of_the_sdk_and_the_ids_of_the_page() -> None:
    made = wording()
    call = made.ask(PlaceCall(CallRequest(id="1", call=NATIVE, to="bob", sdp=SDP, headers={"X-Queue": "sales"})))
    assert call.method == "call"
    expected = {"callId": NAME, "caller": "alice", "callee": "bob", "incoming": False, "hasVideo": False}
    assert call.body.items() >= {**COMMON, **expected}.items() and call.body["custom"] == {"X-Queue": "sales"}
    asked = [
        made.ask(Answer("2", NATIVE, SDP)),
        made.ask(Use(HoldRequest(id="3", call=NATIVE, on=True))),
        made.ask(Use(HoldRequest(id="4", call=NATIVE, on=False))),
        made.ask(Use(DtmfRequest(id="5", call=NATIVE, digits="1"))),
        made.ask(Use(TransferRequest(id="6", call=NATIVE, to="carol"))),
        made.hang_up(HangUp("7", NATIVE)),
    ]
    assert [post and post.method for post in asked] == ["answer", "hold", "unhold", "sendDtmf", "transfer", "hangup"]
    assert {post.body["callId"] for post in asked if post} == {NAME}
    assert asked[3] is not None and (asked[3].body["dtmf"], asked[3].body["type"]) == ("1", "RFC2833")
    assert asked[4] is not None and asked[4].body["target"] == "carol"
    message = MessageRequest(id="8", message="t-abcdefgh12345678", body="Hello", to="bob", call=UNSET)
    assert made.ask(SendMessage(message)).body.items() >= {"to": "bob", "body": "Hello"}.items()


def test_data_has_the_name_that_the_page_gave_it() -> None:
    post = wording().ask(SendData(DataRequest(id="7", payload=[1])))
    assert post.method == "OnDataEvent"
    assert post.body.items() >= {"operationId": "op-7", "payload": [1]}.items()


def status_of(made: HookWording, event: frames.Event) -> tuple[str, str] | None:
    post = made.told(event)
    return None if post is None else (post.method, post.body["status"])


def test_a_call_is_told_by_its_statuses_and_after_its_end_no_more() -> None:
    made = calling()
    told = [
        status_of(made, frames.TryingEvent(seq=1, call=NATIVE, status=100, reason="Trying")),
        status_of(made, frames.RingingEvent(seq=2, call=NATIVE, status=180, reason="Ringing")),
        status_of(made, frames.EarlyEvent(seq=3, call=NATIVE, status=183, reason="Session Progress")),
        status_of(made, frames.EstablishedEvent(seq=4, call=NATIVE)),
        status_of(made, frames.HoldEvent(seq=5, call=NATIVE, local=True, remote=False)),
        status_of(made, frames.HoldEvent(seq=6, call=NATIVE, local=False, remote=False)),
        status_of(made, frames.TransferEvent(seq=7, call=NATIVE, status=200, reason="OK")),
        status_of(made, frames.EndedEvent(seq=8, call=NATIVE, status=200, reason="OK", by="remote", established=True)),
    ]
    words = ["TRYING", "RING", "SESSION_PROGRESS", "ESTABLISHED", "HOLD", "ESTABLISHED", "COMPLETED", "FINISH"]
    assert [one and one[1] for one in told] == words
    assert {one and one[0] for one in told} == {"CallStatusEvent", "TransferStatusEvent"}
    assert made.told(frames.EstablishedEvent(seq=9, call=NATIVE)) is None
    assert made.hang_up(HangUp(None, NATIVE)) is None


@pytest.mark.parametrize(
    ("status", "established", "word"),
    [(486, False, "BUSY"), (600, False, "BUSY"), (487, False, "FINISH"), (404, False, "FAILED"), (503, True, "FINISH")],
)
def test_the_end_of_a_call_has_the_word_of_its_status(status: int, established: bool, word: str) -> None:
    ended = frames.EndedEvent(seq=1, call=NATIVE, status=status, reason="?", by="remote", established=established)
    post = calling().told(ended)
    assert post is not None and (post.body["status"], post.body["sipStatus"]) == (word, status)


def test_a_call_that_could_not_be_begun_is_told_as_failed_once() -> None:
    made = calling()
    post = made.failed(NATIVE, 503, "No Media Relay")
    assert post is not None and (post.body["status"], post.body["info"]) == ("FAILED", "No Media Relay")
    assert made.failed(NATIVE, 503, "No Media Relay") is None


def test_a_call_that_comes_in_is_asked_for_by_its_own_method() -> None:
    made = wording()
    post = made.incoming(NATIVE, "carol@example.net", "Carol", "alice@example.org", has_video=True)
    assert post.method == "OnCallEvent"
    expected = {"incoming": True, "caller": "carol@example.net", "visibleName": "Carol", "hasVideo": True}
    assert post.body.items() >= {**COMMON, **expected, "callee": "alice@example.org", "status": "RING"}.items()


def test_the_new_far_side_of_a_transferred_call_is_told() -> None:
    made = called()
    transferred = frames.TransferredEvent(seq=1, call=NATIVE, peer="dave@example.net", peer_name="")
    post = made.told(transferred)
    assert post is not None and post.body["caller"] == "dave@example.net"


def test_the_calls_of_a_resumed_session_are_known() -> None:
    made = HookWording("signaling-2", "s-1", Page())
    live = frames.LiveCall(
        call=NATIVE, direction="incoming", state="established", from_="carol", from_name="", to="alice", video=False
    )
    made.resumed((live,))
    post = made.told(frames.EndedEvent(seq=1, call=NATIVE, status=200, reason="OK", by="local", established=True))
    assert post is not None and (post.body["caller"], post.body["nodeId"]) == ("carol", "signaling-2")


def test_registrations_and_messages_have_events_of_their_own() -> None:
    made = wording()
    registered = frames.RegistrationEvent(seq=1, state="registered", status=200, reason="OK", expires=300)
    post = made.told(registered)
    assert post is not None and post.method == "RegistrationStatusEvent" and post.body["status"] == "REGISTERED"
    assert made.told(frames.RegistrationEvent(seq=1, state="registering", status=0, reason="", expires=0)) is None
    sent = made.told(frames.MessageSentEvent(seq=2, message="t-1", status=480, reason="Gone"))
    assert sent is not None and (sent.method, sent.body["status"]) == ("MessageStatusEvent", "FAILED")
    came = frames.MessageEvent(seq=3, message="t-2", from_="bob", from_name="", body="Hi", content_type="text/plain")
    post = made.told(came)
    assert post is not None and post.method == "OnMessageEvent" and post.body["body"] == "Hi"
    assert made.told(frames.DtmfEvent(seq=4, call=NATIVE, digit="1", duration=100)) is None
