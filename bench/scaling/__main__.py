"""`python -m bench.scaling`: what 1, 2 and 4 pods of each kind carry, each with the same share of a core."""

import argparse
import json
import os
import random
import resource
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from bench.calls.process import measured

from . import agents, relays, shares, signaling
from .reading import Reading, efficiency

POD_CORE, LOAD_CORE = 0, 1
COUNTS = (1, 2, 4)
COLUMNS = ("", "pods", "carried", "each", "efficiency", "of shares", "throttled", "NATS", "load's core", "KiB each")
ROW = "{:<14} {:>5} {:>16} {:>7} {:>10} {:>10} {:>10} {:>7} {:>12} {:>9}"

HOW = (
    f"Each pod is a process that is held to a share of core {POD_CORE} by a cgroup, in periods of"
    f" {shares.PERIOD_US // 1000} ms; the load, NATS and the seats of the others are on core {LOAD_CORE}."
    " What a pod left in the caches of its core is gone when its next period begins, whether others are there or not.\n"
    "signaling: log-ins a second, 64 at once for each pod. agent: calls that SIPp sets up a second"
    f" (INVITE, 180, 200, ACK, BYE), {agents.AT_ONCE} at once for each pod.\n"
    "relay: calls of G.711 (four streams, SRTP and RTP) of which less than 0.1 % is lost and half of the packets take"
    " less than 10 ms; the forwarder alone, without its bus.\n"
    "of shares: CPU that the pods used, of what they may. throttled: of the periods in which they ran, those in which"
    " they wanted more.\n"
    "NATS: cores that it used. load's core: how busy it was; of relays, how busy the generator was.\n"
    "Efficiency: what pods carry, divided by what as many alone would, in the same round. Figures are medians."
)


@dataclass(frozen=True)
class Kind:
    """A kind of pod: its share of a core, and what measures how much so many of them carry."""

    unit: str
    share: float
    measure: Callable[[int, float, int, int], Reading]


KINDS = {
    "signaling": Kind("log-ins/s", 0.15, signaling.measure),
    "agent": Kind("set-ups/s", 0.15, agents.measure),
    "relay": Kind("calls", 0.15, relays.measure),
}


def run(kind: Kind, rounds: int) -> dict[int, list[Reading]]:
    """Measure each number of pods once in a round, in an order that is another one in each."""
    readings: dict[int, list[Reading]] = {count: [] for count in COUNTS}
    for _ in range(rounds):
        for count in random.sample(COUNTS, len(COUNTS)):
            readings[count].append(kind.measure(count, kind.share, POD_CORE, LOAD_CORE))
    return readings


def row(name: str, unit: str, count: int, readings: Sequence[Reading], alone: Sequence[Reading]) -> str:
    """Return a line of the table."""
    median = Reading(*(statistics.median(getattr(one, field.name) for one in readings) for field in fields(Reading)))
    return ROW.format(
        name,
        count,
        f"{median.capacity:.0f} {unit}",
        f"{median.capacity / count:.0f}",
        f"{efficiency(readings, alone, count):.3f}",
        f"{median.used:.0%}",
        f"{median.throttled:.0%}",
        f"{median.nats:.2f}" if median.nats else "",
        f"{median.load:.0%}",
        f"{median.kib_each:.1f}" if median.kib_each else "",
    )


def show(names: Sequence[str], rounds: int) -> dict[str, float]:
    """Print the rows of some kinds; return how efficient many pods of each are."""
    found = {}
    for name in names:
        kind = KINDS[name]
        readings = run(kind, rounds)
        for count in COUNTS:
            print(row(f"{name} {kind.share:.0%}", kind.unit, count, readings[count], readings[1]), flush=True)
        found[name] = round(efficiency(readings[COUNTS[-1]], readings[1], COUNTS[-1]), 3)
    return found


def main() -> None:
    """Print the table, and the line that says it all."""
    arguments = argparse.ArgumentParser(prog="python -m bench.scaling")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = arguments.parse_args()
    os.environ.setdefault("PYTHONPATH", os.getcwd())
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(HOW)
    print(ROW.format(*COLUMNS), flush=True)
    try:
        filler = [sys.executable, "-m", "bench.scaling.filler"]
        with measured(filler, POD_CORE), shares.preferred():
            found = show(options.kinds, options.rounds)
    except shares.NoShares as error:
        sys.exit(f"scaling cannot be shown here: {error}")
    print("RESULT", json.dumps({f"efficiency_{COUNTS[-1]}": found}))


if __name__ == "__main__":
    main()
