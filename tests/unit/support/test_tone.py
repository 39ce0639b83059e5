"""The ruler itself: what it says of sounds whose tone and noise are known."""

import struct
from pathlib import Path

import numpy as np
import pytest
from tests.support.tone import best_tone, read_wav, sine, tone_of

RATE = 48000


@pytest.mark.parametrize("frequency", [200.0, 440.0, 441.3, 1000.0, 3333.0])
def test_pitch_of_a_pure_sine_is_exact(frequency: float) -> None:
    tone = tone_of(sine(frequency, 0.043, RATE), RATE)
    assert tone is not None
    assert tone.frequency == pytest.approx(frequency, abs=0.1)
    assert tone.snr_db > 60
    assert tone.level == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("snr_db", [10.0, 20.0, 35.0])
def test_noise_of_known_power_is_measured(snr_db: float) -> None:
    signal = sine(440, 0.5, RATE)
    noise = np.random.default_rng(1).normal(0, np.sqrt(np.mean(signal**2)) * 10 ** (-snr_db / 20), len(signal))
    tone = tone_of(signal + noise, RATE)
    assert tone is not None
    assert tone.snr_db == pytest.approx(snr_db, abs=0.5)


def test_silence_has_no_tone() -> None:
    assert best_tone(np.zeros(RATE), RATE) is None


def test_a_gap_does_not_hide_the_clean_window() -> None:
    samples = sine(600, 1, RATE)
    samples[: RATE // 2] = 0
    tone = best_tone(samples, RATE)
    assert tone is not None and tone.is_clean(600)


def test_another_pitch_or_two_at_once_is_not_clean() -> None:
    other = tone_of(sine(620, 0.1, RATE), RATE)
    mixed = tone_of(sine(600, 0.1, RATE) + sine(900, 0.1, RATE), RATE)
    assert other is not None and not other.is_clean(600)
    assert mixed is not None and not mixed.is_clean(600)


def test_wav_is_read_though_its_sizes_are_not_filled_in(tmp_path: Path) -> None:
    samples = sine(440, 0.5, 8000)
    header = b"RIFF" + struct.pack("<I", 0) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 2, 8000, 32000, 4, 16)
    frames = np.repeat((samples * 32767).astype("<i2"), 2).tobytes()
    (tmp_path / "a.wav").write_bytes(header + b"data" + struct.pack("<I", 0) + frames + b"\0")
    read, rate = read_wav(tmp_path / "a.wav")
    assert rate == 8000
    assert np.allclose(read, samples, atol=1e-4)
