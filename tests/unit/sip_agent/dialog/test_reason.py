"""The Reason header."""

import pytest
from tests.support.sip_messages import make_request

from sip_agent.core.dialog.reason import end_of, reason_header


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('SIP;cause=480;text="Session Lost"', (480, "Session Lost")),
        ("SIP ;cause=600", (600, "Normal")),
        ('Q.850;cause=17;text="user busy"', (486, "user busy")),
        ("Q.850;cause=16", (200, "Normal Call Clearing")),
        ("Q.850;cause=99", (200, "Normal")),
        ('Q.850;cause=99, SIP;cause=503;text="x, y"', (503, "x, y")),
        ("SIP;cause=nonsense", (200, "Normal")),
        ('SIP;cause="', (200, "Normal")),
    ],
)
def test_why_a_call_ended(value: str, expected: tuple[int, str]) -> None:
    bye = make_request("BYE")
    bye.headers.add("Reason", value)
    assert end_of(bye, 200, "Normal") == expected


def test_without_a_reason_the_given_one_counts() -> None:
    assert end_of(make_request("BYE"), 200, "Normal") == (200, "Normal")


def test_what_we_write_we_read() -> None:
    bye = make_request("BYE")
    bye.headers.add(*reason_header(488, 'no "common" codec'))
    assert end_of(bye, 200, "Normal") == (488, 'no "common" codec')
