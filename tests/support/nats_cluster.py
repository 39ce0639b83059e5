"""Three real nats-servers with JetStream, as they are to be deployed: any of them may die, or all."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import nats
import nats.errors
import nats.js.errors
from nats.js.api import ClusterInfo

from .nats import NatsServer
from .nats_users import OpenNats
from .processes import free_ports
from .until import until

SERVERS = 3
AGREED_WITHIN = 30.0  # an election takes 4 to 9 s, and may be held again


class NatsCluster(OpenNats):
    """The servers; `url` names them all. Each of its buckets is in three places."""

    async def leader(self, stream: str) -> NatsServer:
        """Return who decides about a stream."""
        async with await nats.connect(self.url.split(",")) as client:
            cluster = (await client.jetstream().stream_info(stream)).cluster
        assert cluster is not None
        return next(one for one in self.servers if one.name == cluster.leader)

    async def until_led(self) -> None:
        """Return once every stream has a leader, though a server may be missing."""
        await self._until(lambda cluster: bool(cluster.leader))

    async def until_whole(self) -> None:
        """Return once every stream has a leader, and all the others follow it; and new ones would, too."""
        await until(self._has_all_servers, AGREED_WITHIN)
        await self._until(lambda cluster: bool(cluster.leader) and all(peer.current for peer in cluster.replicas or []))

    async def _until(self, is_so: Callable[[ClusterInfo], bool]) -> None:
        async with asyncio.timeout(AGREED_WITHIN):
            while not all([is_so(cluster) for cluster in await self._clusters()]):  # noqa: ASYNC110 - they are asked
                await asyncio.sleep(0.1)

    async def _has_all_servers(self) -> bool:
        """Whether the server that decides where streams are kept hears all the others."""
        async with httpx.AsyncClient() as client:
            try:
                replies = [await client.get(f"http://127.0.0.1:{port}/jsz") for port in self.monitors]
            except httpx.TransportError:
                return False
        known = [reply.json().get("meta_cluster", {}).get("replicas", []) for reply in replies]
        # Who does not decide has not all of the others as current.
        return any(len(peers) == SERVERS - 1 and all(peer["current"] for peer in peers) for peers in known)

    async def _clusters(self) -> list[ClusterInfo]:
        """Return how the servers share each stream; while nobody knows, one that nobody leads."""
        unknown = [ClusterInfo(leader="")]
        try:
            async with await nats.connect(self.url.split(","), connect_timeout=1) as client:
                streams = await client.jetstream(timeout=1.0).streams_info()
        except (nats.errors.Error, nats.js.errors.Error, OSError):
            return unknown
        return [stream.cluster or ClusterInfo() for stream in streams]

    async def start(self) -> None:
        """Run them all; return when they agree."""
        await asyncio.gather(*(server.start() for server in self.servers))
        await self.until_whole()

    async def stop(self) -> None:
        """End them all."""
        await asyncio.gather(*(server.stop() for server in self.servers))


def _not_started(folder: Path) -> NatsCluster:
    clients, routes, monitors = ([free_ports() for _ in range(SERVERS)] for _ in range(3))
    known = ",".join(f"nats://127.0.0.1:{port}" for port in routes)
    servers = []
    for number in range(SERVERS):
        own = folder / str(number)
        own.mkdir()
        options = (
            *("--cluster_name", "cordboard", "--cluster", f"nats://127.0.0.1:{routes[number]}"),
            *("--routes", known, "--http_port", str(monitors[number])),
        )
        servers.append(NatsServer(own, *options, name=f"nats-{number}", port=clients[number]))
    return NatsCluster(",".join(server.url for server in servers), tuple(monitors), tuple(servers))


@contextlib.asynccontextmanager
async def nats_cluster() -> AsyncIterator[NatsCluster]:
    """Run three servers while the block runs."""
    with tempfile.TemporaryDirectory(prefix="cordboard-nats-") as folder:
        cluster = _not_started(Path(folder))
        try:
            await cluster.start()
            yield cluster
        finally:
            await cluster.stop()
