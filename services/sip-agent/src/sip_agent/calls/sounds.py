"""What the far side of a call is played: a sound that was asked for, or music while it is held.

The relay plays one at a time. What it is asked is asked aside, in order with what else it is asked of the call.
"""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from shared.bus import Bus
from shared.errors import RemoteError
from shared.messages import Event, MediaRef, Sound, SoundEnded, SoundSent
from sip_agent.calls.relay_client import end_sound, send_sound
from sip_agent.mailbox import Mailbox
from sip_agent.services import command_id

_log = structlog.get_logger(__name__)


class SoundedCall(Protocol):
    """As much of a live call as its sounds need."""

    @property
    def media(self) -> MediaRef | None:
        """The media session."""

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

    sound: str
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
        self._first: tuple[Sound, _Play] | None = None
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
        self._first = (sound, _Play(sound.name, is_told=True, ends_call=ends_call))

    async def play(self, sound: Sound) -> None:
        """Play a sound; raise `RemoteError` if the relay does not."""
        await self._asides.ask(partial(self._send, sound, _Play(sound.name, is_told=True)))

    async def play_aside(self, sound: Sound) -> None:
        """The same from within an aside, for whoever need not be told of its end."""
        await self._send(sound, _Play(sound.name))

    async def stop(self) -> None:
        """Stop what plays; raise `RemoteError` if the relay does not."""
        await self._asides.ask(self._end)

    async def _send(self, sound: Sound, play: _Play) -> str:
        play_id = command_id()
        self._plays[play_id] = play
        try:
            await send_sound(self._bus, *self._media(), play_id, sound)
        except RemoteError:
            del self._plays[play_id]
            raise
        return play_id

    async def _end(self) -> None:
        await end_sound(self._bus, *self._media())

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
            self._asides.post(partial(self._begin, self._call, *self._first))

    async def _begin(self, call: SoundedCall, sound: Sound, play: _Play) -> None:
        try:
            await self._send(sound, play)
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
            self._hold_id = await self._send(Sound(name=self._hold_music, is_looped=True), _Play(self._hold_music))
        except RemoteError as error:  # then the held party hears nothing
            _log.warning("no hold music", call=self._call_id, error=str(error))

    async def _end_hold(self) -> None:
        if self._hold_id not in self._plays:  # another sound has taken its place
            return
        try:
            await self._end()
        except RemoteError as error:
            _log.warning("hold music not ended", call=self._call_id, error=str(error))

    def moved(self) -> None:
        """The media is at another relay now, which plays nothing yet."""
        if self._is_held and self._hold_music:
            self._asides.post(self._begin_hold)

    def over(self, sent: SoundSent) -> None:
        """The relay says that a sound is over."""
        play = self._plays.pop(sent.play_id, None)
        if play is None:
            return
        if play.is_told:
            self._tell(
                SoundEnded(session_id=self._session_id, call_id=self._call_id, sound=play.sound, outcome=sent.outcome)
            )
        if play.ends_call and sent.outcome == "finished":
            self._call.fail(200, "Sound Ended")
