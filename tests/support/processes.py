"""Real processes for a test: started, awaited by what they print or serve, ended by their id, their output kept."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import sysconfig
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from shared.tasks import Tasks

START_SECONDS = 60.0  # a loaded machine
STOP_SECONDS = 10.0
_TAIL = 3000  # characters of a dead process's output that its failure shows


def program(name: str, package: str) -> str:
    """Return the path of a program that a Debian package brings; fail, never skip, where it is missing."""
    places = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name, path=places)
    assert found, f"{name} is missing: apt-get install {package} (make test does so)"
    return found


def free_ports(count: int = 1) -> int:
    """Return the first of `count` neighbouring ports of 127.0.0.1 that are free for UDP and TCP.

    They lie below the kernel's ephemeral range, so that no outgoing connection takes one meanwhile.
    """
    while True:
        first = _next_port(count)
        with contextlib.ExitStack() as held:
            try:
                for port in range(first, first + count):
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        held.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first


def free_port_pairs(count: int) -> int:
    """Return the first of `count` neighbouring pairs of free ports, the lower one of each even (RFC 3550 §11)."""
    first = free_ports(2 * count + 1)
    return first + first % 2


_FIRST_PORT, _END_PORT = 15000, 28000
_cursor = _FIRST_PORT + os.getpid() % 1000 * 10


def _next_port(count: int) -> int:
    global _cursor
    if _cursor + count >= _END_PORT:
        _cursor = _FIRST_PORT
    first, _cursor = _cursor, _cursor + count
    return first


class Ended(AssertionError):
    """A process ended before it did what was awaited."""


class Process:
    """One running process. Everything that it prints stands in `log`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._output = bytearray()
        self._news = asyncio.Condition()
        self._tasks = Tasks(name)
        self._reader = self._tasks.spawn(self._read(), "output")

    @property
    def log(self) -> str:
        """All output so far."""
        return self._output.decode(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.returncode is None

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while chunk := await self._process.stdout.read(65536):
            self._output += chunk
            async with self._news:
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()

    async def wait_for_output(self, pattern: str, within: float = START_SECONDS) -> re.Match[str]:
        """Return the first match of `pattern` in the output, awaiting it if need be."""

        def found() -> re.Match[str] | None:
            return re.search(pattern, self.log, re.MULTILINE)

        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(lambda: found() or self._reader.done() or not self.alive)
        except TimeoutError:
            raise Ended(f"{self.name} did not print {pattern!r} in {within} s\n{self.tail()}") from None
        match = found()
        if match is None:
            raise Ended(f"{self.name} ended before it printed {pattern!r}\n{self.tail()}")
        return match

    async def wait_for_tcp(self, port: int, within: float = START_SECONDS) -> None:
        """Return once a TCP connection to the port of 127.0.0.1 is taken."""
        await self._wait_until(lambda: _accepts(port), f"does not listen on TCP port {port}", within)

    async def wait_for_udp(self, port: int, within: float = START_SECONDS) -> None:
        """Return once somebody has bound the UDP port."""
        await self._wait_until(lambda: _is_bound(port), f"does not listen on UDP port {port}", within)

    async def _wait_until(self, holds: Callable[[], Awaitable[bool]], otherwise: str, within: float) -> None:
        try:
            async with asyncio.timeout(within):
                while not await holds():
                    self.check_alive()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise Ended(f"{self.name} {otherwise}\n{self.tail()}") from None

    def check_alive(self) -> None:
        """Fail with the end of the log where the process has ended."""
        if not self.alive:
            raise Ended(f"{self.name} ended with status {self._process.returncode}\n{self.tail()}")

    def tail(self) -> str:
        """The end of the output, for a failure's message; a line that overwrites itself counts once."""
        lines = re.sub(r"[^\n]*\r(?!\n)", "", self.log)
        return f"--- {self.name} ---\n{lines[-_TAIL:]}"

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)

    async def wait(self) -> int:
        """Return the exit status once the process has ended and its output is read."""
        status = await self._process.wait()
        await self._reader
        return status

    async def stop(self, within: float = STOP_SECONDS) -> int:
        """End the process with SIGTERM, after `within` seconds with SIGKILL; return its exit status."""
        if self.alive:
            self._process.terminate()
        try:
            async with asyncio.timeout(within):
                return await self.wait()
        except TimeoutError:
            self._process.kill()
            return await self.wait()


async def start(
    name: str, command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Process:
    """Start a process. `env` is added to our own environment."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )
    return Process(name, process)


@contextlib.asynccontextmanager
async def running(
    name: str, command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """Run a process while the block runs."""
    process = await start(name, command, cwd=cwd, env=env)
    try:
        yield process
    finally:
        await process.stop()


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def _is_bound(port: int) -> bool:
    table = Path("/proc/net/udp").read_text().splitlines()[1:]  # noqa: ASYNC240 - not a disk
    return any(int(line.split()[1].rpartition(":")[2], 16) == port for line in table)
