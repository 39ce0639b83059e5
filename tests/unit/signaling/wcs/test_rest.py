"""The bodies of WCS's REST API: what is read from them, and what is told."""

from typing import Any

import pytest
from tests.support.call_records import call_record

from shared.messages import SipAccount
from shared.records import AccountRecord, CallRecord
from signaling.core.errors import PageError
from signaling.core.wcs import rest

# As the vendor's documentation has it: ports and flags are texts.
STARTUP = {
    "callId": "R08NQya-5NMe5v7q",
    "callee": "10000",
    "toStream": "stream1",
    "hasAudio": "true",
    "hasVideo": "true",
    "sipLogin": "10009",
    "sipAuthenticationName": "10009",
    "sipPassword": "1234",
    "sipDomain": "sip.example.org",
    "sipOutboundProxy": "sip.example.org",
    "sipPort": "5060",
    "appKey": "defaultApp",
    "sipRegisterRequired": "false",
}


def call(**changes: Any) -> CallRecord:
    given: dict[str, Any] = {"caller": "sip:001@example.org", "callee": "sip:002@example.org", "created_at": 1.0}
    return call_record("c-abcdefgh12345678", "s-abcdefgh12345678", **given | changes)


def refused(read: Any, body: dict[str, Any]) -> str:
    with pytest.raises(PageError) as raised:
        read(body)
    assert raised.value.status == 400
    return raised.value.reason


def test_the_example_of_the_documentation_is_read() -> None:
    startup = rest.read_startup(STARTUP)
    assert (startup.name, startup.callee) == ("R08NQya-5NMe5v7q", "10000")
    account = startup.credentials
    assert (account.login, account.password, account.domain, account.port) == ("10009", "1234", "sip.example.org", 5060)
    assert (account.auth_name, account.outbound_proxy, account.register) == ("10009", "", False)


def test_an_account_registers_only_where_that_is_asked_for() -> None:
    without = {name: value for name, value in STARTUP.items() if name != "sipRegisterRequired"}
    assert not rest.read_account(without).register
    assert rest.read_account({**without, "sipRegisterRequired": True}).register


@pytest.mark.parametrize("field", ["callId", "callee"])
def test_a_startup_needs_an_id_and_a_callee(field: str) -> None:
    assert field in refused(rest.read_startup, {**STARTUP, field: ""})


@pytest.mark.parametrize("name", ["", "x" * 129, "a\r\nVia: b", "\x00"])
def test_the_id_of_a_call_is_a_short_line(name: str) -> None:
    assert "callId" in refused(rest.read_call_id, {"callId": name})


def test_what_would_be_a_line_of_sip_is_refused() -> None:
    assert "not allowed" in refused(rest.read_account, {**STARTUP, "sipVisibleName": "a\r\nVia: b"})


def test_a_call_is_found_by_the_id_it_was_given_and_by_its_own() -> None:
    chosen, own = rest.native_ids("R08NQya-5NMe5v7q")
    assert chosen.startswith("c-") and len(chosen) == 34
    assert own == "R08NQya-5NMe5v7q"


@pytest.mark.parametrize(
    ("type_", "method"), [("RFC2833", "rfc4733"), ("INFO", "info"), ("INFO_RELAY", "info"), ("", "auto")]
)
def test_digits_go_the_way_that_is_asked_for(type_: str, method: str) -> None:
    assert rest.read_digits({"dtmf": "1a", "type": type_}) == ("1A", method)


def test_an_unknown_way_is_refused() -> None:
    assert refused(rest.read_digits, {"dtmf": "1", "type": "INBAND"}) == "Unknown Type Of DTMF"


@pytest.mark.parametrize("field", ["fileName", "soundFile", "sound"])
def test_a_sound_is_named_by_any_of_the_fields_in_use(field: str) -> None:
    assert rest.read_sound({field: "welcome.wav", "loop": "true"}) == ("welcome.wav", True)
    assert "fileName" in refused(rest.read_sound, {"callId": "c"})


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"state": "trying"}, "TRYING"),
        ({"state": "ringing"}, "RING"),
        ({"state": "incoming", "direction": "incoming"}, "RING"),
        ({"state": "early"}, "SESSION_PROGRESS"),
        ({}, "ESTABLISHED"),
        ({"local_hold": True}, "HOLD"),
        ({"remote_hold": True}, "ESTABLISHED"),
    ],
)
def test_a_call_is_told_with_the_status_of_wcs(changes: dict[str, Any], status: str) -> None:
    assert rest.call_object(call(**changes), "")["status"] == status


def test_a_call_is_told_by_its_users_and_the_id_that_it_was_given() -> None:
    told = rest.call_object(call(is_headless=True), "mine")
    assert (told["callId"], told["caller"], told["callee"], told["sipStatus"]) == ("mine", "001", "002", 200)
    assert told["incoming"] is False and told["mediaProvider"] is None
    assert rest.call_object(call(), "")["callId"] == "c-abcdefgh12345678"


def test_a_connection_is_told_without_its_password() -> None:
    account = SipAccount(login="001", domain="example.org", sealed_password="c2VhbGVk")
    record = AccountRecord(
        session_id="s-1", account=account, owner="agent-1", epoch=1, pod="signaling-1", registration="registered"
    )
    told = rest.connection_object(record)
    assert (told["sipLogin"], told["sipOutboundProxy"], told["status"]) == ("001", "example.org", "REGISTERED")
    assert "c2VhbGVk" not in str(told)


def test_a_filter_asks_for_the_fields_that_it_has() -> None:
    told = rest.call_object(call(), "mine")
    assert rest.fits(told, {"status": "ESTABLISHED", "callId": None})
    assert rest.fits(told, {})
    assert not rest.fits(told, {"status": "RING"})
    assert not rest.fits(told, {"nothing": "like it"})
