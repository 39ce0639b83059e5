"""How pure a sine stands in a piece of sound, and at which pitch. Pure functions on samples.

One window: a first guess from the peak of a Hann-windowed spectrum, refined by least squares (IEEE Std 1057 §5, the
four-parameter fit). The noise is what the fitted sine leaves. The best window of several counts: on a loaded machine a
browser's audio clock starves now and then, and a gap says nothing of the way that the sound took.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

WINDOW_SECONDS = 0.043  # 2048 samples at 48 kHz
SILENCE = 1e-4  # root mean square, full scale is 1
_ITERATIONS = 6


@dataclass(frozen=True)
class Tone:
    """The strongest sine of a window."""

    frequency: float
    snr_db: float
    level: float  # amplitude, full scale is 1

    def is_clean(self, frequency: float, within: float = 10.0, snr_db: float = 30.0) -> bool:
        """Whether this is the sine that was sent."""
        return abs(self.frequency - frequency) <= within and self.snr_db >= snr_db


def sine(frequency: float, seconds: float, rate: int, level: float = 0.5) -> Samples:
    """Return a sine."""
    times = np.arange(int(seconds * rate)) / rate
    return np.asarray(level * np.sin(2 * np.pi * frequency * times), dtype=np.float64)


def best_tone(samples: Samples, rate: int, window_seconds: float = WINDOW_SECONDS) -> Tone | None:
    """Return the tone of the window with the best signal to noise ratio; None where all is silent."""
    size = int(window_seconds * rate)
    starts = range(0, len(samples) - size + 1, size // 2)
    tones = [tone for start in starts if (tone := tone_of(samples[start : start + size], rate))]
    return max(tones, key=lambda tone: tone.snr_db, default=None)


def tone_of(window: Samples, rate: int) -> Tone | None:
    """Return the tone of one window; None where it is silent."""
    window = window - window.mean()
    power = float(np.mean(window**2))
    if math.sqrt(power) < SILENCE:
        return None
    frequency = _spectral_peak(window, rate)
    for _ in range(_ITERATIONS):
        frequency, fitted = _refine(window, rate, frequency)
    level = math.sqrt(2 * float(np.mean(fitted**2)))
    noise = max(float(np.mean((window - fitted) ** 2)), 1e-20)
    return Tone(frequency, 10 * math.log10(level**2 / 2 / noise), level)


def _spectral_peak(window: Samples, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(window * np.hanning(len(window)), 4 * len(window)))
    return float(np.argmax(spectrum[1:]) + 1) * rate / (4 * len(window))


def _refine(window: Samples, rate: int, frequency: float) -> tuple[float, Samples]:
    """One step of the four-parameter fit: amplitudes and offset are linear, the frequency is linearised."""
    times = (np.arange(len(window)) - len(window) / 2) / rate
    phase = 2 * np.pi * frequency * times
    columns = np.stack([np.cos(phase), np.sin(phase), np.ones_like(times)], axis=1)
    (cosine, sine_part, offset), *_ = np.linalg.lstsq(columns, window, rcond=None)
    fitted = columns @ np.array([cosine, sine_part, offset])
    slope = 2 * np.pi * times * (sine_part * np.cos(phase) - cosine * np.sin(phase))
    (change, *_rest), *_ = np.linalg.lstsq(np.column_stack([slope, columns]), window - fitted, rcond=None)
    resolution = rate / len(window)
    return frequency + float(np.clip(change, -resolution / 2, resolution / 2)), fitted


def read_wav(path: Path) -> tuple[Samples, int]:
    """Return the first channel and the rate of a 16-bit WAV file.

    The sizes in the header are ignored: a recorder fills them in at the end, and we look at files that still grow.
    """
    data = path.read_bytes()
    start, end = data.find(b"fmt "), data.find(b"data")
    if start < 0 or end < 0:
        return np.zeros(0), 8000
    channels, rate = struct.unpack_from("<HI", data, start + 10)
    body = data[end + 8 :]
    frames = np.frombuffer(body[: len(body) // (2 * channels) * 2 * channels], dtype="<i2").reshape(-1, channels)
    return frames[:, 0].astype(np.float64) / 32768, int(rate)
