"""`python -m bench.calls SIPPY_PYTHON`: calls of our agent and of Sippy's B2BUA under the same load, in turn."""

import argparse
import contextlib
import json
import os
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import live_calls, registrations, sipp
from .cordboard import cordboard
from .process import Measured, free_port, measured, wait_for_udp

SUT_CORE, LOAD_CORE = 0, 1
SESSIONS = 200
ROUND_SECONDS = 10.0
LATE_SECONDS = 2.0  # that the last calls of a round may take longer than they should
COMPARED_RATE = 100.0  # calls a second: what both carry with room to spare
ROUNDS = 3
RATES = (200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0, 900.0, 1000.0)
COLUMNS = ("", "rate/s", "calls", "failed", "retransm.", "calls/CPU-s", "p50 ms", "p95 ms", "p99 ms", "seconds")
ROW = "{:<12} {:>8} {:>8} {:>8} {:>10} {:>12} {:>8} {:>8} {:>8} {:>8}"

HOW = (
    f"CPU: user and system time, by /proc/PID/stat, of the agent or the B2BUA alone, held to core {SUT_CORE};"
    f" the load, NATS, the sessions and the phone are on core {LOAD_CORE}.\n"
    f"A call: INVITE, 180, 200, ACK, {sipp.HOLD_MS} ms, BYE."
    " Of the agent that is one leg to a browser, of the B2BUA it is two to phones.\n"
    "Calls per CPU second are compared at the highest rate that each carries: the fewer messages a wake-up brings, the"
    " dearer each is, for both.\n"
    f"At {COMPARED_RATE:.0f}/s, the same for both, they are compared too."
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
    """Raise the rate until calls fail or come late; return the last one that was carried, 0 if none was."""
    carried = 0.0
    for rate in RATES:
        result = run(target, rate)
        is_late = result.load.seconds > ROUND_SECONDS + LATE_SECONDS
        if result.load.failed or is_late:
            break
        carried = rate
    return carried


def in_turn(ours_at: tuple[Target, float], sippys_at: tuple[Target, float]) -> tuple[float, float]:
    """Call both in turn, each at its rate; return the calls per CPU second of each, the median of the rounds."""
    pairs = [(run(*ours_at), run(*sippys_at)) for _ in range(ROUNDS)]
    ours, sippys = ([one.calls_per_cpu_second for one in runs] for runs in zip(*pairs, strict=True))
    return statistics.median(ours), statistics.median(sippys)


def main() -> None:
    """Print the table, and the line that says it all."""
    arguments = argparse.ArgumentParser(prog="python -m bench.calls")
    arguments.add_argument("sippy_python", help="a Python that has Sippy")
    arguments.add_argument("--registrations", type=int, default=10_000)
    options = arguments.parse_args()
    os.environ.setdefault("PYTHONPATH", os.getcwd())
    print(HOW)
    print(ROW.format(*COLUMNS))
    with ours() as agent, sippy(options.sippy_python) as b2bua:
        max_cps, sippy_max_cps = highest_rate(agent), highest_rate(b2bua)
        half = run(agent, max_cps / 2 or COMPARED_RATE)
        ours_at_most, sippys_at_most = in_turn(
            (agent, max_cps or COMPARED_RATE), (b2bua, sippy_max_cps or COMPARED_RATE)
        )
        ours_at_same, sippys_at_same = in_turn((agent, COMPARED_RATE), (b2bua, COMPARED_RATE))
    held = registrations.measure(options.registrations, SUT_CORE, LOAD_CORE)
    print(held.row())
    live = live_calls.measure(SESSIONS, SUT_CORE, LOAD_CORE)
    print(live.row())
    result = {
        "calls_per_cpu_second": round(ours_at_most, 1),
        "sippy_calls_per_cpu_second": round(sippys_at_most, 1),
        "ratio": round(ours_at_most / sippys_at_most, 2),
        f"ratio_at_{COMPARED_RATE:.0f}": round(ours_at_same / sippys_at_same, 2),
        "max_cps": max_cps,
        "sippy_max_cps": sippy_max_cps,
        "setup_p95_ms": round(half.load.percentile(0.95), 2),
        "kib_per_registration": round(held.kib_each, 2),
        "kib_per_call": round(live.kib_each, 2),
    }
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
