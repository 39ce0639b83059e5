"""Servers of NATS as they are to be deployed (deploy/nats/cluster.conf) join each other, and nobody else joins them."""

import asyncio
import contextlib
import json
import shutil
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.certificates import Authority
from tests.support.nats import NatsServer
from tests.support.nats_users import FILES, PASSWORDS
from tests.support.processes import free_ports
from tests.support.until import until

HOST = "127.0.0.1"
PASSWORD = "9of0routes"


@dataclass(frozen=True)
class Member:
    """A server's own files and ports."""

    folder: Path
    route: int
    monitor: int

    def configure(self) -> Path:
        """Write its files: those that are deployed, with other ports and another disk; return the one to begin with."""
        shutil.copytree(FILES, self.folder, ignore=shutil.ignore_patterns("k8s", "*.yaml"))
        path = self.folder / "cluster.conf"
        text = path.read_text()
        changes = {
            "store_dir: /data, ": "",  # it is told by an option
            "port: 6222\n": f"port: {self.route}\n",
            "http_port: 8222\n": f"http_port: {self.monitor}\n",
        }
        for deployed, own in changes.items():
            assert text.count(deployed) == 1
            text = text.replace(deployed, own)
        path.write_text(text)
        return path

    async def told(self, path: str) -> dict[str, Any]:
        """Return what its monitor says, as the exporter for Prometheus reads it."""
        async with httpx.AsyncClient() as client:
            said: dict[str, Any] = (await client.get(f"http://{HOST}:{self.monitor}/{path}")).json()
        return said

    async def neighbours(self) -> set[str]:
        """Return the names of the servers that it is joined to."""
        return {route["remote_name"] for route in (await self.told("routez"))["routes"]}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def members(tmp_path: Path, authority: Authority) -> AsyncIterator[list[Member]]:
    """Two of the three, which is enough to agree."""
    own = authority.issue(HOST)
    first = free_ports(6)
    members = [Member(tmp_path / f"nats-{number}", first + number, first + 3 + number) for number in range(2)]
    env = {f"NATS_{user.upper()}_PASSWORD": password for user, password in PASSWORDS.items()}
    env |= {"NATS_CERTIFICATE": str(own.certificate), "NATS_KEY": str(own.key), "NATS_CA": str(authority.certificate)}
    env |= {"NATS_ROUTE_PASSWORD": PASSWORD, "GOMEMLIMIT": "900MiB"}
    env |= {f"NATS_ROUTE_{number}": f"nats://route:{PASSWORD}@{HOST}:{first + number}" for number in range(3)}
    async with contextlib.AsyncExitStack() as stack:
        for number, member in enumerate(members):
            options = ("--config", str(member.configure()))
            name = {"NATS_SERVER_NAME": f"nats-{number}"}
            server = NatsServer(member.folder, *options, env=env | name)
            stack.push_async_callback(server.stop)
            await server.start()
        yield members


async def test_servers_that_know_the_password_join(members: list[Member]) -> None:
    async def have_neighbours() -> bool:
        return all([await member.neighbours() for member in members])

    await until(have_neighbours, within=10.0)
    assert [await member.neighbours() for member in members] == [{"nats-1"}, {"nats-0"}]


async def test_what_alerts_look_at_is_told(members: list[Member]) -> None:
    """To the exporter it is `nats_varz_<path with underscores>`; `meta_cluster` becomes `is_meta_leader`."""
    told = await members[0].told("varz")
    assert {"mem", "slow_consumers"} <= told.keys()
    assert told["gomemlimit"] == 900 * 2**20
    assert told["jetstream"]["config"]["max_storage"] == 8 * 2**30
    assert told["jetstream"]["config"]["max_memory"] == 2**28
    assert told["jetstream"]["stats"]["storage"] == 0
    assert {"streams", "account_details", "meta_cluster"} <= (await members[0].told("jsz?streams=true")).keys()


async def joining(member: Member, context: ssl.SSLContext, password: str) -> bytes:
    """Say what a server says that wants to join; return what the other one says to that until it closes."""
    reader, writer = await asyncio.open_connection(HOST, member.route, ssl=context, server_hostname=HOST)
    try:
        told = json.loads((await reader.readline()).removeprefix(b"INFO "))
        assert told["auth_required"]
        said = {"user": "route", "pass": password, "name": "stranger", "cluster": "cordboard", "tls_required": True}
        writer.write(b"CONNECT " + json.dumps(said).encode() + b"\r\n")
        return await reader.read()
    finally:
        writer.close()


async def test_a_stranger_without_the_password_does_not(members: list[Member], authority: Authority) -> None:
    own = authority.issue(HOST)
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.load_cert_chain(own.certificate, own.key)
    async with asyncio.timeout(10):
        assert b"Authorization Violation" in await joining(members[0], context, "guessed")


async def test_a_stranger_without_a_certificate_does_not(members: list[Member], authority: Authority) -> None:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    async with asyncio.timeout(10):
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await joining(members[0], context, PASSWORD)
