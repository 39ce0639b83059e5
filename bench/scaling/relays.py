"""Calls that relays carry: the calls of one generator are dealt out to them in turn."""

import contextlib
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.media.relays import memory_folder, our_pods
from bench.media.window import Window, play
from media_relay.core.srtp_keys import SrtpProfile

from . import shares
from .reading import Pod, Reading, Watch, most

FEWEST, STEPS = 48, (16, 4)  # calls of each relay
TRIES = 3  # the host stalls at times: a number of calls is carried if it is in one of some windows
SECONDS = 0.5
REST_SECONDS, IDLE = 0.25, 0.05  # of a core: what relays without work use at most, and for how long that is looked at


def measure(count: int, share: float, core: int, load_core: int) -> Reading:
    """Give relays more and more calls."""
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="cordboard-bench-", dir=memory_folder()))
        groups = [stack.enter_context(shares.group(f"relay-{number}", share)) for number in range(count)]
        profile = SrtpProfile.AES128_CM_SHA1_80
        relay, processes = stack.enter_context(our_pods(count, "native", profile, core, Path(name)))
        pods = [Pod(process, group) for process, group in zip(processes, groups, strict=True)]
        for pod in pods:
            pod.group.hold(pod.process.pid)
        carried: dict[int, tuple[Window, Reading]] = {}

        def carries(calls: int) -> bool:
            for _ in range(TRIES):
                watch = Watch(pods, share, load_core)
                window = play(relay, count * calls, load_core, SECONDS)
                if window.is_carried:
                    carried[calls] = window, watch.stop(count * calls)
                    return True
                _rest(pods)
            return False

        found = most(carries, FEWEST, STEPS)
        if not found:
            raise RuntimeError(f"{count} relays carry not even {FEWEST} calls each: is the machine this busy?")
        window, reading = carried[found]
        # The tape is made meanwhile, and the generator never sleeps: its own clocks say what it took.
        return Reading(reading.capacity, window.core / share, reading.throttled, window.generator_busy)


def _rest(pods: Sequence[Pod]) -> None:
    """Wait until what was too much has been forwarded: the next window would take it for its own."""
    worked = REST_SECONDS
    while worked > REST_SECONDS * IDLE:
        before = sum(pod.process.cpu_seconds() for pod in pods)
        time.sleep(REST_SECONDS)
        worked = sum(pod.process.cpu_seconds() for pod in pods) - before
