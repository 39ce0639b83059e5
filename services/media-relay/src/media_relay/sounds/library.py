"""The sounds that this relay can play: the files of one directory, and a few that are made of tones.

A sound is read and encoded once for each codec and then shared by all who hear it. That is done in a thread of its own,
and a sound can be played as soon as its beginning is there.
"""

import asyncio
import io
import os
import wave
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av
import structlog

from shared.errors import RemoteError

from ..core import tones
from ..core.sound import FRAME_SECONDS, EncodedSound
from . import encoder

_log = structlog.get_logger(__name__)

_MADE: dict[str, Callable[[], bytes]] = {"music": tones.music, "ringback": tones.ringback}
_BEGINNING = 50  # frames: a second is done long before it has been heard
_MOST_KEPT = 64  # sounds, each in one codec


class _Recording(NamedTuple):
    """What there is to play under a name, at the time of its file; 0 for one that is made."""

    name: str
    changed_at: int


@dataclass(frozen=True)
class _Encoding:
    """A sound that is kept, and whether its beginning is there."""

    sound: EncodedSound
    has_begun: asyncio.Future[None]


class SoundLibrary:
    """`directory` may be empty: then there are only those made of tones. A file hides one that is made.

    The `.wav` of a name may be left out.
    """

    def __init__(self, directory: str, longest_seconds: float) -> None:
        self._directory = Path(directory) if directory else None
        self._most_frames = int(longest_seconds / FRAME_SECONDS)
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "sounds")
        self._kept: OrderedDict[tuple[_Recording, str], _Encoding] = OrderedDict()
        self._is_closed = False

    async def find(self, name: str, encoding: str) -> EncodedSound:
        """Return a sound in that codec; raise `RemoteError`: 404 for a name of none, 415 for what cannot be read, 488
        for a codec that cannot be encoded."""
        clock_rate = encoder.clock_rate_of(encoding)
        if clock_rate is None:
            raise RemoteError(488, f"No Encoder For {encoding or 'Nothing'}")
        wanted = (self._recording(name), encoding)
        kept = self._kept.get(wanted)
        if kept is None:
            kept = _Encoding(EncodedSound(clock_rate), self._loop.create_future())
            self._keep(wanted, kept)
            self._thread.submit(self._encode, wanted, kept)
        self._kept.move_to_end(wanted)
        await asyncio.shield(kept.has_begun)  # others may wait for it, too
        return kept.sound

    def close(self) -> None:
        """End what is under way."""
        self._is_closed = True
        self._thread.shutdown()

    def _recording(self, name: str) -> _Recording:
        for file in (name, f"{name}.wav"):
            changed_at = self._changed_at(file)
            if changed_at:
                return _Recording(file, changed_at)
        if name not in _MADE:
            raise RemoteError(404, "No Such Sound")
        return _Recording(name, 0)

    def _changed_at(self, name: str) -> int:
        """Return the time of a file, 0 where there is none."""
        path = self._path(name)
        try:
            return 0 if path is None else path.stat().st_mtime_ns
        except OSError:
            return 0

    def _path(self, name: str) -> Path | None:
        """A name is that of an entry of the directory: no way leads out of it."""
        is_plain = name != "" and not name.startswith(".") and not {os.sep, "\0"} & set(name)
        return self._directory / name if self._directory is not None and is_plain else None

    def _keep(self, wanted: tuple[_Recording, str], encoding: _Encoding) -> None:
        self._kept[wanted] = encoding
        if len(self._kept) > _MOST_KEPT:  # who plays it has it still
            self._kept.popitem(last=False)

    # -- in the thread

    def _encode(self, wanted: tuple[_Recording, str], kept: _Encoding) -> None:
        recording, encoding = wanted
        payloads = kept.sound.payloads
        try:
            for payload in encoder.encode(self._open(recording), encoding):
                if self._is_closed or len(payloads) == self._most_frames:
                    break
                payloads.append(payload)
                if len(payloads) == _BEGINNING:
                    self._tell(self._begun, kept)
        except (av.error.FFmpegError, ValueError, OSError) as error:
            _log.warning("sound not read to its end", sound=recording.name, error=str(error))
        except Exception:  # the boundary of the thread: who waits must hear something
            _log.exception("sound not encoded", sound=recording.name)
        kept.sound.is_complete = True
        self._tell(self._done, wanted, kept)

    def _open(self, recording: _Recording) -> str | BinaryIO:
        path = self._path(recording.name)
        if path is not None and recording.changed_at:
            return str(path)
        recorded = io.BytesIO()
        with wave.open(recorded, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(tones.RATE)
            file.writeframes(_MADE[recording.name]())
        recorded.seek(0)
        return recorded

    def _tell(self, what: Callable[..., None], *facts: object) -> None:
        if not self._is_closed:
            self._loop.call_soon_threadsafe(what, *facts)

    # -- and back in the loop

    def _begun(self, kept: _Encoding) -> None:
        if not kept.has_begun.done():
            kept.has_begun.set_result(None)

    def _done(self, wanted: tuple[_Recording, str], kept: _Encoding) -> None:
        if kept.sound.payloads:
            self._begun(kept)
            return
        self._kept.pop(wanted, None)  # it may be put right
        if not kept.has_begun.done():
            kept.has_begun.set_exception(RemoteError(415, "Sound Cannot Be Read"))
