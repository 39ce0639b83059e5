"""Peers that connect and then say nothing, or not enough: they lose their socket, pages do not."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.support.signaling import Stage, stage
from tests.support.slow_peer import expect_closed


@pytest.fixture
async def here(nats_url: str) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


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
    await expect_closed(pod.address, first=first, drip=drip)


async def test_a_page_stays_connected_beyond_that_time(here: Stage) -> None:
    pod = await here.pod(login_seconds=0.5)
    page = await here.page(pod)
    await page.log_in()
    async with httpx.AsyncClient(base_url=f"http://{pod.address}") as http:
        await http.get("/healthz")
    await expect_closed(pod.address)
    assert (await page.ask("ping"))["type"] == "ok"
