"""What an agent asks of a media-relay."""

import os
import time
from functools import partial
from typing import TypedDict

import msgspec
import structlog

from shared.bus import Bus
from shared.errors import DeadlineExceeded, NoOwner, RemoteError
from shared.ids import new_id
from shared.messages import (
    AllocateMedia,
    AnswerMedia,
    Command,
    Done,
    EndSound,
    MediaAllocated,
    MediaRef,
    MediaSdp,
    OfferMedia,
    ReleaseMedia,
    RequestKeyframe,
    RequestOffer,
    SendDigits,
    SendSound,
    Sound,
)
from shared.subjects import relay_commands
from sip_agent.core.call.outputs import AskMedia
from sip_agent.mailbox import Mailbox
from sip_agent.services import Services, command_expiry, command_id

_log = structlog.get_logger(__name__)

RELEASE_TRIES = 30  # a minute: NATS may be away, and nobody else frees the ports of a call that was answered


class _Envelope(TypedDict):
    id: str
    expires_at: float
    epoch: int
    media_id: str
    far_side: str


async def ask_relay(bus: Bus, media: MediaRef, epoch: int, far_side: str, asked: AskMedia) -> MediaSdp:
    """Bring a description to the relay and return the one that it makes; raise `RemoteError`.

    `far_side` is the Call-ID of the dialog that the description is of, or is to be.
    """
    envelope = _Envelope(
        id=command_id(), expires_at=command_expiry(), epoch=epoch, media_id=media.media_id, far_side=far_side
    )
    match asked.question:
        case "offer":
            command: Command = OfferMedia(**envelope, side="sip", sdp=asked.sdp)
        case "late_offer" | "our_offer":
            command = RequestOffer(**envelope, side="sip", direction=asked.direction)
        case "answer_browser":
            command = AnswerMedia(**envelope, side="browser", sdp=asked.sdp)
        case "early" | "answer" | "late_answer" | "their_answer":
            command = AnswerMedia(**envelope, side="sip", sdp=asked.sdp, provisional=asked.question == "early")
    return await bus.request(relay_commands(media.relay), command, MediaSdp)


async def offer_anew(bus: Bus, media: MediaRef, epoch: int) -> str:
    """Return an offer for the browser, which is to come by another connection; raise `RemoteError`."""
    command = RequestOffer(
        id=command_id(), expires_at=command_expiry(), epoch=epoch, media_id=media.media_id, side="browser"
    )
    return (await bus.request(relay_commands(media.relay), command, MediaSdp)).sdp


async def answer_anew(bus: Bus, media: MediaRef, epoch: int, sdp: str) -> None:
    """Bring the browser's answer to that; raise `RemoteError`."""
    command = AnswerMedia(
        id=command_id(), expires_at=command_expiry(), epoch=epoch, media_id=media.media_id, side="browser", sdp=sdp
    )
    await bus.request(relay_commands(media.relay), command, MediaSdp)


async def request_keyframe(bus: Bus, media: MediaRef, epoch: int) -> None:
    """Ask for a whole picture of the browser; one that does not come is asked for again by who needs it."""
    command = RequestKeyframe(
        id=command_id(), expires_at=command_expiry(), epoch=epoch, media_id=media.media_id, side="browser"
    )
    try:
        await bus.request(relay_commands(media.relay), command, Done)
    except RemoteError as error:
        _log.info("no keyframe", relay=media.relay, error=str(error))


async def send_digits(bus: Bus, media: MediaRef, epoch: int, digits: str, duration_ms: int, gap_ms: int) -> None:
    """Send digits as telephone-events; raise `RemoteError`: 501 if the far side takes none."""
    command = SendDigits(
        id=command_id(),
        expires_at=command_expiry(),
        epoch=epoch,
        media_id=media.media_id,
        digits=digits,
        duration_ms=duration_ms,
        gap_ms=gap_ms,
    )
    await bus.request(relay_commands(media.relay), command, Done)


async def allocate_joined(bus: Bus, to: MediaRef, epoch: int, call_id: str, agent: str) -> MediaAllocated:
    """Make a session at the same relay that is joined with another one; raise `RemoteError`."""
    command = AllocateMedia(
        id=command_id(),
        expires_at=command_expiry(),
        epoch=epoch,
        media_id=new_id("m", os.urandom),
        call_id=call_id,
        agent=agent,
        is_headless=True,
        joined_to=to.media_id,
    )
    return await bus.request(relay_commands(to.relay), command, MediaAllocated)


async def send_sound(bus: Bus, media: MediaRef, epoch: int, play_id: str, sound: Sound) -> None:
    """Play a sound to the far side; raise `RemoteError`."""
    command = SendSound(
        id=command_id(),
        expires_at=command_expiry(),
        epoch=epoch,
        media_id=media.media_id,
        play_id=play_id,
        sound=sound,
    )
    await bus.request(relay_commands(media.relay), command, Done)


async def end_sound(bus: Bus, media: MediaRef, epoch: int) -> None:
    """Stop the sound that plays, if any; raise `RemoteError`."""
    command = EndSound(id=command_id(), expires_at=command_expiry(), epoch=epoch, media_id=media.media_id)
    await bus.request(relay_commands(media.relay), command, Done)


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


def leave_relay(services: Services, asides: Mailbox, media: MediaRef, epoch: int) -> None:
    """Free the ports of a relay that a call has left, after what was asked of it.

    One that is not heard would keep what is asked of the other one waiting: the page that answers, above all.
    """
    if services.relays.is_live(media.relay, time.monotonic()):
        asides.post(partial(release, services.bus, media, epoch))
    else:
        services.tasks.spawn(release(services.bus, media, epoch), f"release {media.media_id}")
