"""Set-ups a second that agents carry: each has a SIPp that calls and seats that answer, and all have one bus."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

from bench.calls import sipp
from bench.calls.cordboard import Cordboard, agent, nats_server

from . import shares
from .reading import Pod, Reading, Watch

SESSIONS = 100  # of each agent
AT_ONCE = 16  # calls that each has: enough to keep it busy, few enough that none has to ask twice
CALLS = 500  # of each agent
WARM_UP_CALLS = 50
WITHIN = 120.0


class CallsFailed(Exception):
    """What is not carried is not counted."""


def measure(count: int, share: float, core: int, load_core: int) -> Reading:
    """Let agents set up calls as fast as they can."""
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(count) as threads:
        nats = stack.enter_context(nats_server(load_core))
        groups = [stack.enter_context(shares.group(f"agent-{number}", share)) for number in range(count)]
        systems = [
            stack.enter_context(agent(nats.url, f"agent-{number}", SESSIONS, core, load_core))
            for number in range(count)
        ]
        pods = [Pod(system.agent, group) for system, group in zip(systems, groups, strict=True)]
        for pod in pods:
            pod.group.hold(pod.process.pid)

        def call_all(calls: int) -> list[sipp.Load]:
            return list(threads.map(lambda system: _call(system, calls, load_core), systems))

        call_all(WARM_UP_CALLS)
        watch = Watch(pods, share, load_core, nats.process)
        loads = call_all(CALLS)
        # Of each while it was busy: what the last one takes longer is idleness of the others, and says nothing of them.
        return watch.stop(sum(load.calls / load.seconds for load in loads))


def _call(system: Cordboard, calls: int, load_core: int) -> sipp.Load:
    volume = sipp.as_answered(calls, AT_ONCE, WITHIN)
    load = sipp.make(system.address, system.users, volume, load_core, system.caller_port)
    if load.failed or load.calls < calls:
        raise CallsFailed(f"of {calls} calls {load.calls} came through, {load.failed} failed")
    return load
