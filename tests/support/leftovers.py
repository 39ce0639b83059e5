"""What an attack may not leave behind: every object that lives as long as a call, a request or a piece of work does."""

import asyncio
import gc
from collections import Counter

from sip_agent.app import Agent
from sip_agent.calls.leg import Leg
from sip_agent.calls.live_call import LiveCall
from sip_agent.core.call.call import Call
from sip_agent.core.locating.delivery import Delivery
from sip_agent.core.transaction.machine import Machine
from sip_agent.domain.forwarding import LiveForwarding

LOOK_EVERY = 0.05
KINDS = (LiveCall, Leg, Call, Machine, Delivery, LiveForwarding)


async def count_live(agent: Agent) -> Counter[str]:
    """How many there are of each kind of thing that a call needs, found without asking who should know of it.

    Rings of references count: the collector of cycles stops an agent under load for most of a second.
    """
    counts = Counter(kind.__name__ for one in gc.get_objects() for kind in KINDS if isinstance(one, kind))
    counts["task"] = len(agent.services.tasks)
    store = agent.services.store
    counts["call record"] = len(await store.calls.names())
    counts["counted call"] = 0
    for name in await store.usage.names():
        entry = await store.usage.get(name)
        counts["counted call"] += len(entry.record.live) if entry is not None else 0
    return +counts


async def all_given_back(agent: Agent, before: Counter[str], within: float = 10.0) -> None:
    """Wait until there is no more of anything than there was `before`.

    Looks are counted, not seconds: where the machine stood still, the agent's timers are as late as ours.
    """
    more: Counter[str] = Counter()
    for _ in range(int(within / LOOK_EVERY)):
        if not (more := await count_live(agent) - before):
            return
        await asyncio.sleep(LOOK_EVERY)
    raise AssertionError(f"left behind: {dict(more)}")
