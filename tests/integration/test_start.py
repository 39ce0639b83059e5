"""Real pods that start while NATS, or what it stores, is not to be had."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from tests.support.nats import NatsServer, nats_server
from tests.support.nats_cluster import nats_cluster
from tests.support.processes import free_ports
from tests.support.services import Pod, one_of_each
from tests.support.until import until

PATIENCE = 40.0  # for a pod to start on a loaded machine, and for JetStream to elect a leader
AT_ONCE = 5.0  # of the ten after which they are killed


async def get(pod: Pod, path: str) -> tuple[int, str]:
    """Return the status and the text of the operators' port; status 0 while nobody listens there."""
    async with httpx.AsyncClient() as client:
        try:
            answer = await client.get(f"http://127.0.0.1:{pod.ops_port}{path}")
        except httpx.TransportError:
            return 0, ""
    return answer.status_code, answer.text


async def until_it_lacks(pod: Pod, what: str) -> None:
    """Wait until the pod lives and says that it waits for this, and why."""

    async def says() -> bool:
        pod.process.check_alive()
        status, why = await get(pod, "/readyz")
        return status == 503 and why.startswith(f"{what}: ")

    await until(says, PATIENCE)
    assert await get(pod, "/healthz") == (200, "ok\n")


async def test_pods_are_alive_without_nats_and_get_ready_once_it_is_there(tmp_path: Path) -> None:
    nats = NatsServer(tmp_path, port=free_ports())
    async with one_of_each(nats.url) as pods:
        try:
            await asyncio.gather(*(until_it_lacks(pod, "no bus") for pod in pods))
            await nats.start()
            await asyncio.gather(*(pod.wait_until_ready() for pod in pods))
            assert [pod.process.log.count("ConnectionRefusedError") for pod in pods] == [1, 1, 1]  # said once
            await asyncio.gather(*(pod.stop() for pod in pods))
        finally:
            await nats.stop()


async def test_pods_that_wait_for_nats_end_at_once_and_well() -> None:
    async with one_of_each(f"nats://127.0.0.1:{free_ports()}") as pods:
        await asyncio.gather(*(until_it_lacks(pod, "no bus") for pod in pods))
        asked_at = time.monotonic()
        await asyncio.gather(*(pod.stop() for pod in pods))
        assert time.monotonic() - asked_at < AT_ONCE
        assert not any("Traceback" in pod.process.log for pod in pods)


@pytest.mark.timeout(150)
async def test_pods_wait_for_what_nats_stores_until_its_servers_agree() -> None:
    async with nats_cluster() as nats:
        await asyncio.gather(*(server.stop() for server in nats.servers[1:]))
        async with one_of_each(nats.url, KV_REPLICAS="3") as pods:
            signaling, agent, relay = pods
            await asyncio.gather(until_it_lacks(signaling, "no store"), until_it_lacks(agent, "no store"))
            await relay.wait_until_ready()  # which stores nothing
            asked_at = time.monotonic()
            await agent.stop()
            assert time.monotonic() - asked_at < AT_ONCE
            await asyncio.gather(*(server.start() for server in nats.servers[1:]))
            await agent.start_anew()
            await signaling.wait_until_ready()
            await asyncio.gather(*(pod.stop() for pod in pods))


async def test_a_password_that_nats_refuses_is_told_by_the_pod_that_waits() -> None:
    async with nats_server("--user", "u", "--pass", "right") as url:
        async with one_of_each(url, NATS_USER="u", NATS_PASSWORD="wrong") as pods:
            await asyncio.gather(*(until_it_lacks(pod, "no bus") for pod in pods))
            for pod in pods:
                assert await get(pod, "/readyz") == (
                    503,
                    "no bus: NATS refuses CORDBOARD_NATS_USER or CORDBOARD_NATS_PASSWORD\n",
                )
                await pod.process.wait_for_output("Authorization Violation")


async def test_more_replicas_than_a_server_alone_can_have_are_a_wrong_setting() -> None:
    async with nats_server() as url, one_of_each(url, KV_REPLICAS="3") as (signaling, agent, _):
        for pod in (signaling, agent):
            assert await pod.process.wait() == 2
            assert "CORDBOARD_KV_REPLICAS: the NATS server is alone" in pod.process.log
