"""The sound of a session, with a forwarder that takes notes and a clock that stands until the test moves it."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest
from tests.support.standing_clock import Clock
from tests.unit.media_relay.test_media_place import Notes

from media_relay.core.plan import StreamPlan
from media_relay.core.sound import EncodedSound
from media_relay.forwarding.forwarder import Forwarder
from media_relay.media_place import MediaPlace
from media_relay.sounds.player import SessionSound, SoundDone

VIDEO = StreamPlan("video", to_sip={100: 97})
AUDIO = StreamPlan("audio", encoding="pcma", media_to_sip=8)
BELL = EncodedSound(8000, [b"ding", b"dang"], is_complete=True)


class World:
    def __init__(self) -> None:
        self.notes, self.clock = Notes(), Clock()
        self.done: list[SoundDone] = []
        loop = cast(asyncio.AbstractEventLoop, self.clock)
        self.sound = SessionSound(loop, MediaPlace(cast(Forwarder, self.notes), 7), "m", self.done.append)
        self.sound.set_streams([VIDEO, AUDIO])

    @property
    def heard(self) -> list[object]:
        return [told[2] for told in self.notes.told if told[0] == "media"]


@pytest.fixture
def world() -> World:
    return World()


def test_a_sound_is_played_to_its_end_in_the_audio_stream(world: World) -> None:
    world.sound.play("p-1", "bell", BELL, is_looped=False)
    world.clock.run()
    assert world.notes.told == [
        ("begin", 7, 1),
        ("media", 8, b"ding", True, 0),
        ("media", 8, b"dang", False, 160),
        ("end", 7, 1),
    ]
    assert world.done == [SoundDone("m", "p-1", "bell", "finished")]


def test_another_one_takes_its_place_and_it_can_be_stopped(world: World) -> None:
    world.sound.play("p-1", "bell", BELL, is_looped=True)
    world.clock.run(until=100.05)
    world.sound.play("p-2", "gong", EncodedSound(8000, [b"gong"], is_complete=True), is_looped=True)
    world.clock.run(until=100.1)
    world.sound.stop()
    world.clock.run()
    world.sound.stop()
    assert world.heard == [b"ding", b"dang", b"ding", b"gong", b"gong", b"gong"]
    assert world.done == [SoundDone("m", "p-1", "bell", "replaced"), SoundDone("m", "p-2", "gong", "stopped")]


def test_it_goes_on_unheard_while_the_sip_side_takes_nothing(world: World) -> None:
    world.sound.set_streams([VIDEO, replace(AUDIO, media_to_sip=None)])
    assert world.sound.encoding == "pcma"
    world.sound.play("p-1", "bell", BELL, is_looped=False)
    world.sound.set_streams([VIDEO, replace(AUDIO, media_to_sip=97)])
    world.clock.run()
    assert [told for told in world.notes.told if told[0] == "media"] == [("media", 97, b"dang", True, 0)]


@pytest.mark.parametrize("plans", [[], [VIDEO], [VIDEO, replace(AUDIO, encoding="pcmu")], [AUDIO]])
def test_it_is_over_where_its_codec_is_not_sent_any_more(world: World, plans: list[StreamPlan]) -> None:
    world.sound.play("p-1", "bell", BELL, is_looped=True)
    world.sound.set_streams(plans)
    world.clock.run()
    assert world.done == [SoundDone("m", "p-1", "bell", "failed")]
    assert world.notes.told[-1] == ("end", 7, 1)


def test_a_session_that_ends_leaves_no_timer_and_tells_nothing(world: World) -> None:
    world.sound.play("p-1", "bell", BELL, is_looped=True)
    world.sound.close()
    assert all(timer.is_cancelled for timer in world.clock.timers)
    assert world.done == []
