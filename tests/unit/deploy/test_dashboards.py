"""The dashboards in the repository are those of `deploy/monitoring`, and lie on Grafana's grid as they should."""

import re
from itertools import combinations
from typing import Any

import pytest
import yaml
from deploy.monitoring.dashboards import (
    ALERT_TESTS,
    ALERTS,
    DASHBOARDS,
    FOLDER,
    OPERATOR_RULES,
    operator_rules,
    pointing_to,
    written,
)
from deploy.monitoring.panels import Dashboard


@pytest.fixture(params=DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def dashboard(request: pytest.FixtureRequest) -> Dashboard:
    found: Dashboard = request.param
    return found


def test_there_are_no_others() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(one.uid for one in DASHBOARDS)


def test_the_file_is_what_the_code_says(dashboard: Dashboard) -> None:
    assert (FOLDER / f"{dashboard.uid}.json").read_text() == written(dashboard), "make dashboards"


def test_the_operator_has_the_same_rules() -> None:
    assert OPERATOR_RULES.read_text() == operator_rules(), "make dashboards"
    assert yaml.safe_load(OPERATOR_RULES.read_text())["spec"]["groups"] == yaml.safe_load(ALERTS.read_text())["groups"]


def test_where_the_run_books_are_is_set_in_one_place() -> None:
    for path in (ALERTS, ALERT_TESTS):
        moved = pointing_to(path.read_text(), "https://wiki.example.org/phone")
        addresses = set(re.findall(r"runbook_url: (\S+)#", moved))
        assert addresses == {"https://wiki.example.org/phone"}


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    a, b = one["gridPos"], other["gridPos"]
    apart = (
        a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
    )
    return not apart


def test_panels_lie_side_by_side(dashboard: Dashboard) -> None:
    panels = dashboard.model()["panels"]
    assert not [pair for pair in combinations(panels, 2) if overlap(*pair)]
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))


def test_every_panel_has_a_title_of_its_own(dashboard: Dashboard) -> None:
    titles = [(panel.title, panel.kind) for panel in dashboard.panels]
    assert len(set(titles)) == len(titles)
