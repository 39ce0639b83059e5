"""What an agent asks of a session, which is the signaling pod that holds its socket."""

from dataclasses import dataclass

import structlog

from shared.errors import DeadlineExceeded, NoOwner, RemoteError
from shared.messages import IncomingAccepted, IncomingCall
from shared.subjects import session_events
from sip_agent.core.call.call import Call
from sip_agent.services import Services, command_expiry, command_id

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class NotTaken:
    """Why a session does not take a call; `is_known`: it may have heard of it, and must hear of its end."""

    status: int
    reason: str
    is_known: bool


async def offer_call(services: Services, epoch: int, core: Call) -> IncomingAccepted | NotTaken:
    """Ask the session whether it takes an incoming call."""
    facts = core.facts
    command = IncomingCall(
        id=command_id(),
        expires_at=command_expiry(),
        epoch=epoch,
        session_id=facts.session_id,
        call_id=facts.call_id,
        agent=services.agent,
        caller=facts.caller,
        callee=facts.callee,
        caller_name=facts.caller_name,
        sip_sdp=core.far_sdp or "",
        asserted=facts.asserted,
        headers=dict(facts.headers),
    )
    try:
        return await services.bus.request(session_events(facts.session_id), command, IncomingAccepted)
    except NoOwner:
        return NotTaken(480, "Temporarily Unavailable", False)
    except DeadlineExceeded:
        return NotTaken(480, "Temporarily Unavailable", True)  # it may have reached the browser
    except RemoteError as error:
        return NotTaken(error.status, error.reason, False)
    except Exception:  # the boundary of the aside: the call must hear something
        _log.exception("session not asked", call=facts.call_id)
        return NotTaken(500, "Server Internal Error", True)
