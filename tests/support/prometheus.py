"""A real Prometheus that scrapes a cluster as it is to be deployed: pods by `service` and `pod`, our alert rules."""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from .processes import free_ports, program, start
from .services import Cordboard

MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"
SERVICES = {"signaling": "signaling", "agent": "sip-agent", "relay": "media-relay"}
SCRAPE_SECONDS = 0.5


class Prometheus:
    """Its HTTP API."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the samples that a query gives now; fail with Prometheus's own words where it cannot be read."""
        answer = (await self._client.get("/api/v1/query", params={"query": expr})).json()
        assert answer["status"] == "success", f"{expr}: {answer.get('error')}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    async def wait_for(self, expr: str, within: float = 30.0) -> list[dict[str, Any]]:
        """Return the samples once there are any."""
        async with asyncio.timeout(within):
            while not (found := await self.query(expr)):  # noqa: ASYNC110 - figures are asked for
                await asyncio.sleep(0.1)
        return found

    async def rules(self) -> list[str]:
        """Return the names of the alerts that it watches."""
        groups = (await self._client.get("/api/v1/rules")).json()["data"]["groups"]
        return [rule["name"] for group in groups for rule in group["rules"]]


@contextlib.asynccontextmanager
async def prometheus(cluster: Cordboard) -> AsyncIterator[Prometheus]:
    """Run it while the block runs."""
    port = free_ports()
    targets = [
        {"targets": [f"127.0.0.1:{pod.ops_port}"], "labels": {"service": SERVICES[pod.kind], "pod": pod.name}}
        for pod in cluster.pods
    ]
    config = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS * 1000:.0f}ms", "scrape_timeout": "500ms"},
        "rule_files": [str(MONITORING / "alerts.yml")],
        "scrape_configs": [{"job_name": "cordboard", "static_configs": targets}],
    }
    with tempfile.TemporaryDirectory(prefix="cordboard-prometheus-") as folder:
        path = Path(folder) / "prometheus.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        command = (
            program("prometheus", "prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        )
        process = await start("prometheus", command)
        try:
            await process.wait_for_output("Server is ready to receive web requests")
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", verify=False) as client:
                yield Prometheus(client)
        finally:
            await process.stop()
