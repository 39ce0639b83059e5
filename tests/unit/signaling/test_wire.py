"""Frames are read strictly: each error says what is wrong and is the page's fault."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.core import wire
from signaling.core.errors import PageError

SDP = "v=0\r\n"
CALL = {"type": "call", "id": "1", "call": "c-abcdefgh12345678", "to": "bob", "sdp": SDP}
SIP = {"login": "alice", "password": "secret", "domain": ""}


def refused(frame: dict[str, Any]) -> str:
    with pytest.raises(PageError) as error:
        wire.decode(json.dumps(frame))
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
    request = wire.decode(json.dumps({**CALL, "to": to}))
    assert isinstance(request, wire.CallRequest) and request.to == to


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
    request = wire.decode(json.dumps({**CALL, "headers": {"x-ticket": "4711", "Subject": 'Ünïcode, "quotes"'}}))
    assert isinstance(request, wire.CallRequest) and len(request.headers) == 2


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
    assert "either" in refused({"type": "login", "id": "1", "version": 1})
    with pytest.raises(PageError) as error:
        wire.decode(json.dumps({**login(), "version": 2}))
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


def test_the_id_of_a_bad_frame_is_found_where_there_is_one() -> None:
    assert wire.readable_id('{"id": "7", "type": 3, "x": {}}') == "7"
    for text in ("", "[]", "{", '{"id": 7}', '{"id": ""}', json.dumps({"id": "a" * 65}), '{"id": "a\\nb"}'):
        assert wire.readable_id(text) is None


def test_a_frame_nested_too_deeply_is_refused() -> None:
    for text in ('{"a":' * 10000, '{"type": "ping", "id": "1", "x": ' + "[" * 30000 + "]" * 30000 + "}"):
        with pytest.raises(PageError):
            wire.decode(text)
        assert wire.readable_id(text) in (None, "1")


def test_fields_that_are_not_there_are_not_sent() -> None:
    assert json.loads(wire.encode(wire.EstablishedEvent(seq=1, call="c"))) == {
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
        request = wire.decode(text)
    except PageError as error:
        assert error.reason
        wire.readable_id(text)
    else:
        assert request.id
