"""The alert rules as Prometheus's own tool reads them, and what the operations page says to do about each."""

import subprocess

import pytest
import yaml
from tests.support.markdown import anchors_of
from tests.support.processes import program
from tests.support.prometheus import MONITORING

OPERATIONS = MONITORING.parents[1] / "docs" / "operations.md"


def rules() -> list[dict[str, dict[str, str]]]:
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.peers
@pytest.mark.parametrize(
    "command",
    [("test", "rules", "alerts.test.yml"), ("check", "rules", "alerts.yml"), ("check", "config", "prometheus.yml")],
    ids=" ".join,
)
def test_promtool_finds_nothing(command: tuple[str, ...]) -> None:
    tool = program("promtool", "prometheus")
    done = subprocess.run([tool, *command], cwd=MONITORING, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test_that_sees_it_fire() -> None:
    tests = yaml.safe_load((MONITORING / "alerts.test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == {rule["alert"] for rule in rules()}


def test_every_alert_says_where_to_read_what_to_do() -> None:
    anchors = anchors_of(OPERATIONS)
    addresses = {rule["alert"]: rule["annotations"]["runbook_url"].partition("#") for rule in rules()}
    assert [alert for alert, (_, _, anchor) in addresses.items() if anchor not in anchors] == []
    (base,) = {base for base, _, _ in addresses.values()}
    assert base.startswith("https://")
