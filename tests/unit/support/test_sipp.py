"""Scenarios of sipp are put together from parts and values."""

import pytest
from tests.support.sipp import scenario_text


def test_parts_and_values_stand_in_the_scenario() -> None:
    text = scenario_text("reject", {"status": "486", "reason": "Busy Here", "t1": "20"})
    assert "\nSIP/2.0 486 Busy Here\n[last_Via:]\n" in text
    assert '<send retrans="20">' in text
    assert "From:[$remote]" not in text


def test_an_empty_value_leaves_no_empty_line_among_header_fields() -> None:
    assert "\nCSeq: 1 INVITE\nContent-Type: " in scenario_text("call", {})
    assert "\nCSeq: 1 INVITE\nExpires: 1\nContent-Type: " in scenario_text("call", {"call_fields": "Expires: 1"})


def test_a_value_that_nobody_gives_or_nobody_wants_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        scenario_text("reject", {"status": "486"})
    with pytest.raises(AssertionError, match="no use"):
        scenario_text("call", {"status": "486"})
