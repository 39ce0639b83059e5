"""What the pods of a failed test had to say."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from .services import Cordboard


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of the logs of a failed test's pods; all of them go to the folder CORDBOARD_TEST_LOGS, if set."""
    report = yield
    if report.failed:
        for cluster in _clusters_of(item):
            report.sections.append(("logs of the pods", cluster.tails()))
            if folder := os.environ.get("CORDBOARD_TEST_LOGS"):
                _write_logs(cluster, Path(folder) / f"{item.name}-{report.when}")
    return report


def _clusters_of(item: pytest.Function) -> list[Cordboard]:
    """Return those that its fixtures are, or play on."""
    found = (getattr(value, "cluster", value) for value in item.funcargs.values())
    return [cluster for cluster in found if isinstance(cluster, Cordboard)]


def _write_logs(cluster: Cordboard, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for pod in cluster.pods:
        (folder / f"{pod.name}.log").write_text(pod.process.log)
