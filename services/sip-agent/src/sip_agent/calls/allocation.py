"""Media sessions that an agent has made: at the relay that ranks highest for the call, or at the next ones."""

import time
from collections.abc import Callable

import structlog

from shared.errors import NoOwner, RemoteError
from shared.messages import AllocateMedia, MediaAllocated, MediaRef, RebuildMedia
from shared.presence import takes_work
from shared.subjects import relay_commands
from sip_agent.calls.relay_client import release
from sip_agent.core.media.ranking import ranked
from sip_agent.services import Services

_log = structlog.get_logger(__name__)

_RELAYS_TO_TRY = 3
_DEADLINE = 1.0


def candidates(services: Services, sip_call_id: str) -> list[str]:
    """Return the relays to be asked, the best first."""
    free = [beat.pod for beat in services.relays.live(time.monotonic()) if takes_work(beat)]
    return ranked(sip_call_id, free)[:_RELAYS_TO_TRY]


async def allocate(
    services: Services, sip_call_id: str, epoch: int, command: Callable[[], AllocateMedia | RebuildMedia]
) -> MediaAllocated:
    """Let a relay carry out a command, each one another; raise `RemoteError` if none does."""
    refusal = RemoteError(503, "No Media Relay")
    for relay in candidates(services, sip_call_id):
        try:
            return await allocate_at(services, relay, epoch, command())
        except RemoteError as error:
            refusal = error
    raise refusal


async def allocate_at(
    services: Services, relay: str, epoch: int, wanted: AllocateMedia | RebuildMedia
) -> MediaAllocated:
    """Let this relay carry out a command; raise `RemoteError`."""
    try:
        return await services.bus.request(relay_commands(relay), wanted, MediaAllocated, _DEADLINE)
    except RemoteError as error:
        if not isinstance(error, NoOwner) and error.status == 504:  # it may have been made all the same
            media = MediaRef(relay=relay, media_id=wanted.media_id)
            services.tasks.spawn(release(services.bus, media, epoch), "release media")
        raise
