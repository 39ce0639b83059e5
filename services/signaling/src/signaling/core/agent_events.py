"""What the agent says of calls and messages, in the words of `docs/web-protocol.md`."""

from msgspec import UNSET

from shared.messages import (
    CallActionFailed,
    CallEnded,
    CallEstablished,
    CallHold,
    CallProgress,
    CallQuality,
    CallSnapshot,
    CallTransferred,
    DtmfReceived,
    IncomingCall,
    IncomingMessage,
    TransferProgress,
)

from .call import AgentEvent
from .frames import (
    ActionFailedEvent,
    DtmfEvent,
    EarlyEvent,
    EndedEvent,
    EstablishedEvent,
    Event,
    Held,
    HoldEvent,
    IncomingEvent,
    LiveCall,
    MessageEvent,
    QualityEvent,
    RingingEvent,
    TransferEvent,
    TransferredEvent,
    TryingEvent,
)
from .sdp import has_video

_PROGRESS = {"trying": (100, "Trying"), "ringing": (180, "Ringing"), "early": (183, "Session Progress")}


def address(uri: str) -> str:
    """Return a SIP URI as a page shows it: `carol@example.org`. What is no `sip:` URI stays as it is."""
    return uri.removeprefix("sip:").partition(";")[0] if uri.startswith("sip:") else uri


def frame_of(event: AgentEvent, seq: int) -> Event:
    """Return what the page is told."""
    call = event.call_id
    match event:
        case CallProgress():
            return _progress(event, seq)
        case CallEstablished():
            return EstablishedEvent(seq=seq, call=call, sdp=UNSET if event.browser_sdp is None else event.browser_sdp)
        case CallEnded(status=status, reason=reason, by=by, was_established=established):
            return EndedEvent(seq=seq, call=call, status=status, reason=reason, by=by, established=established)
        case CallHold():
            return HoldEvent(seq=seq, call=call, local=event.local, remote=event.remote)
        case CallActionFailed(action=action, status=status, reason=reason):
            return ActionFailedEvent(seq=seq, call=call, action=action, status=status, reason=reason)
        case DtmfReceived():
            return DtmfEvent(seq=seq, call=call, digit=event.digit, duration=event.duration_ms)
        case CallQuality():
            return QualityEvent(seq=seq, call=call, legs=event.legs, unheard=event.unheard)
        case TransferProgress():
            return TransferEvent(seq=seq, call=call, status=event.status, reason=event.reason)
        case CallTransferred():
            return TransferredEvent(seq=seq, call=call, peer=address(event.peer), peer_name=event.peer_name)


def _progress(event: CallProgress, seq: int) -> Event:
    call, status, reason = event.call_id, event.status, event.reason
    if event.state == "trying":
        return TryingEvent(seq=seq, call=call, status=status, reason=reason)
    make = RingingEvent if event.state == "ringing" else EarlyEvent
    sdp = UNSET if event.browser_sdp is None else event.browser_sdp
    return make(seq=seq, call=call, status=status, reason=reason, sdp=sdp)


def incoming_frame(call: IncomingCall, browser_sdp: str, seq: int) -> IncomingEvent:
    """Return what makes the page ring."""
    return IncomingEvent(
        seq=seq,
        call=call.call_id,
        from_=address(call.caller),
        from_name=call.caller_name,
        to=address(call.callee),
        sdp=browser_sdp,
        video=has_video(browser_sdp),
        asserted=address(call.asserted),
        headers=call.headers,
    )


def message_frame(message: IncomingMessage, seq: int) -> MessageEvent:
    """Return an instant message as the page gets it."""
    return MessageEvent(
        seq=seq,
        message=message.message_id,
        from_=address(message.sender),
        from_name=message.sender_name,
        body=message.body,
        content_type=message.content_type,
        call=message.call_id or UNSET,
    )


def event_of(call: CallSnapshot) -> AgentEvent | None:
    """Return the event that brings a page to where the call stands."""
    sdp = call.browser_sdp if call.direction == "outgoing" else None
    if call.state == "established":
        return CallEstablished(session_id="", call_id=call.call_id, browser_sdp=sdp)
    if call.state == "trying" or call.state == "ringing" or call.state == "early":
        status, reason = _PROGRESS[call.state]
        return CallProgress(
            session_id="", call_id=call.call_id, state=call.state, status=status, reason=reason, browser_sdp=sdp
        )
    return None


def live_call(call: CallSnapshot) -> LiveCall:
    """Return a call as the reply to `resume` lists it."""
    return LiveCall(
        call=call.call_id,
        direction=call.direction,
        state=call.state,
        from_=address(call.caller),
        from_name=call.caller_name,
        to=address(call.callee),
        video=call.has_video,
        held=Held(local=call.local_hold, remote=call.remote_hold),
        sdp=UNSET if call.browser_sdp is None else call.browser_sdp,
        offer=UNSET if call.offer is None else call.offer,
    )
