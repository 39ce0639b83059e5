"""What an agent asks of a media-relay."""

import msgspec
import structlog

from shared.bus import Bus
from shared.errors import DeadlineExceeded, NoOwner, RemoteError
from shared.messages import AnswerMedia, Command, Done, MediaRef, MediaSdp, OfferMedia, ReleaseMedia
from shared.subjects import relay_commands
from sip_agent.core.call.outputs import AskMedia
from sip_agent.services import command_expiry, command_id

_log = structlog.get_logger(__name__)

RELEASE_TRIES = 30  # a minute: NATS may be away, and nobody else frees the ports of a call that was answered


async def ask_relay(bus: Bus, media: MediaRef, epoch: int, asked: AskMedia) -> str:
    """Bring a description to the relay and return the one that it makes; raise `RemoteError`."""
    command: Command
    if asked.question == "offer":
        command = OfferMedia(
            id=command_id(),
            expires_at=command_expiry(),
            epoch=epoch,
            media_id=media.media_id,
            side="sip",
            sdp=asked.sdp,
        )
    else:
        command = AnswerMedia(
            id=command_id(),
            expires_at=command_expiry(),
            epoch=epoch,
            media_id=media.media_id,
            side="browser" if asked.question == "answer_browser" else "sip",
            sdp=asked.sdp,
            provisional=asked.question == "early",
        )
    return (await bus.request(relay_commands(media.relay), command, MediaSdp)).sdp


async def release(bus: Bus, media: MediaRef, epoch: int) -> None:
    """Free the relay's ports. A relay that is gone has freed them already; a lost reply is asked for again."""
    command = ReleaseMedia(id=command_id(), expires_at=command_expiry(), epoch=epoch, media_id=media.media_id)
    for _ in range(RELEASE_TRIES):
        try:
            await bus.request(relay_commands(media.relay), command, Done)
        except NoOwner:
            return
        except DeadlineExceeded:
            command = msgspec.structs.replace(command, expires_at=command_expiry())
        except RemoteError as error:
            _log.warning("media not released", relay=media.relay, error=str(error))
            return
        else:
            return
    _log.warning("media not released", relay=media.relay, error="no reply")
