"""Sounds made of tones: what pitch they have, how loud they are, and that their end is a beginning."""

import numpy as np
import pytest
from tests.support.tone import Samples, tone_of

from media_relay.core import tones


def samples(sound: bytes) -> Samples:
    return np.frombuffer(sound, dtype="<i2").astype(np.float64) / 32768


def test_ringback_is_a_second_of_425_hz_and_four_of_silence() -> None:
    heard = samples(tones.ringback())
    assert len(heard) == 5 * tones.RATE
    tone = tone_of(heard[1000:-1000][: tones.RATE - 2000], tones.RATE)
    assert tone is not None
    assert tone.is_clean(425, within=0.1, snr_db=40)
    assert tone.level == pytest.approx(0.2, abs=0.01)
    assert not heard[tones.RATE :].any()


def test_music_is_never_silent_nor_too_loud_and_has_no_seam() -> None:
    heard = samples(tones.music())
    assert np.abs(heard).max() <= 0.2
    steps = heard[: len(heard) // tones.RATE * tones.RATE].reshape(-1, tones.RATE // 4)
    assert np.sqrt((steps**2).mean(axis=1)).min() > 0.01
    assert abs(heard[0] - heard[-1]) < np.abs(np.diff(heard)).max()
