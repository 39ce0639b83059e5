"""A live call as others see it: its record, and the snapshot for a browser that comes back."""

from typing import Protocol

import msgspec

from shared.messages import CallSnapshot, MediaRef
from shared.messages.account import CallState
from shared.records import CallRecord
from sip_agent.calls.leg import Leg
from sip_agent.core.call.facts import CallFacts

_encoder = msgspec.json.Encoder()

# The SIP status that a state is of (RFC 3261 §13.2.2.1, §13.2.2.4).
_STATUS: dict[CallState, int] = {"incoming": 180, "trying": 100, "ringing": 180, "early": 183, "established": 200}


class SeenCall(Protocol):
    """As much of a live call as is seen."""

    facts: CallFacts
    leg: Leg
    media: MediaRef | None
    has_video: bool
    is_headless: bool
    joined_call_id: str
    established_at: float | None

    @property
    def told_state(self) -> CallState:
        """Where it stands for its session."""

    @property
    def browser_sdp(self) -> str | None:
        """The last description that was made for the browser."""


def record_of(call: SeenCall, leg: Leg, agent: str, epoch: int) -> CallRecord:
    """Return what the record holds, with the state of a leg."""
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
        leg=msgspec.Raw(_encoder.encode(leg.saved())),
    )


def snapshot_of(call: SeenCall) -> CallSnapshot:
    """Return what a browser that comes back must see."""
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
    )
