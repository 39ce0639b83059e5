"""A live call that another agent began: it is read from its record, and its far side and its relay learn of us."""

import time
from collections.abc import Callable
from functools import partial

import msgspec
import structlog

from shared.bus import Bus
from shared.errors import RemoteError
from shared.kv import Entry
from shared.messages import AdoptMedia, Done, MediaRef
from shared.records import CallRecord
from shared.subjects import relay_commands
from sip_agent.calls.call_owner import CallOwner
from sip_agent.calls.call_record import leg_of, owned_record
from sip_agent.calls.live_call import LiveCall
from sip_agent.calls.succession import LegTable
from sip_agent.core.call.rules import CallRules
from sip_agent.core.takeover.resumption import Resumption
from sip_agent.services import Services, command_expiry, command_id, wall_clock

_log = structlog.get_logger(__name__)


class AdoptedCall(LiveCall):
    """Nothing is sent before `go_on`. `is_same_place`: what is sent to the former owner's address comes to us."""

    def __init__(
        self,
        services: Services,
        owner: CallOwner,
        on_finished: Callable[[LiveCall], None],
        legs: LegTable,
        rules: CallRules,
        kept: Entry[CallRecord],
        is_same_place: bool,
    ) -> None:
        record = kept.record
        saved = leg_of(record, services.seal)
        self._resumption = Resumption(saved, is_same_place, max(0.0, wall_clock() - saved.written_at))
        core = self._resumption.call(owner.identity.within(saved.call.invite.uri), rules, time.monotonic())
        super().__init__(services, owner, on_finished, legs, core, record.media, record.has_video, record.is_headless)
        # As the session has them: they may be another's than of the leg that has the call at last.
        self.facts = msgspec.structs.replace(
            core.facts,
            direction=record.direction,
            caller=record.caller,
            callee=record.callee,
            caller_name=record.caller_name,
        )
        if record.browser_sdp != core.browser_sdp:  # of a leg that had the call before
            self._browser_sdp = record.browser_sdp
        self._was_moving = record.is_moving
        self.joined_call_id = record.joined_call_id
        self.ringing_at, self.established_at = record.ringing_at, record.established_at
        self._record = owned_record(services, record.session_id, record.call_id, kept.revision)
        for peer in saved.peers:
            self.leg.came_from(peer)

    @property
    def way(self) -> str:
        """How it is gone on with."""
        return self._resumption.way.name.lower()

    async def go_on(self) -> None:
        """Become the owner by the record, then tell those who must know; in the account's mailbox."""
        resumption, endpoint = self._resumption, self._services.endpoint
        if resumption.invite is not None:
            self.leg.restore(resumption.invite)
        await self.save(self.leg)
        if self.media is not None:
            self.asides.post(partial(self._adopt_media, self.media))
        if resumption.lost_invite is not None:
            endpoint.cancel_saved(resumption.lost_invite)
        await self.do(resumption.begin, self.core)
        if self._was_moving and self.media is not None:
            self.media_side.gone(self.media)  # who has heard of it is not known: the move is begun anew

    async def _adopt_media(self, media: MediaRef) -> None:
        try:
            await adopt_media(self._services.bus, media, self._services.agent, self._owner.epoch)
        except RemoteError as error:
            # A relay that is gone too, or has started anew, is the relay watch's to notice.
            _log.warning("media not adopted", call=self.call_id, relay=media.relay, error=str(error))
            if error.status == 481:
                self.media_side.gone(media)


async def adopt_media(bus: Bus, media: MediaRef, agent: str, epoch: int) -> None:
    """Let the relay tell its events to us; raise `RemoteError`."""
    command = AdoptMedia(
        id=command_id(), expires_at=command_expiry(), epoch=epoch, media_id=media.media_id, agent=agent
    )
    await bus.request(relay_commands(media.relay), command, Done)
