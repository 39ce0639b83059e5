"""Media sessions for calls: choose a relay, ask it, try another one if it does not take the call."""

import os
import time
from collections.abc import Iterator

import structlog

from shared.allocation import DEADLINE, Passed, allocate
from shared.bus import Bus, expiry
from shared.errors import RemoteError
from shared.ids import new_id
from shared.messages import AdoptMedia, AllocateMedia, Done, MediaAllocated, MediaRef, ReleaseMedia
from shared.presence import Presence
from shared.subjects import relay_commands
from shared.tasks import Tasks

from . import metrics

_log = structlog.get_logger(__name__)


class MediaAllocator:
    """Allocates and releases; knows nothing of calls but their ids."""

    def __init__(self, bus: Bus, relays: Presence, tasks: Tasks) -> None:
        self._bus = bus
        self._relays = relays
        self._tasks = tasks

    async def for_outgoing(self, call_id: str, agent: str, browser_sdp: str) -> MediaAllocated:
        """Make a media session from the browser's offer."""
        return await self._allocate(call_id, agent, browser_sdp=browser_sdp)

    async def for_incoming(self, call_id: str, agent: str, sip_sdp: str) -> MediaAllocated:
        """Make a media session from the phone's offer; where it leaves that to us, the browser is offered audio."""
        return await self._allocate(call_id, agent, sip_sdp=sip_sdp or None)

    async def without_browser(self, call_id: str, agent: str) -> MediaAllocated:
        """Make a media session of a SIP side alone."""
        return await self._allocate(call_id, agent, is_headless=True)

    async def _allocate(
        self,
        call_id: str,
        agent: str,
        *,
        browser_sdp: str | None = None,
        sip_sdp: str | None = None,
        is_headless: bool = False,
    ) -> MediaAllocated:
        def wanted() -> AllocateMedia:
            media_id = new_id("m", os.urandom)
            return AllocateMedia(
                id=media_id,
                expires_at=expiry(DEADLINE),
                media_id=media_id,
                call_id=call_id,
                agent=agent,
                browser_sdp=browser_sdp,
                sip_sdp=sip_sdp,
                is_headless=is_headless,
            )

        return await allocate(self._bus, self._free(), wanted, self.release, _count)

    def _free(self) -> Iterator[str]:
        tried: list[str] = []
        while (
            relay := self._relays.choose(time.monotonic(), but=tried, may_be_silent=self._bus.connected)
        ) is not None:
            tried.append(relay)
            yield relay

    def release(self, media: MediaRef) -> None:
        """Free a media session that no agent has accepted; the relay does it by itself later if this is lost."""
        self._tasks.spawn(self._release(media), "release media")

    def adopt(self, media: MediaRef, agent: str, epoch: int) -> None:
        """Let the relay tell its events to another agent than the one that the media was allocated for."""
        self._tasks.spawn(self._adopt(media, agent, epoch), "adopt media")

    async def _adopt(self, media: MediaRef, agent: str, epoch: int) -> None:
        command = AdoptMedia(
            id=new_id("m", os.urandom), expires_at=expiry(), epoch=epoch, media_id=media.media_id, agent=agent
        )
        try:
            await self._bus.request(relay_commands(media.relay), command, Done)
        except RemoteError as error:
            _log.warning("events of a media session go astray", media=media.media_id, agent=agent, error=str(error))

    async def _release(self, media: MediaRef) -> None:
        command = ReleaseMedia(id=new_id("m", os.urandom), expires_at=expiry(), media_id=media.media_id)
        try:
            await self._bus.request(relay_commands(media.relay), command, Done)
        except RemoteError as error:
            _log.info("media session is left to its relay", media=media.media_id, relay=media.relay, error=str(error))


def _count(why: Passed) -> None:
    metrics.MEDIA_RETRIES.labels(why).inc()
