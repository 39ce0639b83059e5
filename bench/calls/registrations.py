"""Many registrations on one agent, at a real Kamailio with digest: the memory of each, and the CPU of a refresh."""

import contextlib
import os
import re
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .cordboard import cordboard
from .process import free_port, measured, wait_for_udp

_CONFIG = Path(__file__).parent / "registrar.cfg"
_REFRESHES = re.compile(
    r'^cordboard_sip_agent_sip_requests_total\{direction="out",method="REGISTER"\} ([0-9.e+]+)', re.M
)
WATCHED_SECONDS = 30.0
SETTLE_SECONDS = 40.0  # then the transactions of the first REGISTERs are forgotten, and refreshes are spread
EXPIRES = 60


@dataclass(frozen=True)
class Registrations:
    """`kib_each`: resident memory of an account with its registration; `refresh_us`: CPU microseconds of a refresh."""

    count: int
    kib_each: float
    refresh_us: float
    refreshes_per_second: float

    def row(self) -> str:
        """Return the figures for people."""
        return (
            f"{self.count} registrations of {EXPIRES} s: {self.kib_each:.2f} KiB each,"
            f" {self.refreshes_per_second:.0f} refreshes/s at {self.refresh_us:.0f} CPU us each"
            f" ({self.refresh_us * self.refreshes_per_second / 1e4:.1f} % of a core)"
        )


@contextlib.contextmanager
def _registrar(core: int) -> Iterator[str]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="cordboard-bench-") as name:
        config = Path(name) / "kamailio.cfg"
        config.write_text(_CONFIG.read_text().replace("PORT", str(port)))
        command = ["kamailio", "-f", str(config), "-DD", "-E", "-m", "256", "-M", "8", "-P", f"{name}/pid", "-Y", name]
        path = f"{os.environ.get('PATH', '')}:/usr/sbin"
        with measured(command, core, {"PATH": path}):
            wait_for_udp(port)
            yield f"127.0.0.1:{port}"


def measure(count: int, core: int, others: int) -> Registrations:
    """Register `count` accounts, then watch their refreshes for a while."""
    with _registrar(others) as registrar:
        few = _resident_kib(1, registrar, core, others)
        with cordboard(count, core, others, registrar, EXPIRES) as system:
            time.sleep(SETTLE_SECONDS)
            resident = system.agent.resident_kib()
            cpu, sent, at = system.agent.cpu_seconds(), _registers_sent(system.ops_port), time.monotonic()
            time.sleep(WATCHED_SECONDS)
            cpu, sent = system.agent.cpu_seconds() - cpu, _registers_sent(system.ops_port) - sent
            seconds = time.monotonic() - at
    return Registrations(count, (resident - few) / count, cpu / sent * 1e6 if sent else float("nan"), sent / seconds)


def _resident_kib(count: int, registrar: str, core: int, others: int) -> int:
    with cordboard(count, core, others, registrar, EXPIRES) as system:
        return system.agent.resident_kib()


def _registers_sent(ops_port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{ops_port}/metrics") as reply:
        found = _REFRESHES.search(reply.read().decode())
    return float(found[1]) if found else 0.0
