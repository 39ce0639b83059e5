"""A real DNS server on loopback, which knows what the test says and asks nobody else."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from .processes import Process, free_ports, program, running


@dataclass(frozen=True)
class Dnsmasq:
    """A running one."""

    process: Process
    port: int

    @property
    def server(self) -> str:
        """As the setting wants it."""
        return f"127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def dnsmasq(*records: str, ttl: int = 60) -> AsyncIterator[Dnsmasq]:
    """Run dnsmasq while the block runs. `records` are its options, such as `host-record=a.test,127.0.0.1`."""
    port = free_ports()
    options: Sequence[str] = (
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--no-daemon",
        "--log-queries",
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        f"--port={port}",
        f"--local-ttl={ttl}",
        "--user=root",
        *(f"--{record}" for record in records),
    )
    async with running("dnsmasq", [program("dnsmasq", "dnsmasq-base"), *options]) as process:
        await process.wait_for_tcp(port)
        yield Dnsmasq(process, port)
