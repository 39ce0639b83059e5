"""Reads a recording, whatever FFmpeg reads, and encodes its audio for RTP: a payload for each 20 ms."""

from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler

from ..core.sound import FRAME_SECONDS


class _Codec(NamedTuple):
    """An encoder of FFmpeg, the samples that it takes, and the clock of its RTP timestamps (RFC 3551 §4.5)."""

    name: str
    rate: int
    clock_rate: int
    bit_rate: int = 0  # 0: it has no choice


_CODECS = {
    "pcmu": _Codec("pcm_mulaw", 8000, 8000),
    "pcma": _Codec("pcm_alaw", 8000, 8000),
    "g722": _Codec("g722", 16000, 8000),
    "opus": _Codec("libopus", 48000, 48000, 32000),
}


def clock_rate_of(encoding: str) -> int | None:
    """Return the codec's clock rate; None for one that cannot be encoded."""
    codec = _CODECS.get(encoding)
    return None if codec is None else codec.clock_rate


def encode(recording: str | BinaryIO, encoding: str) -> Iterator[bytes]:
    """Yield the payloads of its first audio stream; what cannot be read raises FFmpeg's errors, or ValueError."""
    codec = _CODECS[encoding]
    samples = int(codec.rate * FRAME_SECONDS)
    encoder = _encoder(codec)
    resampler = AudioResampler(format="s16", layout="mono", rate=codec.rate, frame_size=samples)
    with av.open(recording, "r") as container:
        if not container.streams.audio:
            raise ValueError("no audio in it")
        for frame in chain(container.decode(container.streams.audio[0]), (None,)):
            for part in resampler.resample(frame):
                if part.samples == samples:  # the rest at the end is shorter than a packet
                    yield from map(bytes, encoder.encode(part))
    yield from map(bytes, encoder.encode(None))


def _encoder(codec: _Codec) -> AudioCodecContext:
    encoder = av.CodecContext.create(codec.name, "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.format, encoder.layout, encoder.sample_rate = "s16", "mono", codec.rate
    if codec.bit_rate:
        encoder.bit_rate = codec.bit_rate
    return encoder
