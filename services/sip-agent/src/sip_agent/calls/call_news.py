"""What the session is told of a live call: one event for each piece of the core's news, and one for its end."""

import msgspec

from shared.messages import (
    CallActionFailed,
    CallEnded,
    CallEstablished,
    CallHold,
    CallProgress,
    CallQuality,
    CallTransferred,
    DtmfReceived,
    Event,
    MediaQuality,
    MediaRef,
    TransferProgress,
)
from sip_agent.core.call.facts import CallFacts
from sip_agent.core.call.outputs import (
    ActionFailed,
    DigitReceived,
    Ended,
    Established,
    HoldChanged,
    News,
    Progressed,
    TransferProgressed,
)


def event_of(news: News, session_id: str, call_id: str) -> Event:
    """The event that tells it."""
    match news:
        case Progressed(state, status, reason, browser_sdp):
            return CallProgress(
                session_id=session_id,
                call_id=call_id,
                state=state,
                status=status,
                reason=reason,
                browser_sdp=browser_sdp or None,  # empty: there is no browser
            )
        case Established(browser_sdp):
            return CallEstablished(session_id=session_id, call_id=call_id, browser_sdp=browser_sdp or None)
        case HoldChanged(local, remote):
            return CallHold(session_id=session_id, call_id=call_id, local=local, remote=remote)
        case ActionFailed(action, status, reason):
            return CallActionFailed(session_id=session_id, call_id=call_id, action=action, status=status, reason=reason)
        case DigitReceived(digit, duration_ms):
            return DtmfReceived(session_id=session_id, call_id=call_id, digit=digit, duration_ms=duration_ms)
        case TransferProgressed(status, reason):
            return TransferProgress(session_id=session_id, call_id=call_id, status=status, reason=reason)


def quality_event_of(measured: MediaQuality, session_id: str) -> Event:
    """What the relay has measured, for the session."""
    return CallQuality(session_id=session_id, call_id=measured.call_id, legs=measured.legs, unheard=measured.unheard)


def with_peer_of(facts: CallFacts, leg: CallFacts) -> CallFacts:
    """The call as its session has it, with the far side of another leg."""
    peer, name = _peer(leg)
    if facts.direction == "outgoing":
        return msgspec.structs.replace(facts, callee=peer)
    return msgspec.structs.replace(facts, caller=peer, caller_name=name)


def transfer_event_of(leg: CallFacts, session_id: str, call_id: str) -> Event:
    """That a leg has the call now."""
    peer, name = _peer(leg)
    return CallTransferred(session_id=session_id, call_id=call_id, peer=peer, peer_name=name)


def _peer(leg: CallFacts) -> tuple[str, str]:
    return (leg.callee, "") if leg.direction == "outgoing" else (leg.caller, leg.caller_name)


def end_event_of(ended: Ended, session_id: str, call_id: str, media: MediaRef | None) -> Event:
    """The last event of a call; a session that was asked aside learns from `media` what was released."""
    return CallEnded(
        session_id=session_id,
        call_id=call_id,
        status=ended.status,
        reason=ended.reason,
        by=ended.by,
        was_established=ended.was_established,
        media=media,
    )
