"""PCMU and PCMA (ITU-T G.711) by table, and tones in RTP packets of 20 ms."""

from typing import Literal

import numpy as np

from tests.support.rtp_packets import rtp_packet
from tests.support.tone import Samples, sine

RATE = 8000
_FRAME = 160

Law = Literal["PCMU", "PCMA"]
PAYLOAD_TYPES: dict[Law, int] = {"PCMU": 0, "PCMA": 8}


def _table(law: Law) -> Samples:
    code = np.arange(256)
    code = ~code & 0xFF if law == "PCMU" else code ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    if law == "PCMU":
        size = ((mantissa << 3) + 132 << exponent) - 132
        is_negative = code & 0x80 > 0
    else:
        size = np.where(exponent == 0, (mantissa << 4) + 8, (mantissa << 4) + 264 << np.maximum(exponent - 1, 0))
        is_negative = code & 0x80 == 0
    return np.asarray(np.where(is_negative, -size, size) / 32768, dtype=np.float64)


_TABLES: dict[Law, Samples] = {"PCMU": _table("PCMU"), "PCMA": _table("PCMA")}


def encode(samples: Samples, law: Law) -> bytes:
    """Return the nearest code of each sample."""
    codes = np.argsort(_TABLES[law])
    levels = _TABLES[law][codes]
    nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, samples)
    return codes[nearest].astype(np.uint8).tobytes()


def decode(data: bytes, law: Law) -> Samples:
    """Return the samples."""
    return _TABLES[law][np.frombuffer(data, dtype=np.uint8)]


def tone_packets(frequency: float, law: Law, ssrc: int, first: int = 1, count: int = 8) -> list[bytes]:
    """Return a sine as RTP packets, numbered from `first`."""
    sound = encode(sine(frequency, count * _FRAME / RATE, RATE), law)
    return [rtp_packet(PAYLOAD_TYPES[law], first + n, ssrc, sound[n * _FRAME : (n + 1) * _FRAME]) for n in range(count)]
