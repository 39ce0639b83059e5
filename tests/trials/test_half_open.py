"""A host that opens thousands of connections and says nothing, or does not log in, keeps no page of another one out."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from prometheus_client import REGISTRY
from tests.support.network import RELAY_HOST, Host, Network
from tests.support.signaling import Page, Stage, stage
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from signaling.app import Running

SILENT = 10_000
STRANGERS = 300
AT_ONCE = 100
PAGES = 20
SECONDS = 5.0  # for all pages, one after the other, on a machine that does all of this


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    """Both ends of each connection are in this process."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
async def here(network: Network, nats_url: str) -> AsyncIterator[Stage]:
    """On the relay's host."""
    async with stage(nats_url) as here:
        yield here


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"cordboard_signaling_{name}", labels) or 0.0


async def dial(host: Host, pod: Running) -> socket.socket:
    """Connect from a host."""
    with host.inside():
        dialled = socket.socket()
    dialled.setblocking(False)
    await asyncio.get_running_loop().sock_connect(dialled, (RELAY_HOST, int(pod.address.rpartition(":")[2])))
    return dialled


async def log_in(host: Host, pod: Running, here: Stage, user: str) -> None:
    """Come as a page, log in, log out."""
    async with connect(f"ws://{RELAY_HOST}/ws", sock=await dial(host, pod)) as socket_:
        page = Page(socket_, here.tasks)
        await page.log_in(user)
        assert (await page.ask("logout"))["type"] == "ok"
        assert await page.close_code() == 1000


@pytest.mark.timeout(120)
async def test_connections_that_say_nothing_keep_no_page_out(network: Network, here: Stage) -> None:
    pod = await here.pod(host=RELAY_HOST)
    most, half_open = pod.pod.settings.max_half_open_of_host, pod.pod.admission.half_open
    cut = counted("half_open_cut_total", reason="crowded out")
    with contextlib.ExitStack() as stack:
        async with asyncio.timeout(60):
            for _ in range(SILENT // AT_ONCE):
                made = await asyncio.gather(*(dial(network.attacker, pod) for _ in range(AT_ONCE)))
                for one in made:
                    stack.enter_context(one)
                assert len(half_open) <= most
        async with asyncio.timeout(SECONDS):
            for number in range(PAGES):
                await log_in(network.browser, pod, here, f"user{number}")
        assert counted("half_open_cut_total", reason="crowded out") >= cut + SILENT - most


async def test_sockets_that_do_not_log_in_keep_no_page_of_another_host_out(network: Network, here: Stage) -> None:
    pod = await here.pod(host=RELAY_HOST)
    most = pod.pod.settings.max_unauthenticated_of_host
    reason = "too many sockets of one host that have not logged in"
    before = counted("websocket_rejects_total", reason=reason)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(STRANGERS):
            with contextlib.suppress(WebSocketException):
                connection = connect(f"ws://{RELAY_HOST}/ws", sock=await dial(network.attacker, pod))
                await stack.enter_async_context(connection)
        assert pod.pod.admission.strangers <= most
        assert counted("websocket_rejects_total", reason=reason) >= before + STRANGERS - most
        async with asyncio.timeout(SECONDS):
            for number in range(PAGES):
                await log_in(network.browser, pod, here, f"user{number}")
