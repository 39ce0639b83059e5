"""The operators' port, over real HTTP."""

import signal

import httpx
import pytest

from shared.errors import LocalError
from shared.health import ops_config, serve


async def test_health_readiness_and_metrics_are_served() -> None:
    why = "no NATS"
    async with serve(ops_config("127.0.0.1", 0, lambda: why), "ops") as address, httpx.AsyncClient() as client:
        assert (await client.get(f"http://{address}/healthz")).status_code == 200
        answer = await client.get(f"http://{address}/readyz")
        assert (answer.status_code, answer.text) == (503, "no NATS\n")
        why = ""
        assert (await client.get(f"http://{address}/readyz")).status_code == 200
        assert "cordboard_event_loop_lag_seconds" in (await client.get(f"http://{address}/metrics")).text


async def test_a_pod_is_asked_to_leave_by_who_is_at_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    config = ops_config("0.0.0.0", 0, str)
    async with serve(config, "ops") as address, httpx.AsyncClient() as here:
        port = address.rpartition(":")[2]
        assert (await here.get(f"http://127.0.0.1:{port}/drain")).status_code == 405
        assert (await here.post(f"http://10.9.9.1:{port}/drain")).status_code == 403
        assert raised == []
        assert (await here.post(f"http://127.0.0.1:{port}/drain")).status_code == 202
        assert raised == [signal.SIGTERM]


async def test_a_taken_port_is_told() -> None:
    async with serve(ops_config("127.0.0.1", 0, str), "first") as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(LocalError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with serve(ops_config("127.0.0.1", port, str), "second"):
                raise AssertionError("two servers on one port")
