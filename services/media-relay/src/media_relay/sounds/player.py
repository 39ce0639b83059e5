"""The sound of a session: one at a time, in the place of the browser."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.messages.media import SoundOutcome

from ..core.plan import StreamPlan, audio_of
from ..core.sound import EncodedSound, SendFrame, SoundOver, SoundSender
from ..media_place import MediaPlace


@dataclass(frozen=True)
class SoundDone:
    """A sound is over."""

    media_id: str
    play_id: str
    sound: str
    outcome: SoundOutcome


@dataclass(frozen=True)
class _Played:
    """What plays: in which codec, and as what its end is told."""

    play_id: str
    name: str
    encoding: str
    sender: SoundSender


class SessionSound:
    """Knows the session's audio stream by its plan."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        place: MediaPlace,
        media_id: str,
        tell: Callable[[SoundDone], None],
    ) -> None:
        self._loop = loop
        self._place = place
        self._media_id = media_id
        self._tell = tell
        self._stream, self._plan = audio_of(())
        self._played: _Played | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set_streams(self, plans: Sequence[StreamPlan]) -> None:
        """Go by these plans; a sound whose codec is no longer sent is over."""
        stream, self._plan = audio_of(plans, self._stream)
        if self._played is not None and (self._played.encoding, self._stream) != (self._plan.encoding, stream):
            self._stop("failed")
        self._stream = stream

    @property
    def encoding(self) -> str:
        """Return the codec that the SIP side is sent; "" where no audio is settled."""
        return self._plan.encoding

    def play(self, play_id: str, name: str, sound: EncodedSound, is_looped: bool) -> None:
        """Play a sound from now on; it is in the codec that the SIP side is sent."""
        self._stop("replaced")
        sender = SoundSender(sound, is_looped, self._loop.time())
        self._played = _Played(play_id, name, self.encoding, sender)
        self._place.begin_sound(self._stream)
        self._handle_timer()

    def stop(self) -> None:
        """Let the SIP side hear the browser again; nothing where no sound plays."""
        self._stop("stopped")

    def close(self) -> None:
        """The session is over."""
        self._played = None
        self._disarm()

    def _stop(self, outcome: SoundOutcome) -> None:
        if self._played is not None:
            self._played.sender.stop(outcome)
            self._drain(self._played)

    def _handle_timer(self) -> None:
        if self._played is not None:
            self._played.sender.handle_timer(self._loop.time())
            self._drain(self._played)

    def _drain(self, played: _Played) -> None:
        """Do what is to be done, then arm the timer."""
        for output in played.sender.take_output():
            match output:
                case SendFrame(payload, elapsed):
                    self._send(payload, elapsed)
                case SoundOver(outcome):
                    self._played = None
                    self._place.end_sound(self._stream)
                    self._tell(SoundDone(self._media_id, played.play_id, played.name, outcome))
        self._disarm()
        due = played.sender.next_timer()
        self._timer = None if due is None else self._loop.call_at(due, self._handle_timer)

    def _send(self, payload: bytes, elapsed: int) -> None:
        if self._plan.media_to_sip is not None:
            self._place.send_frame(self._stream, self._plan.media_to_sip, payload, elapsed)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
