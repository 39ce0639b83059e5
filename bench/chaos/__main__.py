"""`python -m bench.chaos`: the table of what calls notice when pods die, leave, or lose NATS."""

import argparse
import asyncio
import json
import resource
import time
from dataclasses import dataclass

import uvloop
from tests.support.pace import spend
from tests.support.services import Cordboard, cordboard

from shared.tasks import Tasks

from .faults import FAULTS, Fault, Run
from .load import Load, Ringing
from .page import Front
from .phones import Phones
from .table import Row, head, result

CALLS, RINGING = 100, 20
RELAY_PORTS = 400
HEARD_AGAIN_SECONDS = 20.0
CALM_SECONDS = 3.0  # before the fault, and after it


@dataclass(frozen=True)
class Size:
    """How many calls."""

    calls: int = CALLS
    ringing: int = RINGING


async def suffer(fault: Fault, size: Size) -> Row:
    """Run one fault under load in a cluster of its own, and measure."""
    counts = {kind: fault.begins_with(kind) for kind in ("signaling", "agent", "relay")}
    limits = {"AGENT_MAX_CALLS_PER_MINUTE": "0", "SIGNALING_MAX_UNAUTHENTICATED_OF_HOST": "500"}
    async with cordboard(
        signaling=counts["signaling"], agents=counts["agent"], relays=counts["relay"], relay_ports=RELAY_PORTS, **limits
    ) as cluster:
        front = Front([cluster.websocket_url(number) for number in range(len(cluster.signaling))])
        load = Load(front, await Phones.open(), Tasks("ends"))
        await load.begin(size.calls, size.ringing)
        if fault.alone:
            await cluster.start_one_more(fault.alone)
        await know_each_other(cluster)
        await spend(CALM_SECONDS)
        run = Run(cluster, load)
        begin = time.time()
        await fault.strike(run)
        await load.until_heard(HEARD_AGAIN_SECONDS)
        await spend(CALM_SECONDS)
        ringing = run.ringing or await load.answer_all()
        kept = await load.kept()
        row = measured(fault, run, begin, ringing, [call for call in load.established if call in kept])
        await load.end()
        return row


async def know_each_other(cluster: Cordboard) -> None:
    """Wait until every agent judges the silence of others."""
    for agent in cluster.agents:
        await agent.process.wait_for_output("relays are judged")
        await agent.process.wait_for_output("ready to judge")


def measured(fault: Fault, run: Run, begin: float, ringing: Ringing, kept: list) -> Row:  # type: ignore[type-arg]
    """Return the figures of a fault."""
    load, phones = run.load, run.load.phones
    alive = {pod.port for pod in run.cluster.agents if not pod.stopped}
    restored = [
        max((bound.restored_after(at, alive | (run.deaths.keys() - {port})) for port, at in run.deaths.items()), default=0)
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
    )


async def run_all(names: list[str], size: Size) -> list[Row]:
    """Run the faults in turn, each told as it is over."""
    rows = []
    head()
    for fault in FAULTS:
        if fault.name in names:
            rows.append(await suffer(fault, size))
            rows[-1].show()
    return rows


def main() -> None:
    """Print the table, and the line that says it all."""
    arguments = argparse.ArgumentParser(prog="python -m bench.chaos")
    arguments.add_argument("faults", nargs="*", default=[fault.name for fault in FAULTS], help="all, if none is named")
    arguments.add_argument("--calls", type=int, default=CALLS)
    arguments.add_argument("--ringing", type=int, default=RINGING)
    options = arguments.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    rows = uvloop.run(run_all(options.faults, Size(options.calls, options.ringing)))
    print("RESULT", json.dumps(result(rows)))


if __name__ == "__main__":
    main()
