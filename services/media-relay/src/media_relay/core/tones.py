"""Sounds that are made of tones: what a caller hears who waits, where nobody has put a recording.

Pure functions; samples are signed 16-bit numbers, little end first, of one channel.
"""

import math
import struct
from collections.abc import Iterable, Sequence

RATE = 16000
_LOUD = 0.2 * 32767  # -14 dB of full scale: beside speech it is heard, and it does not startle

_RINGING_HZ, _RINGING_SECONDS, _PAUSE_SECONDS = 425.0, 1.0, 4.0  # as in most of Europe (ITU-T E.180 §4)
_RAMP_SECONDS = 0.01  # without it a tone begins and ends with a click

# A slow turn through four chords, each broken into its notes; numbers are half tones from A4, 440 Hz.
_CHORDS = ((-12, -5, 0, 4), (-15, -8, -3, 0), (-10, -3, 2, 5), (-17, -5, -1, 2))
_BROKEN = (0, 1, 2, 3, 2, 1)
_NOTE_SECONDS = 0.4
_DECAY_SECONDS = 0.9  # in which a note falls to a third
_OVERTONES = (1.0, 0.3, 0.1)


def ringback() -> bytes:
    """Return one turn of the tone that a caller hears while the callee's telephone rings."""
    length, ramp = int(_RINGING_SECONDS * RATE), int(_RAMP_SECONDS * RATE)
    turn = 2 * math.pi * _RINGING_HZ / RATE
    tone = [min(1.0, place / ramp, (length - place) / ramp) * math.sin(turn * place) for place in range(length)]
    return _pack(tone) + bytes(2 * int(_PAUSE_SECONDS * RATE))


def music() -> bytes:
    """Return music to wait by, whose end is a beginning again."""
    notes = [chord[place] for chord in _CHORDS for place in _BROKEN * 2]
    length = int(_NOTE_SECONDS * RATE)
    sounds = {note: _plucked(440.0 * 2 ** (note / 12)) for note in set(notes)}
    mixed = [0.0] * (length * len(notes))
    for place, note in enumerate(notes):
        _mix(mixed, place * length, sounds[note])
    return _pack(mixed)


def _plucked(frequency: float) -> list[float]:
    """A string, until it is hardly heard any more."""
    ramp = int(_RAMP_SECONDS * RATE)
    sound = []
    for place in range(int(3 * _DECAY_SECONDS * RATE)):
        turn = 2 * math.pi * frequency * place / RATE
        level = min(1.0, place / ramp) * math.exp(-place / RATE / _DECAY_SECONDS)
        sound.append(level * sum(part * math.sin(turn * (1 + over)) for over, part in enumerate(_OVERTONES)))
    return sound


def _mix(mixed: list[float], at: int, sound: Iterable[float]) -> None:
    """Let a note ring on over the end into the beginning: a loop has no seam then."""
    length = len(mixed)
    for place, sample in enumerate(sound, at):
        mixed[place % length] += sample


def _pack(samples: Sequence[float]) -> bytes:
    scale = _LOUD / max(map(abs, samples))
    return struct.pack(f"<{len(samples)}h", *(int(scale * sample) for sample in samples))
