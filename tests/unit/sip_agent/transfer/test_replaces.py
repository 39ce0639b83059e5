"""Replaces: read, written, and refused (RFC 3891)."""

import pytest

from sip_agent.core.errors import SipError
from sip_agent.core.syntax.message import Request
from sip_agent.core.transfer.replaces import Replaces, replaces_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff",
            Replaces("98732@sip.example.com", "ff87ff", "r33th4x0r"),
        ),
        ("12@h ; To-Tag=12345 ;From-Tag=54321;early-only", Replaces("12@h", "12345", "54321", True)),
        ("a;to-tag=1;from-tag=2;other=3", Replaces("a", "1", "2")),
    ],
)
def test_a_value_names_a_dialog(text: str, expected: Replaces) -> None:
    assert Replaces.parse(text) == expected
    assert Replaces.parse(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a;to-tag=1",
        "a;from-tag=1",
        "a;to-tag=1;to-tag=2;from-tag=3",
        ";to-tag=1;from-tag=2",
        "a;to-tag=1;from-tag",
    ],
)
def test_a_value_without_its_parts_is_refused(text: str) -> None:
    with pytest.raises(SipError) as refused:
        Replaces.parse(text)
    assert refused.value.status == 400


def request(method: str = "INVITE", *fields: tuple[str, str]) -> Request:
    return Request(method, "sip:a@b", fields)


def test_a_request_that_replaces_nothing() -> None:
    assert replaces_of(request()) is None


@pytest.mark.parametrize(
    "bad",
    [
        request("INVITE", ("Replaces", "a;to-tag=1;from-tag=2"), ("Replaces", "b;to-tag=1;from-tag=2")),
        request("INVITE", ("Replaces", "a;to-tag=1;from-tag=2"), ("Join", "a;to-tag=1;from-tag=2")),
        request("UPDATE", ("Replaces", "a;to-tag=1;from-tag=2")),
    ],
)
def test_one_invite_replaces_one_call(bad: Request) -> None:
    with pytest.raises(SipError) as refused:
        replaces_of(bad)
    assert refused.value.status == 400
