"""Media sessions that an agent has made: at the relay that ranks highest for the call, or at the next ones."""

import time
from collections.abc import Callable

from shared import allocation
from shared.messages import MediaAllocated, MediaRef
from shared.presence import takes_over, takes_work
from sip_agent.calls.relay_client import release
from sip_agent.core.media.ranking import ranked
from sip_agent.services import Services


def candidates(services: Services, sip_call_id: str, goes_on: bool = False) -> list[str]:
    """Return the relays to be asked, the best first; for a call that goes on, those without room last."""
    live = services.relays.live(time.monotonic())
    relays = ranked(sip_call_id, [beat.pod for beat in live if takes_work(beat)])
    if goes_on:
        relays += ranked(sip_call_id, [beat.pod for beat in live if takes_over(beat) and not takes_work(beat)])
    return relays[: allocation.RELAYS_TO_TRY]


async def allocate(
    services: Services,
    sip_call_id: str,
    epoch: int,
    command: Callable[[], allocation.Wanted],
    goes_on: bool = False,
) -> MediaAllocated:
    """Let a relay carry out a command, each one another; raise `RemoteError` if none does."""
    relays = candidates(services, sip_call_id, goes_on)
    return await allocation.allocate(services.bus, relays, command, _releaser(services, epoch))


async def allocate_at(services: Services, relay: str, epoch: int, wanted: allocation.Wanted) -> MediaAllocated:
    """Let this relay carry out a command; raise `RemoteError`."""
    return await allocation.allocate_at(services.bus, relay, wanted, _releaser(services, epoch))


def _releaser(services: Services, epoch: int) -> Callable[[MediaRef], object]:
    return lambda media: services.tasks.spawn(release(services.bus, media, epoch), "release media")
