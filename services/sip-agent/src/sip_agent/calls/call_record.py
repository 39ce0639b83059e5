"""A live call as others see it: its record, what is kept of its end, and the snapshot for a browser that comes back."""

from typing import Protocol

import msgspec
import nats.errors
import structlog

from shared.kv import ENDING_TTL, Bucket, Conflict
from shared.messages import CallSnapshot, MediaRef
from shared.messages.account import CallState
from shared.records import CallRecord, EndingRecord
from shared.sealing import Seal
from sip_agent.calls.leg import Leg
from sip_agent.core.call.facts import CallFacts
from sip_agent.core.call.outputs import Ended
from sip_agent.core.call.saved import SavedLeg
from sip_agent.ownership.owned import OwnedRecord
from sip_agent.services import Services, wall_clock

_log = structlog.get_logger(__name__)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(SavedLeg)
_HAS_KEYS = b"a=crypto:"  # of SRTP, in a description (RFC 4568)

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


def record_of(call: SeenCall, leg: Leg, agent: str, epoch: int, seal: Seal, is_moving: bool = False) -> CallRecord:
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
        has_video=call.has_video,
        status=_STATUS.get(state, 0),
        established_at=call.established_at if core.is_answered else None,
        local_hold=core.local_hold,
        remote_hold=core.remote_hold,
        is_headless=call.is_headless,
        joined_call_id=call.joined_call_id,
        is_moving=is_moving,
        leg=_written(leg, seal, facts.call_id),
    )


def _written(leg: Leg, seal: Seal, call_id: str) -> msgspec.Raw:
    clear = _encoder.encode(leg.saved())
    if _HAS_KEYS not in clear:
        return msgspec.Raw(clear)
    return msgspec.Raw(_encoder.encode(seal.seal(clear.decode(), call_id)))


def leg_of(record: CallRecord, seal: Seal) -> SavedLeg:
    """Return the leg that a record holds; raise `LocalError` where the agent that wrote it had another secret."""
    written = bytes(record.leg)
    if not written.startswith(b'"'):
        return _decoder.decode(written)
    return _decoder.decode(seal.open(msgspec.json.decode(written, type=str), record.call_id))


def owned_record(services: Services, session_id: str, call_id: str, revision: int = 0) -> OwnedRecord[CallRecord]:
    """Return a call's record for its owner to write; `revision`: of what another agent wrote."""
    bucket = services.store.calls.of(session_id)
    return OwnedRecord(bucket, call_id, services.agent, services.lease.held, revision)


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
        call=msgspec.structs.replace(call, state="ended", status=ended.status, leg=msgspec.Raw(b"null")),
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
