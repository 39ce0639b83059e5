"""Incoming calls of an account without a browser: they ring until another service answers, or the caller gives up.

The far side is offered nothing before that, so a caller that leaves the offer to us cannot be taken.
"""

import os

from shared.errors import RemoteError
from shared.ids import new_id
from shared.messages import AllocateMedia, IncomingAccepted
from sip_agent.accounts.session_client import NotTaken
from sip_agent.calls.allocation import allocate
from sip_agent.core.call.call import Call
from sip_agent.services import Services, command_expiry


async def take_call(services: Services, epoch: int, core: Call) -> IncomingAccepted | NotTaken:
    """Have media made for a call, so that it can ring."""

    def command() -> AllocateMedia:
        media_id = new_id("m", os.urandom)
        return AllocateMedia(
            id=media_id,
            expires_at=command_expiry(),
            epoch=epoch,
            media_id=media_id,
            call_id=core.facts.call_id,
            agent=services.agent,
            is_headless=True,
        )

    if not core.far_sdp:
        return NotTaken(488, "Not Acceptable Here", False)
    try:
        allocated = await allocate(services, core.sip_call_id, epoch, command)
    except RemoteError as error:
        return NotTaken(error.status, error.reason, False)
    return IncomingAccepted(media=allocated.media, browser_sdp="", has_video=False)
