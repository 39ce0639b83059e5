"""Frames are read strictly: each error says what is wrong and is the page's fault."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.core import frames, requests
from signaling.core.errors import PageError

SDP = "v=0\r\n"
CALL = {"type": "call", "id": "1", "call": "c-abcdefgh12345678", "to": "bob", "sdp": SDP}
SIP = {"login": "alice", "password": "secret", "domain": ""}


def refused(frame: dict[str, Any]) -> str:
    with pytest.raises(PageError) as error:
        requests.decode(json.dumps(frame))
    assert error.value.status == 400
    return error.value.reason


def login(**fields: Any) -> dict[str, Any]:
    return {"type": "login", "id": "1", "version": 1, "sip": {**SIP, **fields}}


@pytest.mark.parametrize(
    "to",
    [
        "bob",
        "+4912345",
        "sip:bob@example.org",
        "sips:bob@example.org:5061",
        "bob@[2001:db8::1]",
        "a.b-c_d~e'(f)&=+$,;/g",
    ],
)
def test_a_callee_is_a_user_or_a_sip_uri(to: str) -> None:
    request = requests.decode(json.dumps({**CALL, "to": to}))
    assert isinstance(request, requests.CallRequest) and request.to == to


@pytest.mark.parametrize(
    "to",
    [
        "",
        "bob\r\n",
        "bob\n",
        "a b",
        "<sip:bob@x>",
        '"x"',
        "sip:bob@x?Route=y",
        "http://x",
        "bob@",
        "bob@-x",
        "a" * 257,
        "böb",
        "b%0Ab",
        "b%7fb",
        "bob@x:99999999",
        "sip:",
        "bob\u2028",
    ],
)
def test_a_callee_that_could_be_more_than_a_callee_is_refused(to: str) -> None:
    assert "to" in refused({**CALL, "to": to})


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"X-A": "b\r\nVia: c"}, "X-A has a control character"),
        ({"X-A": "b\x00"}, "control character"),
        ({"X-A": "b\x85"}, "control character"),
        ({"X-A": "b" * 1025}, "longer"),
        ({"X A": "b"}, "name"),
        ({"X-A:": "b"}, "name"),
        ({"": "b"}, "name"),
        ({"X-Ä": "b"}, "name"),
        ({"X-A\n": "b"}, "name"),
        ({f"X-{n}": "b" for n in range(17)}, "more than 16"),
        *[
            ({name: "b"}, f"{name} is reserved")
            for name in (
                "Via",
                "From",
                "to",
                "CALL-ID",
                "CSeq",
                "Contact",
                "Route",
                "Record-Route",
                "Authorization",
                "Max-Forwards",
                "Proxy-Authorization",
                "Content-Type",
                "Content-Length",
                "P-Asserted-Identity",
                "Refer-To",
                "i",
                "v",
                "m",
            )
        ],
    ],
)
def test_a_header_that_a_page_may_not_set_is_refused_by_name(headers: dict[str, str], why: str) -> None:
    assert why in refused({**CALL, "headers": headers})


def test_free_headers_pass() -> None:
    request = requests.decode(json.dumps({**CALL, "headers": {"x-ticket": "4711", "Subject": 'Ünïcode, "quotes"'}}))
    assert isinstance(request, requests.CallRequest) and len(request.headers) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"login": ""},
        {"login": "a" * 129},
        {"login": "a\r\nb"},
        {"login": "a@b"},
        {"login": "a<b"},
        {"login": None},
        {"password": "p" * 257},
        {"domain": "exam ple"},
        {"domain": "x" * 254},
        {"domain": "a/b"},
        {"domain": "a\n"},
        {"display_name": "a\r\nb"},
        {"display_name": "n" * 129},
        {"auth_name": "a\x00"},
        {"transport": "sctp"},
        {"port": 65536},
        {"port": -1},
        {"port": "5060"},
        {"register": 1},
        {"outbound_proxy": "x:y"},
        {"outbound_proxy": "sip:x"},
        {"typo": 1},
    ],
)
def test_an_account_that_could_not_be_one_is_refused_by_its_field(fields: dict[str, Any]) -> None:
    assert next(iter(fields)) in refused(login(**fields))


def test_a_login_takes_one_way_in_and_one_version() -> None:
    assert "either" in refused({**login(), "jwt": "x"})
    unnamed = requests.decode('{"type":"login","id":"1","version":1}')  # the operator's web server is to name it
    assert isinstance(unnamed, requests.LoginRequest) and unnamed.sip is unnamed.jwt is None
    with pytest.raises(PageError) as error:
        requests.decode(json.dumps({**login(), "version": 2}))
    assert error.value.status == 505


@pytest.mark.parametrize("status", [0, 200, 399, 700, "486"])
def test_only_a_final_failure_rejects_a_call(status: object) -> None:
    assert "status" in refused({"type": "hangup", "id": "1", "call": "c", "status": status})


@pytest.mark.parametrize(
    "call", ["", "c-short", "c-" + "a" * 33, "c-ABCDEFGH12345678", "x-abcdefgh12345678", "c-abcdefgh1234567\n"]
)
def test_the_id_of_a_new_call_has_a_form(call: str) -> None:
    assert "call" in refused({**CALL, "call": call})


def test_what_is_not_sdp_is_refused() -> None:
    assert "v=0" in refused({**CALL, "sdp": "hello"})
    assert "v=0" in refused({"type": "answer", "id": "1", "call": "c", "sdp": "hello"})


DTMF = {"type": "dtmf", "id": "1", "call": "c", "digits": "1"}
TRANSFER = {"type": "transfer", "id": "1", "call": "c"}
MESSAGE = {"type": "message", "id": "1", "message": "t-abcdefgh12345678", "to": "bob", "body": "hello"}


@pytest.mark.parametrize("digits", ["", "a", "1 2", "1;2", "E", "1\n", "+1", "1" * 33, "\uff11", 1])
def test_digits_are_those_of_a_telephone(digits: object) -> None:
    assert "digits" in refused({**DTMF, "digits": digits})


@pytest.mark.parametrize("duration", [39, 6001, "100", 0.5])
def test_a_digit_lasts_as_long_as_one_may(duration: object) -> None:
    assert "duration" in refused({**DTMF, "duration": duration})


@pytest.mark.parametrize(("field", "value"), [("gap", 29), ("gap", 6001), ("method", "tone"), ("method", None)])
def test_how_digits_are_sent_is_checked(field: str, value: object) -> None:
    assert field in refused({**DTMF, field: value})


def test_a_digit_lasts_100_ms_and_goes_as_it_can_if_nothing_is_said() -> None:
    request = requests.decode(json.dumps({**DTMF, "digits": "0123456789*#ABCD,"}))
    assert isinstance(request, requests.DtmfRequest)
    assert (request.duration, request.gap, request.method) == (100, 70, "auto")


@pytest.mark.parametrize("on", [None, 1, "true"])
def test_a_hold_is_on_or_off(on: object) -> None:
    assert "on" in refused({"type": "hold", "id": "1", "call": "c", "on": on})


def test_a_transfer_goes_to_one_place_that_is_another() -> None:
    assert "either `to` or `other`" in refused(TRANSFER)
    assert "either `to` or `other`" in refused({**TRANSFER, "to": "bob", "other": "d"})
    assert "the call itself" in refused({**TRANSFER, "other": "c"})
    assert "to" in refused({**TRANSFER, "to": "sip:bob@x?Replaces=y"})
    assert "escaped control" in refused({**TRANSFER, "to": "b%0Ab"})


def test_a_message_goes_to_somebody_or_into_a_call() -> None:
    outside = {key: value for key, value in MESSAGE.items() if key != "to"}
    assert "either `to` or `call`" in refused(outside)
    assert "either `to` or `call`" in refused({**MESSAGE, "call": "c"})
    assert isinstance(requests.decode(json.dumps({**outside, "call": "c"})), requests.MessageRequest)
    assert "escaped control" in refused({**MESSAGE, "to": "b%0Ab"})


def test_the_body_of_a_message_is_capped_in_bytes() -> None:
    for most in ("a" * 16384, "\u00fc" * 8192):
        assert requests.decode(json.dumps({**MESSAGE, "body": most}))
        assert "16384 bytes" in refused({**MESSAGE, "body": most + "a"})
    assert "body" in refused({**MESSAGE, "body": ""})


@pytest.mark.parametrize("content_type", ["text/plain", "text/html; charset=utf-8", "application/im-iscomposing+xml"])
def test_a_message_may_be_any_text(content_type: str) -> None:
    request = requests.decode(json.dumps({**MESSAGE, "content_type": content_type}))
    assert isinstance(request, requests.MessageRequest) and request.content_type == content_type


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text",
        "image/png",
        "message/sip",
        "multipart/mixed;boundary=x",
        "text/plain;charset=latin1",
        "text/plain\r\nVia: x",
        "text/plain\n",
        "text/" + "a" * 128,
    ],
)
def test_a_content_type_that_is_not_text_in_utf_8_is_refused(content_type: str) -> None:
    assert "content_type" in refused({**MESSAGE, "content_type": content_type})


@pytest.mark.parametrize("message", ["", "t-short", "t-" + "a" * 33, "t-ABCDEFGH12345678", "m-abcdefgh12345678"])
def test_the_id_of_a_message_has_a_form(message: str) -> None:
    assert "message" in refused({**MESSAGE, "message": message})


@pytest.mark.parametrize("private", [None, 1, "yes"])
def test_a_call_is_private_or_not(private: object) -> None:
    assert "private" in refused({**CALL, "private": private})


def test_the_id_of_a_bad_frame_is_found_where_there_is_one() -> None:
    assert requests.readable_id('{"id": "7", "type": 3, "x": {}}') == "7"
    for text in ("", "[]", "{", '{"id": 7}', '{"id": ""}', json.dumps({"id": "a" * 65}), '{"id": "a\\nb"}'):
        assert requests.readable_id(text) is None


def test_a_frame_nested_too_deeply_is_refused() -> None:
    for text in ('{"a":' * 10000, '{"type": "ping", "id": "1", "x": ' + "[" * 30000 + "]" * 30000 + "}"):
        with pytest.raises(PageError):
            requests.decode(text)
        assert requests.readable_id(text) in (None, "1")


def test_fields_that_are_not_there_are_not_sent() -> None:
    assert json.loads(frames.encode(frames.EstablishedEvent(seq=1, call="c"))) == {
        "type": "call.established",
        "seq": 1,
        "call": "c",
    }


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda c: st.dictionaries(st.sampled_from(["type", "id", "call", "sip", "to", "sdp", "headers", "version"]), c),
    ).map(json.dumps)
)
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        request = requests.decode(text)
    except PageError as error:
        assert error.reason
        requests.readable_id(text)
    else:
        assert request.id
