"""The quality of a call, from the reports of its parts."""

from shared.messages import LegQuality
from shared.messages.stream import LegSummary
from sip_agent.core.call.quality import CallQualitySummary


def test_the_mean_is_of_the_reports_that_have_the_measure() -> None:
    summary = CallQualitySummary()
    summary.add((LegQuality(side="sip", kind="audio", loss=0.0, jitter=0.002),))
    summary.add((LegQuality(side="sip", kind="audio", loss=0.1, mos=4.0, round_trip=0.05),))
    summary.add((LegQuality(side="sip", kind="audio", loss=0.2, mos=2.0),))
    assert summary.legs() == (
        LegSummary(side="sip", kind="audio", loss=0.1, jitter=0.002, round_trip=0.05, mos=3.0, least_mos=2.0),
    )


def test_legs_and_kinds_are_told_apart_and_what_was_not_measured_is_none() -> None:
    summary = CallQualitySummary()
    summary.add((LegQuality(side="browser", kind="audio"), LegQuality(side="browser", kind="video", loss=0.5)))
    assert summary.legs() == (
        LegSummary(side="browser", kind="audio"),
        LegSummary(side="browser", kind="video", loss=0.5),
    )


def test_a_call_without_a_report_has_no_quality() -> None:
    assert CallQualitySummary().legs() == ()
