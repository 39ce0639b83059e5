"""Dashboards and alerts ask for metrics that a service has, by labels that these metrics have."""

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from tests.support.promql import Selector, expressions, selectors

from media_relay import metrics as relay
from media_relay.core.counters import Counters
from media_relay.core.ports import PortUse
from media_relay.datapath import DataPathStats
from shared import metrics as shared
from signaling import metrics as signaling
from sip_agent import metrics as agent
from sip_agent.core.transaction.counts import Counts

OF_THE_TARGET = {"service", "pod"}  # which deploy/monitoring/prometheus.yml and the PodMonitor give
OF_PROMETHEUS = {"up": set[str](), "process_cpu_seconds_total": set[str](), "process_resident_memory_bytes": set[str]()}
SERIES = {"counter": ("_total",), "gauge": ("",), "info": ("_info",), "histogram": ("_bucket", "_sum", "_count")}


def declared() -> dict[str, set[str]]:
    """Return the labels of every series that a pod may have."""
    stack = SimpleNamespace(counts=Counts(), live=0)
    read = (
        *agent.StackCollector(cast(Any, stack)).collect(),
        *relay.DataPathCollector(lambda: DataPathStats(Counters(), {}, PortUse(0, 0, 0)), lambda: 0, 0).collect(),
    )
    modules = (shared, signaling, agent, relay)
    written = [one for module in modules for one in vars(module).values() if isinstance(one, MetricWrapperBase)]
    found = dict(OF_PROMETHEUS)
    for metric in (*read, *written):
        name, kind = (metric.name, metric.type) if isinstance(metric, Metric) else (metric._name, metric._type)
        for ending in SERIES[kind]:
            found[name + ending] = set(metric._labelnames) | ({"le"} if ending == "_bucket" else set())
    return found


def faults(selector: Selector, known: dict[str, set[str]]) -> list[str]:
    if selector.metric not in known:
        return [f"no metric {selector.metric}"]
    return [
        f"no label {label} of {selector}" for label in set(selector.labels) - known[selector.metric] - OF_THE_TARGET
    ]


def test_what_is_asked_for_is_there_to_be_had() -> None:
    known = declared()
    assert [fault for expr in expressions() for asked in selectors(expr) for fault in faults(asked, known)] == []


@pytest.mark.parametrize(
    "expr",
    [
        "sum(rate(cordboard_sip_agent_cals_total[5m])) or vector(0)",
        'sum by (pod) (cordboard_sip_agent_calls_total{resullt="dropped"}) or vector(0)',
        "sum by (kind) (rate(cordboard_sip_agent_calls_total[5m])) or vector(0)",
        'up{service="signaling"} == 0 or cordboard_up == 0',
    ],
)
def test_a_name_that_is_misspelt_would_be_found(expr: str) -> None:
    known = declared()
    assert [fault for asked in selectors(expr) for fault in faults(asked, known)] != []


def test_every_name_of_an_expression_is_looked_at() -> None:
    for expr in expressions():
        assert {one.metric for one in selectors(expr)} >= set(re.findall(r"\bcordboard_\w+", expr))
        assert list(selectors(expr)) != []
