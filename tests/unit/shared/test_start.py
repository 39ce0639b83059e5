"""A pod that begins its work anew until NATS lets it."""

import asyncio
from collections.abc import Callable

import nats.errors
import pytest
from nats.js.errors import ServerError, ServiceUnavailableError
from structlog.testing import capture_logs

from shared import start
from shared.bus import Bus
from shared.errors import LocalError
from shared.settings import CommonSettings
from shared.tasks import Tasks


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch) -> start.Start:
    monkeypatch.setattr(start, "_PAUSE", 0.0)
    monkeypatch.setattr(Bus, "not_ready", lambda _: "")  # connected
    return start.Start(Bus(CommonSettings()))


async def test_each_reason_is_logged_once_however_often_they_take_turns(pod: start.Start) -> None:
    outcomes = [ServiceUnavailableError(code=503), nats.errors.TimeoutError()] * 3
    lacked: list[str] = []

    async def work() -> str:
        lacked.append(pod.not_ready())
        if outcomes:
            raise outcomes.pop()
        return "done"

    with capture_logs() as logs:
        assert await pod.insist("store", work) == "done"
    assert lacked[:2] == ["no store", "no store: nats: timeout"]
    assert "503" in lacked[2] and len(lacked) == 7
    assert len(logs) == 2
    assert pod.not_ready() == "starting"


async def test_what_no_waiting_can_mend_is_not_waited_for(pod: start.Start) -> None:
    async def work() -> None:
        raise ServerError(code=500, err_code=10074, description="replicas > 1 not supported in non-clustered mode")

    with pytest.raises(LocalError, match="CORDBOARD_KV_REPLICAS"):
        await pod.insist("store", work)


async def test_a_pod_that_waits_can_be_ended(pod: start.Start) -> None:
    tried = asyncio.Event()
    tasks = Tasks("test")

    async def work() -> None:
        tried.set()
        raise nats.errors.TimeoutError

    waiting: Callable[[], bool] = tasks.spawn(pod.insist("store", work), "waits").cancelled
    await tried.wait()
    async with asyncio.timeout(5):
        await tasks.aclose()
    assert waiting()
