"""`python -m bench.calls SIPPY_PYTHON`: calls of our agent and of Sippy's B2BUA under the same load, in turn."""

import argparse
import contextlib
import json
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import live_calls, registrations, sipp
from .cordboard import cordboard
from .process import Measured, free_port, measured, wait_for_udp

SUT_CORE, LOAD_CORE = 0, 1
SESSIONS = 200
ROUND_SECONDS = 10.0
COMPARED_RATE = 100.0  # calls a second: what Sippy carries with room to spare
ROUNDS = 3
RATES = (200.0, 300.0, 400.0, 450.0, 500.0, 550.0, 600.0, 700.0, 800.0)
COLUMNS = ("", "rate/s", "calls", "failed", "retransm.", "calls/CPU-s", "p50 ms", "p95 ms", "p99 ms", "seconds")
ROW = "{:<12} {:>8} {:>8} {:>8} {:>10} {:>12} {:>8} {:>8} {:>8} {:>8}"

HOW = (
    f"CPU: user and system time, by /proc/PID/stat, of the agent or the B2BUA alone, held to core {SUT_CORE};"
    f" the load, NATS, the sessions and the phone are on core {LOAD_CORE}.\n"
    f"A call: INVITE, 180, 200, ACK, {sipp.HOLD_MS} ms, BYE."
    " Of the agent that is one leg to a browser, of the B2BUA it is two to phones."
)


@dataclass(frozen=True)
class Target:
    """What is called: where, whom, and the process whose CPU counts."""

    name: str
    process: Measured
    address: str
    users: tuple[str, ...]
    caller_port: int


@dataclass(frozen=True)
class Run:
    """One run of load."""

    name: str
    rate: float
    load: sipp.Load
    cpu_seconds: float

    @property
    def calls_per_cpu_second(self) -> float:
        """What one core carries, by its CPU time."""
        return self.load.calls / self.cpu_seconds if self.cpu_seconds else float("nan")

    def row(self) -> str:
        """Return the run as a line of the table."""
        load = self.load
        times = (f"{load.percentile(share):.1f}" for share in (0.5, 0.95, 0.99))
        figures = (f"{self.rate:.0f}", load.calls, load.failed, load.retransmissions)
        return ROW.format(self.name, *figures, f"{self.calls_per_cpu_second:.0f}", *times, f"{load.seconds:.1f}")


def run(target: Target, rate: float, seconds: float = ROUND_SECONDS) -> Run:
    """Call a target, and print what came of it."""
    before = target.process.cpu_seconds()
    load = sipp.call(target.address, target.users, rate, seconds, LOAD_CORE, target.caller_port)
    result = Run(target.name, rate, load, target.process.cpu_seconds() - before)
    print(result.row(), flush=True)
    return result


@contextlib.contextmanager
def sippy(python: str) -> Iterator[Target]:
    """Run Sippy's B2BUA between the load and a phone."""
    phone, port = free_port(), free_port()
    script = str(Path(__file__).parent / "sippy_b2bua.py")
    with tempfile.TemporaryDirectory(prefix="cordboard-bench-") as folder, contextlib.ExitStack() as stack:
        # Neither RADIUS (-u, -A 0) nor an RTP proxy: every call goes to the phone.
        options = ("-f", "-u", "-A", "0", "-l", "127.0.0.1", "-p", str(port), "-s", f"127.0.0.1:{phone}")
        files = (f"--b2bua_socket={folder}/socket", f"--pidfile={folder}/pid", f"--logfile={folder}/log")
        stack.enter_context(sipp.phone(phone, LOAD_CORE))
        process = stack.enter_context(measured([python, script, *options, *files], SUT_CORE, {"SIPLOG_LVL": "ERR"}))
        wait_for_udp(phone)
        wait_for_udp(port)
        yield Target("sippy", process, f"127.0.0.1:{port}", ("user",), free_port())


@contextlib.contextmanager
def ours() -> Iterator[Target]:
    """Run our agent with its sessions."""
    with cordboard(SESSIONS, SUT_CORE, LOAD_CORE) as system:
        yield Target("cordboard", system.agent, system.address, system.users, system.caller_port)


def highest_rate(target: Target) -> float:
    """Raise the rate until calls fail or come late; return the last one that was carried."""
    carried = 0.0
    for rate in RATES:
        result = run(target, rate)
        is_late = result.load.seconds > ROUND_SECONDS + 5.0
        if result.load.failed or is_late:
            break
        carried = rate
    return carried


def median(runs: list[Run], figure: Callable[[Run], float]) -> float:
    """Return the median of a figure."""
    return statistics.median(figure(one) for one in runs)


def main() -> None:
    """Print the table, and the line that says it all."""
    arguments = argparse.ArgumentParser(prog="python -m bench.calls")
    arguments.add_argument("sippy_python", help="a Python that has Sippy")
    arguments.add_argument("--registrations", type=int, default=10_000)
    options = arguments.parse_args()
    os.environ.setdefault("PYTHONPATH", os.getcwd())
    print(HOW)
    print(ROW.format(*COLUMNS))
    with ours() as cordboard_target, sippy(options.sippy_python) as sippy_target:
        pairs = [(run(cordboard_target, COMPARED_RATE), run(sippy_target, COMPARED_RATE)) for _ in range(ROUNDS)]
        max_cps = highest_rate(cordboard_target)
        half = run(cordboard_target, (max_cps or COMPARED_RATE) / 2)
    our_rate = median([pair[0] for pair in pairs], lambda one: one.calls_per_cpu_second)
    sippy_rate = median([pair[1] for pair in pairs], lambda one: one.calls_per_cpu_second)
    held = registrations.measure(options.registrations, SUT_CORE, LOAD_CORE)
    print(held.row())
    live = live_calls.measure(SESSIONS, SUT_CORE, LOAD_CORE)
    print(live.row())
    result = {
        "calls_per_cpu_second": round(our_rate, 1),
        "sippy_calls_per_cpu_second": round(sippy_rate, 1),
        "ratio": round(our_rate / sippy_rate, 2),
        "max_cps": max_cps,
        "setup_p95_ms": round(half.load.percentile(0.95), 2),
        "kib_per_registration": round(held.kib_each, 2),
        "kib_per_call": round(live.kib_each, 2),
    }
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
