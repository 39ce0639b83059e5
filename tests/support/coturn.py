"""A real coturn, which takes credentials that expire, made with a secret that it is told."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from .processes import Process, free_ports, program, running

SECRET = "of turn server and pods"
RELAY_PORTS = 20


@dataclass(frozen=True)
class Coturn:
    """A running one; all that it says of sessions is in its output."""

    process: Process
    host: str
    port: int

    @property
    def url(self) -> str:
        """What browsers reach it by."""
        return f"turn:{self.host}:{self.port}?transport=udp"


@contextlib.asynccontextmanager
async def coturn(host: str = "127.0.0.1", *options: str) -> AsyncIterator[Coturn]:
    """Run coturn, with further options, while the block runs."""
    port, first = free_ports(), free_ports(RELAY_PORTS)
    with tempfile.TemporaryDirectory(prefix="cordboard-coturn-") as folder:
        command = (
            program("turnserver", "coturn"),
            *("-n", "--use-auth-secret", f"--static-auth-secret={SECRET}", "--realm=turn.test"),
            *(f"--listening-ip={host}", f"--listening-port={port}", f"--relay-ip={host}"),
            *(f"--min-port={first}", f"--max-port={first + RELAY_PORTS - 1}", "--allow-loopback-peers"),
            *("--no-tls", "--no-dtls", "--no-cli", "--log-file=stdout", "--simple-log", "--verbose"),
            *(f"--pidfile={Path(folder) / 'pid'}", f"--userdb={Path(folder) / 'users'}"),
            *options,
        )
        async with running("coturn", command) as process:
            await process.wait_for_udp(port)
            yield Coturn(process, host, port)
