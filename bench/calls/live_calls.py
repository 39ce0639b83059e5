"""Many calls at once on one agent: the memory of each, once the transactions that made it are forgotten."""

import threading
import time
from dataclasses import dataclass

from . import sipp
from .cordboard import cordboard

CALLS = 1000
RATE = 100.0
SETTLE_SECONDS = 40.0


@dataclass(frozen=True)
class LiveCalls:
    """`kib_each`: resident memory of a call that is established and does nothing."""

    calls: int
    failed: int
    kib_each: float

    def row(self) -> str:
        """Return the figures for people."""
        return f"{self.calls} calls at once, {self.failed} failed: {self.kib_each:.2f} KiB each"


def measure(sessions: int, core: int, others: int) -> LiveCalls:
    """Let a fresh agent have many calls, and look at its memory before and meanwhile."""
    ramp = CALLS / RATE
    hold_ms = round((ramp + SETTLE_SECONDS + 5.0) * 1000)
    loads: list[sipp.Load] = []
    with cordboard(sessions, core, others) as system:
        # What every first call makes for good (buffers, imports, caches) is no call's memory.
        sipp.call(system.address, system.users, RATE, 2.0, others, system.caller_port)
        before = system.agent.resident_kib()
        place = system.address, system.users, RATE, ramp, others, system.caller_port
        load = threading.Thread(target=lambda: loads.append(sipp.call(*place, hold_ms=hold_ms)))
        load.start()
        time.sleep(ramp + SETTLE_SECONDS)
        resident = system.agent.resident_kib()
        load.join()
    return LiveCalls(loads[0].calls, loads[0].failed, (resident - before) / CALLS)
