"""What a core does while no pod runs on it: walks through memory, so that no pod finds its own in the caches.

A pod that is alone would else have them to itself between its periods, the last level's too, and be compared with pods
that have not. `python -m bench.scaling.filler` ends when it is told to.
"""

import os
from pathlib import Path

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
UNKNOWN_KIB = 32 << 10  # where the kernel does not say how large they are


def largest_cache_bytes() -> int:
    """Return the size of the last level of cache (sysfs-devices-system-cpu)."""
    sizes = [int(path.read_text().strip().removesuffix("K")) for path in CACHES.glob("index*/size")]
    return max(sizes, default=UNKNOWN_KIB) << 10


def main() -> None:
    """Walk for ever, where nobody else wants to run (sched(7))."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    size = largest_cache_bytes()
    memory, other = bytearray(size), bytearray(size)
    while True:
        other[:] = memory


if __name__ == "__main__":
    main()
