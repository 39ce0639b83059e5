"""What every service tells of itself."""

import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import pytest
from prometheus_client import REGISTRY

from shared import process
from shared.errors import LocalError
from shared.metrics import tell_build
from shared.settings import CommonSettings


@pytest.mark.parametrize("service", ["signaling", "sip-agent", "media-relay"])
def test_the_build_is_told(service: str) -> None:
    tell_build(service)
    labels = {"service": service, "version": version(service), "python": platform.python_version()}
    assert REGISTRY.get_sample_value("cordboard_build_info", labels) == 1.0


def test_a_process_tells_it_before_anything_can_go_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(process.metrics, "tell_build", told.append)
    for mine_to_keep in ("_raise_file_limit", "_spare_the_collector"):
        monkeypatch.setattr(process, mine_to_keep, lambda: None)
    monkeypatch.setattr(process.logs, "set_up", lambda *_: None)

    @asynccontextmanager
    async def running(settings: CommonSettings) -> AsyncIterator[None]:
        raise LocalError("no NATS")
        yield

    assert process.run("signaling", "test", CommonSettings, running) == 2
    assert told == ["signaling"]
