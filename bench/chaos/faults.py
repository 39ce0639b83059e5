"""What is done to the cluster under load. Each fault says what there is before the load, and what happens under it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.support.pace import spend
from tests.support.services import Cordboard, Pod

from .load import Load, Ringing

KINDS = ("signaling", "agent", "relay")
NATS_AWAY_SECONDS = 10.0
RINGS_SECONDS = 5.0  # before somebody takes a call while pods are replaced


@dataclass
class Run:
    """A fault under way."""

    cluster: Cordboard
    load: Load
    deaths: dict[int, float] = field(default_factory=dict)  # of agents, by their SIP port
    ringing: Ringing | None = None  # where calls were answered meanwhile

    def note_death(self, pod: Pod) -> None:
        """Keep when an agent was gone, and let no page come to a pod that is."""
        if pod.kind == "agent":
            self.deaths[pod.port] = time.time()
        gone = f"ws://127.0.0.1:{pod.port}/ws"
        self.load.front.urls = [url for url in self.load.front.urls if url != gone]


@dataclass(frozen=True)
class Fault:
    """`alone` is the kind whose first pod has all calls, because the second one came after them."""

    name: str
    strike: Callable[[Run], Awaitable[None]]
    alone: str = ""

    def begins_with(self, kind: str) -> int:
        """How many pods of a kind there are before the load."""
        return 1 if kind == self.alone else 2


def kill(kind: str) -> Callable[[Run], Awaitable[None]]:
    """Let the first pod of a kind die on the spot."""

    async def strike(run: Run) -> None:
        pod = {"signaling": run.cluster.signaling, "agent": run.cluster.agents, "relay": run.cluster.relays}[kind][0]
        run.note_death(pod)
        await pod.kill()

    return strike


async def replace_all(run: Run) -> None:
    """Replace each pod, one after the other: another one is there before it is told to leave (maxSurge 1)."""
    answered: asyncio.Task[Ringing] | None = None
    for kind in KINDS:
        for pod in [one for one in run.cluster.pods if one.kind == kind]:
            new = await run.cluster.start_one_more(kind)
            if kind == "signaling":
                run.load.front.urls.append(f"ws://127.0.0.1:{new.port}/ws")
            if kind == "agent" and answered is None:
                answered = run.load.tasks.spawn(_answered_soon(run.load), "answers")
            await leave(run, pod)
    if answered is not None:
        run.ringing = await answered


async def leave(run: Run, pod: Pod) -> None:
    """Ask a pod to leave, and wait until it has, as long as Kubernetes would."""
    if pod.kind == "signaling":
        run.note_death(pod)
    pod.stopped = True
    status = await pod.process.stop(within=120.0)
    if status != 0:
        raise RuntimeError(f"{pod.name} ended with status {status}\n{pod.process.tail()}")
    run.note_death(pod)


async def _answered_soon(load: Load) -> Ringing:
    await spend(RINGS_SECONDS)
    return await load.answer_all(within=30.0)


async def nats_away(run: Run) -> None:
    """Stop NATS, and start it again with what it had stored."""
    servers = run.cluster.nats.servers
    await asyncio.gather(*(server.stop() for server in servers))
    await spend(NATS_AWAY_SECONDS)
    await asyncio.gather(*(server.start() for server in servers))


FAULTS = (
    Fault("signaling", kill("signaling")),
    Fault("agent", kill("agent"), alone="agent"),
    Fault("relay", kill("relay"), alone="relay"),
    Fault("rollout", replace_all),
    Fault("nats", nats_away),
)
