"""Starts calls: media from a relay, then the agent, which has both from then on.

Until an agent has accepted the call its media is ours: on every way out before that it is released. After a deadline
the agent may have the call all the same, and what becomes of it then is for who started it to say.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from shared.errors import DeadlineExceeded, LocalError, RemoteError
from shared.messages import Done, HangupCall, MediaAllocated, StartCall

from .agents import Owner, envelope
from .pod import Pod

_log = structlog.get_logger(__name__)


def _yes() -> bool:
    return True


async def start_call(
    pod: Pod,
    session_id: str,
    owner: Owner,
    allocation: Awaitable[MediaAllocated],
    *,
    call_id: str,
    lives_if_late: bool,
    is_wanted: Callable[[], bool] = _yes,
    **fields: Any,
) -> None:
    """Start a call, of which `fields` are the rest of `StartCall`; raise `RemoteError`.

    With `lives_if_late` a call that its agent may have after a deadline is left to it, and its media with it: a relay
    frees what no agent commands. Else both are ended. `is_wanted` is asked once there is media.
    """
    agent = owner.agent
    allocated = await allocation
    try:
        if not is_wanted():
            raise RemoteError(487, "Request Terminated")
        if allocated.sip_sdp is None:
            raise LocalError("the relay allocated media without an offer for SIP")
        command = StartCall(
            **envelope(owner),
            session_id=session_id,
            call_id=call_id,
            media=allocated.media,
            sip_sdp=allocated.sip_sdp,
            **fields,
        )
        await pod.agents.request(session_id, owner, command, Done)
    except DeadlineExceeded:
        if not lives_if_late:
            pod.tasks.spawn(_hang_up_unheard(pod, session_id, owner, call_id), "hang up")
            pod.media.release(allocated.media)
        raise
    except Exception:
        pod.media.release(allocated.media)
        raise
    if owner.agent != agent:  # the account has moved meanwhile, or because of the call
        pod.media.adopt(allocated.media, owner.agent, owner.epoch)


async def _hang_up_unheard(pod: Pod, session_id: str, owner: Owner, call_id: str) -> None:
    command = HangupCall(**envelope(owner), session_id=session_id, call_id=call_id)
    try:
        await pod.agents.request(session_id, owner, command, Done)
    except RemoteError as error:
        _log.info("call is left to its agent", call=call_id, error=str(error))
