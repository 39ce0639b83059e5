"""Buckets and streams that were made with fewer replicas than are wanted now."""

from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from tests.support.certificates import Authority
from tests.support.nats_cluster import nats_cluster
from tests.support.nats_users import secured_nats
from tests.support.until import until_so

from shared import replicas
from shared.bus import Bus
from shared.replicas import Replicas
from shared.settings import CommonSettings, StreamSettings
from shared.store import open_store
from shared.streams import EVENTS, open_streams
from shared.tasks import Tasks

STREAMS = ("KV_sessions", "KV_leases", EVENTS)


def missing() -> float | None:
    return REGISTRY.get_sample_value("cordboard_kv_replicas_missing")


async def test_they_are_told_until_somebody_gives_them_what_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "LOOK_EVERY", 0.05)
    tasks = Tasks("test")
    async with nats_cluster() as nats:
        bus = await Bus.connect(CommonSettings(nats_url=nats.url, pod="test"))
        js = bus.jetstream()
        await open_store(bus)
        await open_streams(bus, StreamSettings(pod="test"))
        with capture_logs() as logs:
            watching = tasks.spawn(Replicas(js, 3, STREAMS).watch(), "replicas")
            await until_so(lambda: missing() == 2)
            for name in STREAMS:
                config = (await js.stream_info(name)).config
                await js.update_stream(config.evolve(num_replicas=3))
            await until_so(watching.done, within=30.0)  # three servers have to catch up
        assert missing() == 0
        told = next(entry for entry in logs if entry["log_level"] == "warning")
        assert told["streams"] == dict.fromkeys(STREAMS, 1)
        assert told["mend"] == "nats stream edit <stream> --replicas 3"
        await bus.aclose()


async def test_who_may_change_nothing_sees_it(tmp_path: Path) -> None:
    async with secured_nats(Authority(tmp_path)) as nats:
        bus = await Bus.connect(CommonSettings(pod="agent-1", **nats.settings("agent")))
        await open_store(bus)
        with capture_logs() as logs:
            await Replicas(bus.jetstream(), 1, STREAMS[:2]).watch()
        assert logs == [] and missing() == 0
        tasks = Tasks("test")
        tasks.spawn(Replicas(bus.jetstream(), 3, STREAMS[:2]).watch(), "replicas")
        await until_so(lambda: missing() == 2)
        await tasks.aclose()
        await bus.aclose()
