"""Peers that connect and then say nothing, or not enough: they lose their socket, pages do not."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.support.signaling import Stage, stage

from shared.tasks import Tasks


@pytest.fixture
async def here(nats_url: str) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


async def until_closed(address: str, *, drip: bytes = b"", first: bytes = b"") -> None:
    """Connect, send `first` and then `drip` again and again, until the pod closes."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(first)

    async def keep_dripping() -> None:
        while drip:
            writer.write(drip)
            await asyncio.sleep(0.1)

    tasks = Tasks("slow peer")
    tasks.spawn(keep_dripping(), "drip")
    try:
        async with asyncio.timeout(10):
            while await reader.read(65536):
                pass
    except ConnectionResetError:
        return
    finally:
        await tasks.aclose()
        writer.close()


@pytest.mark.parametrize(
    ("first", "drip"),
    [
        (b"", b""),
        (b"GET /ws HTTP/1.1\r\nHost: x\r\n", b""),
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b""),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"G"),
    ],
)
async def test_a_request_that_does_not_come_costs_its_peer_the_socket(here: Stage, first: bytes, drip: bytes) -> None:
    pod = await here.pod(login_seconds=0.5)
    await until_closed(pod.address, first=first, drip=drip)


async def test_a_page_stays_connected_beyond_that_time(here: Stage) -> None:
    pod = await here.pod(login_seconds=0.5)
    page = await here.page(pod)
    await page.log_in()
    async with httpx.AsyncClient(base_url=f"http://{pod.address}") as http:
        await http.get("/healthz")
    await until_closed(pod.address)
    assert (await page.ask("ping"))["type"] == "ok"
