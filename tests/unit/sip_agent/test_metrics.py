"""What alerts look at is there before it has happened: else its first time is not seen."""

import re
from pathlib import Path

import yaml
from prometheus_client import REGISTRY

from sip_agent import metrics

ALERTS = Path(__file__).parents[3] / "deploy" / "monitoring" / "alerts.yml"
_WITH_LABEL = re.compile(r'cordboard_sip_agent_(?:\w+)_total\{(\w+)="([^"]+)"\}')


def test_what_an_alert_waits_for_once_begins_with_0() -> None:
    assert metrics.code_class(486) == "4xx"  # the module is loaded
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    once = [rule["expr"] for rule in rules if re.search(r"increase\(.*> 0\s*$", rule["expr"], re.MULTILINE)]
    wanted = [(match[0].partition("{")[0], match[1], match[2]) for one in once for match in _WITH_LABEL.finditer(one)]
    assert len(wanted) == 2
    for name, label, value in wanted:
        assert REGISTRY.get_sample_value(name, {label: value}) is not None, (name, value)
