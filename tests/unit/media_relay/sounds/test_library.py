"""The sounds of a relay: files by their names alone, read once, and those that are made."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from tests.support.headless import write_tone
from tests.support.tone import best_tone
from tests.support.until import until_so

from media_relay.core.sound import EncodedSound
from media_relay.sounds.library import SoundLibrary
from shared.errors import RemoteError

DECODERS = {"pcmu": "pcm_mulaw", "pcma": "pcm_alaw", "g722": "g722", "opus": "libopus"}
RATES = {"pcmu": 8000, "pcma": 8000, "g722": 16000, "opus": 48000}


@contextmanager
def library(folder: Path | str, longest: float = 60.0) -> Iterator[SoundLibrary]:
    with closing(SoundLibrary(str(folder), longest)) as opened:
        yield opened


@pytest.fixture
async def sounds(tmp_path: Path) -> AsyncIterator[SoundLibrary]:
    write_tone(tmp_path / "bell.wav", 1000, 2.0)
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "folder").mkdir()
    with library(tmp_path) as opened:
        yield opened


async def whole(sound: EncodedSound) -> EncodedSound:
    await until_so(lambda: sound.is_complete)
    return sound


@pytest.mark.parametrize("encoding", DECODERS)
async def test_a_file_is_encoded_in_frames_of_20_ms(sounds: SoundLibrary, encoding: str) -> None:
    sound = await whole(await sounds.find("bell.wav", encoding))
    assert sound.clock_rate == (48000 if encoding == "opus" else 8000)
    assert 100 <= len(sound.payloads) <= 101
    decoder = av.CodecContext.create(DECODERS[encoding], "r")
    assert isinstance(decoder, av.audio.codeccontext.AudioCodecContext)
    decoder.sample_rate, decoder.layout = RATES[encoding], "mono"
    frames = [frame for payload in sound.payloads for frame in decoder.decode(av.Packet(payload))]
    heard = np.concatenate([frame.to_ndarray().flatten() for frame in frames]).astype(np.float64)
    tone = best_tone(heard / max(1.0, np.abs(heard).max()), RATES[encoding])
    assert tone is not None
    assert tone.is_clean(1000)


async def test_a_sound_is_encoded_once_and_anew_when_its_file_has_changed(sounds: SoundLibrary, tmp_path: Path) -> None:
    first, second = await asyncio.gather(sounds.find("bell.wav", "pcmu"), sounds.find("bell.wav", "pcmu"))
    assert first is second
    assert await sounds.find("bell", "pcmu") is first
    assert await sounds.find("bell.wav", "pcma") is not first
    write_tone(tmp_path / "bell.wav", 500, 1.0)
    os.utime(tmp_path / "bell.wav", (1.0, 1.0))
    changed = await whole(await sounds.find("bell.wav", "pcmu"))
    assert len(changed.payloads) == 50


@pytest.mark.parametrize("name", ["", ".", "..", "../bell.wav", "/etc/hostname", "no.wav", "bell.wav\0", "folder/x"])
async def test_what_is_no_name_in_the_directory_does_not_exist(sounds: SoundLibrary, name: str) -> None:
    with pytest.raises(RemoteError, match="404"):
        await sounds.find(name, "pcmu")


@pytest.mark.parametrize("name", ["text.wav", "folder"])
async def test_what_cannot_be_read_is_told_each_time(sounds: SoundLibrary, name: str, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(RemoteError, match="415"):
            await sounds.find(name, "pcmu")


async def test_a_codec_that_cannot_be_encoded_is_refused(sounds: SoundLibrary) -> None:
    with pytest.raises(RemoteError, match="488"):
        await sounds.find("bell.wav", "g729")


async def test_some_sounds_are_there_without_files_and_a_file_hides_one(tmp_path: Path) -> None:
    with library("") as made:
        ringback = await whole(await made.find("ringback", "pcmu"))
        assert len(ringback.payloads) == 250
        assert len((await whole(await made.find("music", "pcmu"))).payloads) > 500
        with pytest.raises(RemoteError, match="404"):
            await made.find("bell.wav", "pcmu")
    write_tone(tmp_path / "ringback", 440, 1.0)
    with library(tmp_path) as hidden:
        assert len((await whole(await hidden.find("ringback", "pcmu"))).payloads) == 50


async def test_a_sound_is_cut_off_where_it_is_too_long(tmp_path: Path) -> None:
    write_tone(tmp_path / "long.wav", 440, 3.0)
    with library(tmp_path, longest=2.0) as short:
        assert len((await whole(await short.find("long.wav", "pcmu"))).payloads) == 100
