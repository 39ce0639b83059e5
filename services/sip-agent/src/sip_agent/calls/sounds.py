"""What the far side of a call is played: a sound that was asked for, or music while it is held.

The relay plays one at a time. What it is asked is asked aside, in order with what else it is asked of the call. While
the media is on its way to another relay nothing can be played; once it is there, what should be heard begins anew.
"""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from shared.bus import Bus
from shared.errors import NoOwner, RemoteError
from shared.messages import Event, MediaRef, Sound, SoundEnded, SoundSent
from shared.messages.media import SoundOutcome
from sip_agent.calls.relay_client import end_sound, send_sound
from sip_agent.core.media.anchor import Anchor
from sip_agent.mailbox import Mailbox
from sip_agent.services import command_id

_log = structlog.get_logger(__name__)


class SoundedMedia(Protocol):
    """As much of a call's media as its sounds need."""

    anchor: Anchor

    async def elsewhere(self, media: MediaRef) -> bool:
        """Wait for a session whose relay does not answer to be another one; return whether it is."""


class SoundedCall(Protocol):
    """As much of a live call as its sounds need."""

    @property
    def media(self) -> MediaRef | None:
        """The media session."""

    @property
    def media_side(self) -> SoundedMedia:
        """And where that is."""

    @property
    def asides(self) -> Mailbox:
        """What is asked of the relay, in its order."""

    @property
    def call_id(self) -> str:
        """The call's id on the bus."""

    @property
    def epoch(self) -> int:
        """Of the ownership."""

    def fail(self, status: int, reason: str) -> None:
        """End the call for a reason that is neither side's."""


@dataclass(frozen=True)
class _Play:
    """A sound that was begun, and what follows from its end. Nobody is told of what nobody asked for."""

    sound: Sound
    is_told: bool = False
    ends_call: bool = False


class CallSounds:
    """The sounds of one call; `hold_music` is empty where the held party hears nothing."""

    def __init__(
        self, bus: Bus, call: SoundedCall, hold_music: str, session_id: str, tell: Callable[[Event], object]
    ) -> None:
        self._bus = bus
        self._call_ref = weakref.ref(call)  # which holds us (see `back`)
        self._call_id = call.call_id
        self._asides = call.asides
        self._hold_music = hold_music
        self._session_id = session_id
        self._tell = tell
        self._plays: dict[str, _Play] = {}  # by the id that the relay has of them
        self._first: _Play | None = None
        self._is_held = False
        self._hold_id = ""

    @property
    def _call(self) -> SoundedCall:
        call = self._call_ref()
        if call is None:
            raise RemoteError(481, "Call Does Not Exist")
        return call

    @property
    def are_told(self) -> bool:
        """Whether somebody waits for the end of one."""
        return any(play.is_told for play in self._plays.values())

    # -- what is asked for

    def begin_with(self, sound: Sound, ends_call: bool) -> None:
        """Play this once the call is answered; that it cannot be played ends the call."""
        self._first = _Play(sound, is_told=True, ends_call=ends_call)

    async def play(self, sound: Sound) -> None:
        """Play a sound; raise `RemoteError` if the relay does not."""
        await self._asides.ask(partial(self._send, _Play(sound, is_told=True)))

    async def play_aside(self, sound: Sound) -> None:
        """The same from within an aside, for whoever need not be told of its end."""
        await self._send(_Play(sound))

    async def stop(self) -> None:
        """Stop what plays; raise `RemoteError` if the relay does not."""
        await self._asides.ask(self.stop_aside)

    async def stop_aside(self) -> None:
        """The same from within an aside."""
        side = self._call.media_side
        if side.anchor.has_far_side:
            media, epoch = self._media()
            try:
                await end_sound(self._bus, media, epoch)
                return
            except NoOwner:
                if not await side.elsewhere(media):
                    raise
        for play_id in list(self._plays):
            self._over(play_id, "stopped")

    async def _send(self, play: _Play) -> str:
        play_id = command_id()
        self._plays[play_id] = play
        try:
            await self._begin_at_relay(play_id, play)
        except RemoteError:
            del self._plays[play_id]
            raise
        return play_id

    async def _begin_at_relay(self, play_id: str, play: _Play) -> None:
        side = self._call.media_side
        if not side.anchor.has_far_side:
            return  # `moved` is to follow
        media, epoch = self._media()
        try:
            await send_sound(self._bus, media, epoch, play_id, play.sound)
        except NoOwner:  # else it is so here
            if not await side.elsewhere(media):
                raise

    def _media(self) -> tuple[MediaRef, int]:
        """What is played to, and under which epoch."""
        call = self._call
        if call.media is None:
            raise RemoteError(481, "Call Has No Media")
        return call.media, call.epoch

    # -- what happens

    def established(self) -> None:
        """The call is answered."""
        if self._first is not None:
            self._asides.post(partial(self._begin, self._call, self._first))

    async def _begin(self, call: SoundedCall, play: _Play) -> None:
        try:
            await self._send(play)
        except RemoteError as error:
            call.fail(error.status, error.reason)

    def held(self, is_held: bool) -> None:
        """We hold the far side, or do so no more."""
        if is_held == self._is_held or not self._hold_music:
            return
        self._is_held = is_held
        self._asides.post(self._begin_hold if is_held else self._end_hold)

    async def _begin_hold(self) -> None:
        try:
            self._hold_id = await self._send(_Play(Sound(name=self._hold_music, is_looped=True)))
        except RemoteError as error:  # then the held party hears nothing
            _log.warning("no hold music", call=self._call_id, error=str(error))

    async def _end_hold(self) -> None:
        if self._hold_id not in self._plays:  # another sound has taken its place
            return
        try:
            await self.stop_aside()
        except RemoteError as error:
            _log.warning("hold music not ended", call=self._call_id, error=str(error))

    def moved(self) -> None:
        """The media is at another relay now, which plays nothing yet."""
        if self._plays:
            self._asides.post(partial(self._begin_anew, self._call))

    async def _begin_anew(self, call: SoundedCall) -> None:
        if not self._plays:  # it has been stopped meanwhile
            return
        *replaced, last = self._plays
        for play_id in replaced:  # their end was the former relay's to tell
            self._over(play_id, "replaced")
        play = self._plays[last]
        try:
            await self._begin_at_relay(last, play)
        except RemoteError as error:
            _log.warning("sound not begun anew", call=self._call_id, error=str(error))
            self._over(last, "failed")
            if play.ends_call:
                call.fail(error.status, error.reason)

    def over(self, sent: SoundSent) -> None:
        """The relay says that a sound is over."""
        self._over(sent.play_id, sent.outcome)

    def _over(self, play_id: str, outcome: SoundOutcome) -> None:
        play = self._plays.pop(play_id, None)
        if play is None:
            return
        if play.is_told:
            name = play.sound.name
            self._tell(SoundEnded(session_id=self._session_id, call_id=self._call_id, sound=name, outcome=outcome))
        if play.ends_call and outcome == "finished":
            self._call.fail(200, "Sound Ended")
