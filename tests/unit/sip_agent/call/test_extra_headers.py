"""What a page may add to its INVITE."""

import pytest

from sip_agent.core.call.extra_headers import checked, printable
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
        ("X A", "1"),
        ("", "1"),
    ],
)
def test_what_would_write_the_protocol_is_refused(name: str, value: str) -> None:
    with pytest.raises(SipError) as caught:
        checked({name: value})
    assert caught.value.status == 400


def test_a_reason_stays_on_its_line() -> None:
    assert printable("Gone\r\nFor\tLunch\x7f") == "Gone  For Lunch "
