"""The session that a call is to have at another relay, made from what stands between us and the far side.

Two calls that are joined are at one relay and leave it together: whoever comes to their `Meeting` first waits there.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from shared.errors import RemoteError
from shared.ids import new_id
from shared.messages import AllocateMedia, MediaAllocated, MediaRef, RebuildMedia
from sip_agent.calls.allocation import allocate, allocate_at, candidates
from sip_agent.calls.relay_client import release
from sip_agent.core.call.call import Call
from sip_agent.services import Services, command_expiry

TOGETHER_WITHIN = 0.5  # seconds in which the other call is told of the same relay


@dataclass(frozen=True)
class Rebuilding:
    """What is made anew: the media of a call with this far side."""

    services: Services
    epoch: int
    call_id: str
    core: Call
    is_headless: bool

    async def alone(self) -> MediaAllocated:
        """Have a session at whichever relay takes it; raise `RemoteError` if none does."""
        return await allocate(self.services, self.core.sip_call_id, self.epoch, self.command, goes_on=True)

    async def joined_to(self, media: MediaRef) -> MediaAllocated:
        """Have one that is joined with the session of another call; raise `RemoteError`."""
        return await allocate_at(self.services, media.relay, self.epoch, self.command(media.media_id))

    def command(self, joined_to: str = "") -> RebuildMedia | AllocateMedia:
        """Return what a relay is asked."""
        media_id = new_id("m", os.urandom)
        envelope: dict[str, Any] = {
            "id": media_id,
            "expires_at": command_expiry(),
            "epoch": self.epoch,
            "media_id": media_id,
            "call_id": self.call_id,
            "agent": self.services.agent,
            "is_headless": self.is_headless,
        }
        core = self.core
        if not core.is_answered:
            return AllocateMedia(**envelope, sip_sdp=None if self.is_headless else core.far_sdp or None)
        stands = core.saved(time.monotonic())
        return RebuildMedia(
            **envelope,
            our_sdp=stands.local_sdp,
            far_sdp=stands.remote_sdp,
            direction="sendonly" if core.local_hold else "sendrecv",
            joined_to=joined_to,
        )


class Meeting:
    """Where the two halves of a pair are made one."""

    def __init__(self) -> None:
        self._waiting: tuple[Rebuilding, asyncio.Future[MediaAllocated]] | None = None

    async def rebuild(self, own: Rebuilding) -> MediaAllocated:
        """Have a session that is joined with the other call's, at a relay that takes both; raise `RemoteError`."""
        if self._waiting is None:
            return await self._wait(own)
        (other, told), self._waiting = self._waiting, None
        try:
            mine, theirs = await _together(own, other)
        except BaseException as error:
            if not told.done():
                told.set_exception(error if isinstance(error, RemoteError) else RemoteError(500, "Not Rebuilt"))
            raise
        if told.done():  # nobody waits any more
            _let_go(other, theirs.media)
        else:
            told.set_result(theirs)
        return mine

    async def _wait(self, own: Rebuilding) -> MediaAllocated:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[MediaAllocated] = loop.create_future()
        self._waiting = own, told
        patience = loop.call_later(TOGETHER_WITHIN, partial(self._give_up, told))
        try:
            return await told
        finally:
            patience.cancel()
            self._give_up(told)

    def _give_up(self, told: asyncio.Future[MediaAllocated]) -> None:
        if self._waiting is not None and self._waiting[1] is told:
            self._waiting = None
            if not told.done():
                told.set_exception(RemoteError(504, "The Joined Call Has Not Come"))


async def _together(own: Rebuilding, other: Rebuilding) -> tuple[MediaAllocated, MediaAllocated]:
    """The one that was called last was offered one codec alone, so the other one is to keep to that."""
    first, last = sorted((own, other), key=lambda each: each.core.facts.created_at)
    refusal = RemoteError(503, "No Media Relay")
    for relay in candidates(own.services, last.core.sip_call_id, goes_on=True):
        try:
            alone = await allocate_at(own.services, relay, own.epoch, last.command())
        except RemoteError as error:
            refusal = error
            continue
        try:
            joined = await first.joined_to(alone.media)
        except RemoteError as error:
            refusal = error
            _let_go(last, alone.media)
            continue
        return (joined, alone) if first is own else (alone, joined)
    raise refusal


def _let_go(of: Rebuilding, media: MediaRef) -> None:
    of.services.tasks.spawn(release(of.services.bus, media, of.epoch), f"release {media.media_id}")
