"""One fault under load, in a cluster of its own."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.pace import spend
from tests.support.services import Cordboard, cordboard

from shared.tasks import Tasks

from .faults import KINDS, Fault, Run
from .load import Call, Load, Ringing
from .page import Front
from .phones import Phones
from .table import Row

CALLS, RINGING = 100, 20
PORTS_OF_CALL = 4  # two, and as many in quarantine
SETTLED_SECONDS = 60.0
CALM_SECONDS = 3.0  # before the fault, and after it
LIMITS = {"AGENT_MAX_CALLS_PER_MINUTE": "0", "SIGNALING_MAX_UNAUTHENTICATED_OF_HOST": "500"}


@dataclass(frozen=True)
class Size:
    """How many calls."""

    calls: int = CALLS
    ringing: int = RINGING

    @property
    def relay_ports(self) -> int:
        """How many a relay needs that has them all."""
        return PORTS_OF_CALL * (self.calls + self.ringing)


async def suffer(fault: Fault, size: Size) -> Row:
    """Run a fault under load, and measure."""
    signaling, agents, relays = (fault.begins_with(kind) for kind in KINDS)
    async with cordboard(
        signaling=signaling, agents=agents, relays=relays, relay_ports=size.relay_ports, **LIMITS
    ) as cluster:
        front = Front([cluster.websocket_url(number) for number in range(signaling)])
        load = Load(front, await Phones.open(), Tasks("ends"))
        await load.begin(size.calls, size.ringing)
        run = Run(cluster, load)
        for kind in fault.alone:
            await run.start_one_more(kind)
        await know_each_other(cluster)
        await spend(CALM_SECONDS)
        try:
            return await _struck(fault, run)
        finally:
            for pod in run.vanished:
                await pod.kill()


async def _struck(fault: Fault, run: Run) -> Row:
    load = run.load
    begin = time.time()
    await fault.strike(run)
    await load.until_settled({pod.port for pod in run.cluster.agents if not pod.stopped}, SETTLED_SECONDS)
    await spend(CALM_SECONDS)
    ringing = run.ringing or await load.answer_all()
    row = measured(fault, run, begin, ringing, *await load.kept())
    await load.end()
    return row


async def know_each_other(cluster: Cordboard) -> None:
    """Wait until every agent judges the silence of others."""
    for agent in cluster.agents:
        await agent.process.wait_for_output("relays are judged")
        await agent.process.wait_for_output("ready to judge")


def measured(
    fault: Fault, run: Run, begin: float, ringing: Ringing, kept: Sequence[Call], failures: Sequence[str]
) -> Row:
    """Return the figures of a fault."""
    load, phones = run.load, run.load.phones
    alive = {pod.port for pod in run.cluster.agents if not pod.stopped}
    restored = [
        max((bound.restored_after(port, at, alive | later(run, port)) for port, at in run.deaths.items()), default=0.0)
        for bound in phones.bindings.values()
    ]
    two_owners = sum(call.has_had_two_owners for call in phones.calls.values())
    two_owners += sum(len(bound.uris) > 1 for bound in phones.bindings.values())
    return Row(
        fault.name,
        calls=len(load.established),
        kept=len(kept),
        ringing=ringing,
        at_browsers=sorted(call.page.media.ear.gap_since(begin) for call in kept),
        at_phones=sorted(call.phone.media.ear.gap_since(begin) for call in kept),
        restored=sorted(restored),
        two_owners=two_owners,
        failures=failures,
    )


def later(run: Run, port: int) -> set[int]:
    """Return the agents that died after one: at its death they lived."""
    return {other for other, at in run.deaths.items() if at > run.deaths[port]}
