"""`python -m bench.sockets`: one signaling pod with thousands of pages that are logged in and say nothing."""

import argparse
import contextlib
import json
import os
import statistics
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from bench.calls.cordboard import Nats, nats_server
from bench.calls.process import Measured, free_port, measured

SUT_CORE, LOAD_CORE = 0, 1
FIRST = 500  # what the first ones make for good (buffers, imports, caches) is no socket's memory
SETTLE_SECONDS = 3.0
SWEEP_SECONDS = 15.0  # after which a new pod reads all records, once
SPEAKERS, MESSAGES_PER_SECOND, SECONDS = 100, 200.0, 15.0

HOW = (
    f"Signaling alone is held to core {SUT_CORE}: its resident memory, its CPU by /proc/PID/stat. NATS, the seat of the"
    f" agent and the pages are on core {LOAD_CORE}.\n"
    "A log-in: TCP, HTTP, WebSocket, `login`, an account opened over the bus, a KV record, a subscription, the events."
    f"\nA message: {MESSAGES_PER_SECOND:.0f} a second by {SPEAKERS} pages, from its moment to the reply, by way of the"
    " bus and the agent's seat, while the others are idle, and after the pod's first sweep of the sessions."
)


@dataclass(frozen=True)
class System:
    """What is measured, and the pages."""

    signaling: Measured
    pages: Measured

    def ask(self, line: str) -> dict[str, object]:
        """Have the pages do something."""
        answer: dict[str, object] = json.loads(self.pages.ask(line))
        return answer


@contextlib.contextmanager
def system(sockets: int) -> Iterator[System]:
    """Run it all while the block runs."""
    with seated_nats(LOAD_CORE) as nats, pod(nats.url, "signaling-bench", sockets + FIRST, SUT_CORE, LOAD_CORE) as here:
        yield here


@contextlib.contextmanager
def seated_nats(core: int) -> Iterator[Nats]:
    """Run a NATS server with the seats of an agent and a relay."""
    with nats_server(core) as nats, measured([sys.executable, "-m", "bench.sockets.seats", nats.url], core) as seats:
        seats.line_with("ready")
        yield nats


@contextlib.contextmanager
def pod(nats_url: str, name: str, sockets: int, core: int, others: int) -> Iterator[System]:
    """Run a signaling pod that has room for so many sockets, and pages of its own."""
    port, room = free_port(), str(sockets + 1)
    env = {
        "CORDBOARD_NATS_URL": nats_url,
        "CORDBOARD_SECRET": "a secret that is for benches only",
        "CORDBOARD_POD": name,
        "CORDBOARD_LOG_LEVEL": "warning",
        "CORDBOARD_OPS_PORT": str(free_port()),
        "CORDBOARD_SIGNALING_HOST": "127.0.0.1",
        "CORDBOARD_SIGNALING_PORT": str(port),
        "CORDBOARD_SIGNALING_CAPACITY": room,
        "CORDBOARD_SIGNALING_CAPACITY_OF_HOST": room,
    }
    with measured([sys.executable, "-m", "signaling"], core, env) as signaling:
        wait_until_ready(int(env["CORDBOARD_OPS_PORT"]))
        with measured([sys.executable, "-m", "bench.sockets.pages", "127.0.0.1", str(port)], others) as pages:
            pages.line_with("ready")
            yield System(signaling, pages)


def wait_until_ready(ops_port: int, within: float = 30.0) -> None:
    """Wait until the pod takes log-ins."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{ops_port}/readyz", timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError("signaling is not ready")


def main() -> None:
    """Print the figures, and the line that says them all."""
    arguments = argparse.ArgumentParser(prog="python -m bench.sockets")
    arguments.add_argument("--sockets", type=int, default=5000)
    sockets = arguments.parse_args().sockets
    os.environ.setdefault("PYTHONPATH", os.getcwd())
    print(HOW, flush=True)
    with system(sockets) as here:
        here.ask(f"open {FIRST}")
        time.sleep(SETTLE_SECONDS)
        memory, cpu = here.signaling.resident_kib(), here.signaling.cpu_seconds()
        seconds = float(str(here.ask(f"open {sockets}")["seconds"]))
        spent = here.signaling.cpu_seconds() - cpu
        time.sleep(SWEEP_SECONDS + SETTLE_SECONDS)
        kib = (here.signaling.resident_kib() - memory) / sockets
        print(f"{sockets} sockets, logged in and idle: {kib:.1f} KiB each, after {memory} KiB for the first {FIRST}")
        print(f"log-ins: {sockets / seconds:.0f} a second, {sockets / spent:.0f} a CPU second", flush=True)
        cpu = here.signaling.cpu_seconds()
        took = here.ask(f"talk {SPEAKERS} {MESSAGES_PER_SECOND} {SECONDS}")["milliseconds"]
        spent = here.signaling.cpu_seconds() - cpu
    assert isinstance(took, list)
    median, p99 = statistics.median(took), statistics.quantiles(took, n=100)[98]
    share = spent / SECONDS
    print(f"messages: p50 {median:.2f} ms, p99 {p99:.2f} ms, longest {max(took):.2f} ms; {share:.0%} of a core")
    result = {
        "kib_per_socket": round(kib, 1),
        "logins_per_second": round(sockets / seconds),
        "message_p99_ms": round(p99, 2),
    }
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
