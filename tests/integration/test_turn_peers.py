"""coturn as it is deployed sends to the relays, and to no other host of the inside or outside."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from aioice import stun
from aioice.turn import TurnClientUdpProtocol
from deploy.kustomize import DEPLOY, with_components
from tests.support.coturn import SECRET, Coturn, coturn

from signaling.core.turn import turn_server

pytestmark = pytest.mark.peers

RELAY = "127.0.0.1"
MINUTE = 60
CHANNEL = 0x4000


def limits(arguments: list[str]) -> list[str]:
    """Return those of coturn's arguments that say where it may send, the relay's address filled in."""
    names = ("--no-tcp-relay", "--denied-peer-ip", "--allowed-peer-ip", "--no-multicast-peers")
    chosen = [one for one in arguments if one.startswith(names)]
    return [one.replace("$(TURN_PEERS)", RELAY).replace("${TURN_PEERS:-127.0.0.1}", RELAY) for one in chosen]


def deployed(where: str, folder: Path) -> list[str]:
    """Return coturn's arguments in Kubernetes, or with Compose."""
    if where == "compose":
        services = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())["services"]
        command: list[str] = services["coturn"]["command"]
        return command
    manifests = with_components(folder, [DEPLOY / "k8s" / "components" / "turn"])
    (found,) = [one for one in manifests if (one["kind"], one["metadata"]["name"]) == ("Deployment", "coturn")]
    arguments: list[str] = found["spec"]["template"]["spec"]["containers"][0]["args"]
    return arguments


@pytest.fixture(params=["kubernetes", "compose"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Coturn]:
    async with coturn(RELAY, *limits(deployed(request.param, tmp_path))) as server:
        yield server


@pytest.fixture
async def page(server: Coturn) -> AsyncIterator[TurnClientUdpProtocol]:
    """What a page that is logged in has: an address at the server."""
    good = turn_server((server.url,), SECRET, "s-1", int(time.time()) + MINUTE)
    there = (server.host, server.port)
    _, client = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: TurnClientUdpProtocol(
            there, username=good.username, password=good.credential, lifetime=MINUTE, channel_refresh_time=MINUTE
        ),
        remote_addr=there,
    )
    await client.connect()
    yield client
    await client.delete()


async def test_a_page_reaches_the_relays_alone(page: TurnClientUdpProtocol) -> None:
    await page.channel_bind(CHANNEL, (RELAY, 10000))
    inside = ("10.0.0.1", "100.64.0.1", "127.0.0.2", "169.254.169.254", "172.16.0.1", "192.168.0.1")
    for number, host in enumerate((*inside, "203.0.113.1"), CHANNEL + 1):
        with pytest.raises(stun.TransactionFailed) as refused:
            await page.channel_bind(number, (host, 10000))
        assert refused.value.response.attributes["ERROR-CODE"][0] == 403, host


def test_signaling_is_told_of_the_server_and_its_secret(tmp_path: Path) -> None:
    manifests = with_components(tmp_path, [DEPLOY / "k8s" / "components" / "turn"])
    (settings,) = [one["data"] for one in manifests if one["metadata"]["name"].startswith("cordboard-")]
    assert settings["CORDBOARD_SIGNALING_TURN_URLS"].startswith("turn:")
    secrets = {
        one["metadata"]["name"]: variable["valueFrom"]["secretKeyRef"]
        for one in manifests
        if one["kind"] == "Deployment"
        for variable in one["spec"]["template"]["spec"]["containers"][0]["env"]
        if variable["name"].endswith("TURN_SECRET")
    }
    assert secrets["signaling"] == secrets["coturn"]
