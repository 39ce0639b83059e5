"""The operators' port, over real HTTP."""

import httpx
import pytest

from shared.errors import LocalError
from shared.health import ops_config, serve


async def test_health_readiness_and_metrics_are_served() -> None:
    why = "no NATS"
    async with (
        serve(ops_config("127.0.0.1", 0, lambda: why, lambda: None), "ops") as address,
        httpx.AsyncClient() as client,
    ):
        assert (await client.get(f"http://{address}/healthz")).status_code == 200
        answer = await client.get(f"http://{address}/readyz")
        assert (answer.status_code, answer.text) == (503, "no NATS\n")
        why = ""
        assert (await client.get(f"http://{address}/readyz")).status_code == 200
        assert "cordboard_event_loop_lag_seconds" in (await client.get(f"http://{address}/metrics")).text


async def test_a_pod_is_asked_to_drain_by_who_is_at_its_host() -> None:
    asked: list[bool] = []
    config = ops_config("0.0.0.0", 0, str, lambda: asked.append(True))
    async with serve(config, "ops") as address, httpx.AsyncClient() as here:
        port = address.rpartition(":")[2]
        assert (await here.get(f"http://127.0.0.1:{port}/drain")).status_code == 405
        assert (await here.post(f"http://10.9.9.1:{port}/drain")).status_code == 403
        assert asked == []
        assert (await here.post(f"http://127.0.0.1:{port}/drain")).status_code == 202
        assert asked == [True]


async def test_a_taken_port_is_told() -> None:
    async with serve(ops_config("127.0.0.1", 0, str, lambda: None), "first") as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(LocalError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with serve(ops_config("127.0.0.1", port, str, lambda: None), "second"):
                raise AssertionError("two servers on one port")
