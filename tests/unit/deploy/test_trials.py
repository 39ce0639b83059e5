"""The page of trials names tests that there are, for every trial."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
PAGE = (TESTS.parent / "docs" / "trials.md").read_text()


def test_every_trial_names_tests_that_there_are() -> None:
    rows = dict(re.findall(r"^\| ([SR]\d+) \|(.*)\|$", PAGE, re.MULTILINE))
    assert list(rows) == [f"S{number}" for number in range(1, 22)] + [f"R{number}" for number in range(1, 10)]
    for trial, row in rows.items():
        named = re.findall(r"`(\S+\.py)`", row)
        assert named, trial
        assert [path for path in named if not (TESTS / path).exists()] == []
