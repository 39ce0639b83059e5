"""What is done to the cluster under load. Each fault says what there is before the load, and what happens under it."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
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
    vanished: list[Pod] = field(default_factory=list)  # their processes stand still

    def note_death(self, pod: Pod) -> None:
        """Keep when an agent was gone, and let no page come to a pod that is."""
        if pod.kind == "agent":
            self.deaths[pod.port] = time.time()
            self.load.phones.note_end(pod.port)
        gone = f"ws://127.0.0.1:{pod.port}/ws"
        self.load.front.urls = [url for url in self.load.front.urls if url != gone]

    async def start_one_more(self, kind: str) -> None:
        """Start another pod, to which pages may come."""
        new = await self.cluster.start_one_more(kind)
        if kind == "signaling":
            self.load.front.urls.append(f"ws://127.0.0.1:{new.port}/ws")


@dataclass(frozen=True)
class Fault:
    """`alone` are the kinds whose first pod has all calls, because the second one came after them."""

    name: str
    strike: Callable[[Run], Awaitable[None]]
    alone: tuple[str, ...] = ()

    def begins_with(self, kind: str) -> int:
        """How many pods of a kind there are before the load."""
        return 1 if kind in self.alone else 2


def kill(kind: str) -> Callable[[Run], Awaitable[None]]:
    """Let the first pod of a kind die on the spot."""

    async def strike(run: Run) -> None:
        pod = {"signaling": run.cluster.signaling, "agent": run.cluster.agents, "relay": run.cluster.relays}[kind][0]
        run.note_death(pod)
        await pod.kill()

    return strike


async def lose_host(run: Run) -> None:
    """Let the host vanish that has the first pod of each kind: nothing is answered any more, and nothing refused."""
    for pods in (run.cluster.signaling, run.cluster.agents, run.cluster.relays):
        pod = pods[0]
        pod.stopped = True
        pod.process.send_signal(signal.SIGSTOP)
        run.vanished.append(pod)
        run.note_death(pod)


async def replace_all(run: Run) -> None:
    """Replace each pod, one after the other: another one is there before it is told to leave (maxSurge 1)."""
    answered: asyncio.Task[Ringing] | None = None
    for kind in KINDS:
        for pod in [one for one in run.cluster.pods if one.kind == kind]:
            await run.start_one_more(kind)
            if kind == "agent" and answered is None:
                answered = run.load.tasks.spawn(_answered_soon(run.load), "answers")
            await leave(run, pod)
    if answered is not None:
        run.ringing = await answered


async def replace_all_in_place(run: Run) -> None:
    """Replace all kinds at the same time, as a changed ConfigMap does, each as Kubernetes has it."""
    answered = run.load.tasks.spawn(_answered_soon(run.load), "answers")
    async with asyncio.TaskGroup() as kinds:
        kinds.create_task(_roll_deployment(run))
        for pods in (run.cluster.agents, run.cluster.relays):
            kinds.create_task(_roll_stateful_set(run, pods))
    run.ringing = await answered


async def _roll_deployment(run: Run) -> None:
    """Signaling: another pod is ready before one is told to leave."""
    for pod in run.cluster.signaling[:]:
        await run.start_one_more("signaling")
        await leave(run, pod)


async def _roll_stateful_set(run: Run, pods: Sequence[Pod]) -> None:
    """The last pod first: it has gone before its successor starts, under the same name and at the same ports."""
    for pod in reversed(pods):
        await leave(run, pod)
        await pod.start_anew()


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
    Fault("agent", kill("agent"), alone=("agent",)),
    Fault("relay", kill("relay"), alone=("relay",)),
    Fault("host", lose_host, alone=KINDS),
    Fault("rollout", replace_all),
    Fault("rollout-in-place", replace_all_in_place),
    Fault("nats", nats_away),
)
