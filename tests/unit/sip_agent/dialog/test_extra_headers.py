"""What a page may add to its INVITE."""

import pytest

from sip_agent.core.dialog.extra_headers import checked, printable
from sip_agent.core.errors import SipError


def test_its_own_fields_pass() -> None:
    assert checked({"X-Ticket": "7", "Subject": "lunch"}) == [("X-Ticket", "7"), ("Subject", "lunch")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("From", "x"),
        ("f", "x"),
        ("p-asserted-identity", "x"),
        ("RAck", "x"),
        ("Route", "<sip:evil>"),
        ("X-A", "1\r\nRoute: <sip:evil>"),
        ("X-A", "1\nRoute: <sip:evil>"),
        ("X-A", "1\r Route: <sip:evil>"),
        ("X-A", "1\r\n folded"),
        ("X-A", "a\0b"),
        ("X-A", "\udc0d\udc0a"),
        ("X-A", "\udc8d"),
        ("X-A", "x" * 2049),
        ("X-A\r\nRoute", "<sip:evil>"),
        ("X-A:", "1"),
        ("rOuTe", "<sip:evil>"),
        ("v", "SIP/2.0/UDP evil"),
        ("M", "<sip:evil>"),
        ("i", "x"),
        ("l", "0"),
        ("c", "text/plain"),
        ("k", "x"),
        ("r", "<sip:evil>"),
        ("b", "<sip:evil>"),
        ("x", "90"),
        ("y", "signature"),
        ("o", "refer"),
        ("Diversion", "<sip:premium@evil>"),
        ("History-Info", "<sip:x>;index=1"),
        ("P-Charging-Vector", "icid-value=1"),
        ("Content-Whatever", "1"),
        ("X-Größe", "1"),
        ("X A", "1"),
        ("", "1"),
    ],
)
def test_what_would_write_the_protocol_is_refused(name: str, value: str) -> None:
    with pytest.raises(SipError) as caught:
        checked({name: value})
    assert caught.value.status == 400


def test_eight_bit_text_is_utf_8_on_the_wire() -> None:
    assert checked({"X-City": "Köln"}) == [("X-City", "Köln")]


def test_there_are_not_many() -> None:
    with pytest.raises(SipError, match="400 Too Many"):
        checked({f"X-{number}": "1" for number in range(33)})


def test_a_reason_stays_on_its_line() -> None:
    assert printable("Gone\r\nFor\tLunch\x7f") == "Gone  For Lunch "
