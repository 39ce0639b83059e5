"""Media sessions for calls: choose a relay, ask it, try another one if it does not take the call."""

import os
import time

import structlog

from shared.bus import Bus, expiry
from shared.errors import DeadlineExceeded, NoOwner, RemoteError
from shared.ids import new_id
from shared.messages import AllocateMedia, Done, MediaAllocated, MediaRef, ReleaseMedia
from shared.presence import Presence
from shared.subjects import relay_commands
from shared.tasks import Tasks

from . import metrics

_log = structlog.get_logger(__name__)

_RELAYS_TO_TRY = 3
_DEADLINE = 1.0


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
        tried: list[str] = []
        refusal = RemoteError(503, "No Media Relay")
        while len(tried) < _RELAYS_TO_TRY:
            relay = self._relays.choose(time.monotonic(), but=tried)
            if relay is None:
                break
            tried.append(relay)
            media_id = new_id("m", os.urandom)
            command = AllocateMedia(
                id=media_id,
                expires_at=expiry(_DEADLINE),
                media_id=media_id,
                call_id=call_id,
                agent=agent,
                browser_sdp=browser_sdp,
                sip_sdp=sip_sdp,
                is_headless=is_headless,
            )
            try:
                return await self._bus.request(relay_commands(relay), command, MediaAllocated, _DEADLINE)
            except NoOwner:
                metrics.MEDIA_RETRIES.labels("gone").inc()
            except DeadlineExceeded:
                # It may have been allocated all the same.
                self.release(MediaRef(relay=relay, media_id=media_id))
                metrics.MEDIA_RETRIES.labels("silent").inc()
            except RemoteError as error:
                if error.status < 500:
                    raise  # the offer is at fault (400, 488): another relay would say the same
                refusal = error
                metrics.MEDIA_RETRIES.labels("refused").inc()
        raise refusal

    def release(self, media: MediaRef) -> None:
        """Free a media session that no agent has accepted; the relay does it by itself later if this is lost."""
        self._tasks.spawn(self._release(media), "release media")

    async def _release(self, media: MediaRef) -> None:
        command = ReleaseMedia(id=new_id("m", os.urandom), expires_at=expiry(), media_id=media.media_id)
        try:
            await self._bus.request(relay_commands(media.relay), command, Done)
        except RemoteError as error:
            _log.info("media session is left to its relay", media=media.media_id, relay=media.relay, error=str(error))
