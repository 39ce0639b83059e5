"""The images and docker-compose.yml, in a container engine: two pages call each other, and go on when pods die."""

import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from functools import partial

import httpx
import pytest
import pytest_asyncio
from tests.images import compose
from tests.support.browser.chromium import chromium
from tests.support.page import Account, establish, hear_each_other, open_phone
from tests.support.until import until, until_so

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240)]
of_module = pytest.mark.asyncio(loop_scope="module")

READY_WITHIN = 60.0
PAGES = ("http://localhost:8080/", "http://localhost:8081/")
OPS_PORTS = dict(zip(compose.SERVICES, (9101, 9111, 9102, 9112, 9103, 9113), strict=True))
LOADS = {"media-relay": "cordboard_media_relay_sessions_active", "sip-agent": "cordboard_sip_agent_registrations"}
AGENTS, CALLS = ("sip-agent-1", "sip-agent-2"), "cordboard_sip_agent_calls_active"
# What runs in the image, without a shell or curl: who it is, what it may, and whether it may write.
CONFINED = """
import os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
try:
    open("/probe", "w")
except OSError as error:
    print(os.getuid(), status["CapEff"].strip(), status["NoNewPrivs"].strip(), error.strerror)
"""


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    with compose.running():
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ops() -> AsyncIterator[httpx.AsyncClient]:
    """What asks the services at their operators' ports."""
    async with httpx.AsyncClient(timeout=5) as client:
        yield client


async def is_ready(ops: httpx.AsyncClient, service: str) -> bool:
    try:
        return (await ops.get(f"http://127.0.0.1:{OPS_PORTS[service]}/readyz")).is_success
    except httpx.TransportError:
        return False


async def all_are_ready(ops: httpx.AsyncClient) -> None:
    async def they_are() -> bool:
        return all([await is_ready(ops, service) for service in compose.SERVICES])

    await until(they_are, READY_WITHIN)


async def with_most(ops: httpx.AsyncClient, kind: str, metric: str) -> str:
    """Return which pod of a kind has most of something."""
    loads = {service: await metric_of(ops, service, metric) for service in (f"{kind}-1", f"{kind}-2")}
    assert any(loads.values()), loads
    return max(loads, key=lambda service: loads[service])


async def metric_of(ops: httpx.AsyncClient, service: str, metric: str) -> float:
    """Return what a pod says of a metric, of all its labels together."""
    text = (await ops.get(f"http://127.0.0.1:{OPS_PORTS[service]}/metrics")).text
    return sum(map(float, re.findall(rf"^{metric}(?:{{.*}})? (\S+)$", text, re.MULTILINE)))


async def both_ends_have_an_agent(ops: httpx.AsyncClient) -> bool:
    """Whether no end of the call is without one: what is asked of it then would be refused."""
    return sum([await metric_of(ops, agent, CALLS) for agent in AGENTS]) == 2


async def replaced(service: str) -> None:
    """Let a pod die, which for Podman is not to be told to kill it; wait until it has been started anew."""
    killed = int(compose.inspect(service, "{{.State.Pid}}"))
    os.kill(killed, signal.SIGKILL)
    await until_so(lambda: int(compose.inspect(service, "{{.State.Pid}}")) not in (0, killed), READY_WITHIN)


@pytest.mark.parametrize("service", compose.SERVICES)
def test_an_image_has_no_rights_that_it_does_not_need(service: str) -> None:
    said = compose.podman("exec", compose.container(service), "python", "-c", CONFINED)
    assert said.strip() == "10001 0000000000000000 1 Read-only file system"


@of_module
async def test_a_call_outlives_its_relay_and_its_agent(ops: httpx.AsyncClient) -> None:
    await all_are_ready(ops)
    async with chromium() as browser:
        alice, bob = [await open_phone(browser, url, tone) for url, tone in zip(PAGES, (440, 620), strict=True)]
        for page, user in ((alice, "alice"), (bob, "bob")):
            await page.connect(Account(user, user))
        await establish(alice, bob, "bob")
        await hear_each_other(alice, bob)
        for kind, metric in LOADS.items():
            await replaced(await with_most(ops, kind, metric))
            await all_are_ready(ops)
            await until(partial(both_ends_have_an_agent, ops), READY_WITHIN)
            await hear_each_other(alice, bob)
        await alice.hang_up()
        await bob.wait_for_call("^FINISH")


@of_module
async def test_prometheus_has_found_every_pod(ops: httpx.AsyncClient) -> None:
    await all_are_ready(ops)

    found: dict[str, str] = {}

    async def all_are_found() -> bool:
        answer = await ops.get("http://127.0.0.1:9090/api/v1/query", params={"query": "up"})
        found.update({series["metric"]["pod"]: series["value"][1] for series in answer.json()["data"]["result"]})
        return found == dict.fromkeys(compose.SERVICES, "1")

    with contextlib.suppress(TimeoutError):  # what was found says more
        await until(all_are_found, READY_WITHIN)
    assert found == dict.fromkeys(compose.SERVICES, "1")


def test_all_end_in_order_when_they_are_told_to() -> None:
    compose.stop()
    assert {service: compose.inspect(service, "{{.State.ExitCode}}") for service in compose.SERVICES} == dict.fromkeys(
        compose.SERVICES, "0"
    )
