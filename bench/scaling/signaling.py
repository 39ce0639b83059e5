"""Log-ins a second that signaling pods carry, on one bus, each with pages of its own; and the memory of a socket."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

from bench.sockets.__main__ import pod, seated_nats

from . import shares
from .reading import Pod, Reading, Watch

WARM_UP_SOCKETS = 100
SOCKETS = 1000  # of each pod


def measure(count: int, share: float, core: int, load_core: int) -> Reading:
    """Let pages log in as fast as they are let."""
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(count) as threads:
        nats = stack.enter_context(seated_nats(load_core))
        groups = [stack.enter_context(shares.group(f"signaling-{number}", share)) for number in range(count)]
        room = WARM_UP_SOCKETS + SOCKETS
        systems = [
            stack.enter_context(pod(nats.url, f"signaling-{number}", room, core, load_core)) for number in range(count)
        ]
        pods = [Pod(system.signaling, group) for system, group in zip(systems, groups, strict=True)]
        for held in pods:
            held.group.hold(held.process.pid)

        def open_all(sockets: int) -> float:
            """Return log-ins a second of all, of each while it was busy (see `agents`)."""
            took = threads.map(lambda system: float(str(system.ask(f"open {sockets}")["seconds"])), systems)
            return sum(sockets / seconds for seconds in took)

        open_all(WARM_UP_SOCKETS)
        memory = sum(held.process.resident_kib() for held in pods)
        watch = Watch(pods, share, load_core, nats.process)
        logins = open_all(SOCKETS)
        kib = sum(held.process.resident_kib() for held in pods) - memory
        return watch.stop(logins, kib / (count * SOCKETS))
