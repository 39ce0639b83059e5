"""A sip-agent and a media-relay as the pod under load sees them. A process of its own.

Every account is registered at once, every message taken. `python -m bench.sockets.seats NATS_URL` prints `ready` and
ends with its input.
"""

import asyncio
import functools
import sys

import uvloop

from shared.bus import Bus
from shared.messages import AccountOpened, Command, Done, Heartbeat, Message, OpenAccount, RegistrationChanged
from shared.presence import beat
from shared.settings import CommonSettings
from shared.subjects import agent_commands, session_events
from shared.tasks import Tasks

AGENT, RELAY = "agent-bench", "relay-bench"


class AgentSeat:
    """Does what it is told."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def on_command(self, message: Message) -> Message | None:
        """Answer a command."""
        if isinstance(message, OpenAccount):
            registered = RegistrationChanged(session_id=message.session_id, state="registered", status=200, reason="OK")
            await self._bus.publish(session_events(message.session_id), registered)
            return AccountOpened(agent=AGENT, epoch=1)
        return Done() if isinstance(message, Command) else None


def _same(state: Heartbeat) -> Heartbeat:
    return state


async def main(nats_url: str) -> None:
    """Sit until the input ends."""
    bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod="seats"))
    await bus.serve(agent_commands(AGENT), AgentSeat(bus).on_command)
    tasks = Tasks("seats")
    for state in (
        Heartbeat(kind="agent", pod=AGENT, load=0, capacity=1_000_000),
        Heartbeat(kind="relay", pod=RELAY, load=0, capacity=1_000_000),
    ):
        tasks.spawn(beat(bus, functools.partial(_same, state)), f"heartbeat of {state.pod}")
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
