"""Media sessions, made at the first of some relays that takes them. By which order relays are asked is the caller's."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Literal

from .bus import Bus
from .errors import NoOwner, RemoteError
from .messages import AllocateMedia, MediaAllocated, MediaRef, RebuildMedia
from .subjects import relay_commands

RELAYS_TO_TRY = 3
DEADLINE = 1.0

Wanted = AllocateMedia | RebuildMedia
Passed = Literal["gone", "silent", "refused"]  # why a relay was passed over


def _unnoticed(_: Passed) -> None:
    """Nobody counts."""


async def allocate(
    bus: Bus,
    relays: Iterable[str],
    wanted: Callable[[], Wanted],
    release: Callable[[MediaRef], object],
    passed: Callable[[Passed], None] = _unnoticed,
) -> MediaAllocated:
    """Have a session made by one of the first relays; raise `RemoteError` if none of them takes it.

    `wanted` is to make another command each time, `release` to free what may have been made.
    """
    refusal = RemoteError(503, "No Media Relay")
    for relay in islice(relays, RELAYS_TO_TRY):
        command = wanted()
        try:
            return await allocate_at(bus, relay, command, release)
        except NoOwner:
            passed("gone")
        except RemoteError as error:
            if error.status == 504:
                passed("silent")
                continue
            # 400 and 488 are the offer's fault: another relay would say the same. What is rebuilt was agreed upon
            # before, so it is the relay that does not suit, by its settings or its version.
            if error.status < 500 and isinstance(command, AllocateMedia):
                raise
            passed("refused")
            refusal = error
    raise refusal


async def allocate_at(bus: Bus, relay: str, wanted: Wanted, release: Callable[[MediaRef], object]) -> MediaAllocated:
    """Have a session made by this relay; raise `RemoteError`."""
    try:
        return await bus.request(relay_commands(relay), wanted, MediaAllocated, DEADLINE)
    except RemoteError as error:
        if error.status == 504:  # it may have been made all the same
            release(MediaRef(relay=relay, media_id=wanted.media_id))
        raise
