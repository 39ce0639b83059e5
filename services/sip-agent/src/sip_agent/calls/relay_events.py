"""What a relay tells of a call's media, and what becomes of it."""

from functools import partial

from shared.messages import MediaConnected, MediaDigit, MediaFailed, PictureWanted, SoundSent
from sip_agent.calls.digits import hear_digit
from sip_agent.calls.live_call import LiveCall

RelayEvent = MediaConnected | MediaFailed | PictureWanted | MediaDigit | SoundSent


def hear(call: LiveCall, event: RelayEvent) -> None:
    """Let the call take it."""
    match event:
        case MediaConnected(media_id=media_id):
            call.media_side.connected(media_id)
        case MediaFailed(media_id=media_id, reason=reason):
            call.media_side.lost(media_id, reason)
        case PictureWanted():
            call.post(call.core.request_picture)
        case MediaDigit():
            call.post(partial(hear_digit, call.core), event)
        case SoundSent():
            call.sounds.over(event)
