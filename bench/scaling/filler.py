"""What a core does while no pod runs on it: walks through memory, so that no pod finds its own in the caches.

A pod that is alone would else have them to itself between its periods, and be compared with pods that have not.
`python -m bench.scaling.filler` ends when it is told to.
"""

import os

SIZE = 8 << 20  # more than a core's caches hold


def main() -> None:
    """Walk for ever, where nobody else wants to run (sched(7))."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    memory, other = bytearray(SIZE), bytearray(SIZE)
    while True:
        other[:] = memory


if __name__ == "__main__":
    main()
