"""A process under measurement: held to one core, with its CPU seconds and its memory read from /proc."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench import memory

_TICK = os.sysconf("SC_CLK_TCK")
ENDS_WITHIN = 30.0


class Measured:
    """A running process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """User and system time so far, of all its threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def resident_kib(self) -> int:
        """The memory that it holds."""
        return memory.resident_kib(self._process.pid)

    def line_with(self, words: str) -> str:
        """Return the next line of its output that has these words; `RuntimeError` where it ends first."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if words in line:
                return line
        raise RuntimeError(f"{self._process.args!r} ended without {words!r}")

    def ask(self, line: str) -> str:
        """Give it a line and return the line that it answers; `RuntimeError` where it has ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._process.args!r} ended when it was asked {line!r}")
        return answer


def wait_for_udp(port: int, within: float = 20.0) -> None:
    """Wait until somebody has bound a UDP port of 127.0.0.1."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nobody has bound UDP port {port}")


def free_port() -> int:
    """Return a port that is free for UDP and for TCP now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else connections of the past are in the way
            try:
                tcp.bind(udp.getsockname())
            except OSError:  # free for UDP alone
                continue
            return int(udp.getsockname()[1])


@contextlib.contextmanager
def measured(command: Sequence[str], core: int, env: Mapping[str, str] | None = None) -> Iterator[Measured]:
    """Run a command on one core while the block runs."""
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        env={**os.environ, **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Measured(process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
