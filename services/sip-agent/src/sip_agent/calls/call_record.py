"""A live call as others see it: its record, what is kept of its end, and the snapshot for a browser that comes back."""

import asyncio
from typing import Protocol

import msgspec
import nats.errors
import structlog

from shared.kv import ENDING_TTL, Bucket, Conflict
from shared.messages import CallSnapshot, MediaRef
from shared.messages.account import CallState
from shared.records import CallRecord, EndingRecord
from sip_agent.calls.leg import Leg
from sip_agent.core.call.facts import CallFacts
from sip_agent.core.call.outputs import Ended
from sip_agent.services import wall_clock

_log = structlog.get_logger(__name__)

AT_ONCE = 32  # records that are read side by side

_encoder = msgspec.json.Encoder()

# The SIP status that a state is of (RFC 3261 §13.2.2.1, §13.2.2.4).
_STATUS: dict[CallState, int] = {"incoming": 180, "trying": 100, "ringing": 180, "early": 183, "established": 200}


class SeenCall(Protocol):
    """As much of a live call as is seen."""

    facts: CallFacts
    leg: Leg
    has_video: bool
    is_headless: bool
    joined_call_id: str
    ringing_at: float | None
    established_at: float | None

    @property
    def media(self) -> MediaRef | None:
        """The media session."""

    @property
    def told_state(self) -> CallState:
        """Where it stands for its session."""

    @property
    def browser_sdp(self) -> str | None:
        """The last description that was made for the browser."""


def record_of(call: SeenCall, leg: Leg, agent: str, epoch: int, is_moving: bool = False) -> CallRecord:
    """Return what the record holds, with the state of a leg; `is_moving`: the media is, to another relay."""
    core, facts = leg.core, call.facts
    state: CallState = "established" if core.is_answered else call.told_state  # the ACK of our 2xx is not written
    return CallRecord(
        call_id=facts.call_id,
        session_id=facts.session_id,
        owner=agent,
        epoch=epoch,
        direction=facts.direction,
        state=state,
        caller=facts.caller,
        callee=facts.callee,
        caller_name=facts.caller_name,
        created_at=facts.created_at,
        ringing_at=call.ringing_at,
        media=call.media,
        browser_sdp=call.browser_sdp,
        far_sdp=core.remote_sdp,
        has_video=call.has_video,
        status=_STATUS.get(state, 0),
        established_at=call.established_at if core.is_answered else None,
        local_hold=core.local_hold,
        remote_hold=core.remote_hold,
        is_headless=call.is_headless,
        joined_call_id=call.joined_call_id,
        is_moving=is_moving,
        leg=msgspec.Raw(_encoder.encode(leg.saved())),
    )


async def call_ids_by_session(bucket: Bucket[CallRecord]) -> dict[str, list[str]]:
    """Return the calls that there are, in the whole cluster, by the sessions that have them."""
    found: dict[str, list[str]] = {}
    names = iter(await bucket.names())

    async def read_each() -> None:
        for name in names:  # an iterator that all readers share
            if (entry := await bucket.get(name)) is not None:
                found.setdefault(entry.record.session_id, []).append(entry.record.call_id)

    await asyncio.gather(*(read_each() for _ in range(AT_ONCE)))
    return found


def facts_of(record: CallRecord) -> CallFacts:
    """Return what a record says of its call that does not change."""
    return CallFacts(
        call_id=record.call_id,
        session_id=record.session_id,
        direction=record.direction,
        caller=record.caller,
        callee=record.callee,
        created_at=record.created_at,
        caller_name=record.caller_name,
    )


async def keep_ending(bucket: Bucket[EndingRecord], call: CallRecord, ended: Ended) -> None:
    """Keep for a while how a call has ended."""
    ending = EndingRecord(
        call=msgspec.structs.replace(call, state="ended", status=ended.status, leg=msgspec.Raw(b"null"), far_sdp=None),
        status=ended.status,
        reason=ended.reason,
        by=ended.by,
        ended_at=wall_clock(),
    )
    try:
        await bucket.put(call.call_id, ending, ENDING_TTL)
    except (Conflict, nats.errors.Error) as error:
        _log.warning("ending not kept", call=call.call_id, error=repr(error))


def snapshot_of(call: SeenCall, offer: str) -> CallSnapshot:
    """Return what a browser that comes back must see; `offer`: of another connection, that it has not answered yet."""
    facts, core = call.facts, call.leg.core
    return CallSnapshot(
        call_id=facts.call_id,
        direction=facts.direction,
        state=call.told_state,
        caller=facts.caller,
        callee=facts.callee,
        caller_name=facts.caller_name,
        media=call.media,
        browser_sdp=call.browser_sdp,
        has_video=call.has_video,
        local_hold=core.local_hold,
        remote_hold=core.remote_hold,
        offer=offer or None,
    )
