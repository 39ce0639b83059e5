"""A sound that is played to the SIP side: which frame of it is due when.

Driven like the digits: after any call take the output and arm one timer for `next_timer()`.
"""

from dataclasses import dataclass, field

from shared.messages.media import SoundOutcome

FRAME_SECONDS = 0.02  # as RFC 3551 §4.2 has it where nothing else is said
# Later than this, what was missed is left out: sent after the rest, it would only fill the far side's buffer.
_MOST_BEHIND = 0.2


@dataclass
class EncodedSound:
    """A sound in one codec, one payload a frame. Until it is complete it grows at its end."""

    clock_rate: int  # of the codec's RTP timestamps
    payloads: list[bytes] = field(default_factory=list)
    is_complete: bool = False


@dataclass(frozen=True)
class SendFrame:
    """A frame that belongs so many units of the timestamp after the first."""

    payload: bytes
    elapsed: int


@dataclass(frozen=True)
class SoundOver:
    """Nothing more comes."""

    outcome: SoundOutcome


SoundOutput = SendFrame | SoundOver


class SoundSender:
    """Plays one sound from `now` on. A frame that is not there yet is waited for."""

    def __init__(self, sound: EncodedSound, is_looped: bool, now: float) -> None:
        self._sound = sound
        self._is_looped = is_looped
        self._began_at = now
        self._due: float | None = now
        self._place = 0  # of the next frame
        self._out: list[SoundOutput] = []

    def next_timer(self) -> float | None:
        """Return when to call `handle_timer`."""
        return self._due

    def handle_timer(self, now: float) -> None:
        """Put out what is due."""
        if self._due is not None and now - self._due > _MOST_BEHIND:
            missed = int((now - self._due) / FRAME_SECONDS)
            self._place += missed
            self._due += missed * FRAME_SECONDS
        while self._due is not None and self._due <= now:
            self._put_frame(self._due)

    def take_output(self) -> list[SoundOutput]:
        """Return what is to be done now."""
        taken, self._out = self._out, []
        return taken

    def stop(self, outcome: SoundOutcome) -> None:
        """Play no more."""
        if self._due is not None:
            self._due = None
            self._out.append(SoundOver(outcome))

    def _put_frame(self, due: float) -> None:
        payloads = self._sound.payloads
        if self._is_looped and self._sound.is_complete and payloads:
            self._place %= len(payloads)
        if self._place < len(payloads):
            frames = round((due - self._began_at) / FRAME_SECONDS)
            elapsed = frames * int(self._sound.clock_rate * FRAME_SECONDS)
            self._out.append(SendFrame(payloads[self._place], elapsed))
            self._place += 1
        elif self._sound.is_complete:
            self.stop("finished")
            return
        self._due = due + FRAME_SECONDS
