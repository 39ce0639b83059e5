"""Who has the place of the browser: a sound, and digits before it."""

from typing import cast

import pytest

from media_relay.forwarding.forwarder import Forwarder
from media_relay.media_place import MediaPlace


class Notes:
    """What the forwarder was told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def begin_event(self, session: int, stream: int) -> None:
        self.told.append(("begin", session, stream))

    def end_event(self, session: int, stream: int) -> None:
        self.told.append(("end", session, stream))

    def send_event(self, session: int, stream: int, payload: bytes, marker: bool, later: int) -> None:
        self.told.append(("event", payload, marker, later))

    def send_media(
        self, session: int, stream: int, payload_type: int, payload: bytes, marker: bool, later: int
    ) -> None:
        self.told.append(("media", payload_type, payload, marker, later))


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def place(notes: Notes) -> MediaPlace:
    return MediaPlace(cast(Forwarder, notes), 7)


def test_a_sound_takes_the_place_and_gives_it_back(notes: Notes, place: MediaPlace) -> None:
    place.begin_sound(1)
    place.send_frame(1, 8, b"ding", 0)
    place.send_frame(1, 8, b"dang", 160)
    place.end_sound(1)
    assert notes.told == [
        ("begin", 7, 1),
        ("media", 8, b"ding", True, 0),
        ("media", 8, b"dang", False, 160),
        ("end", 7, 1),
    ]


def test_a_digit_interrupts_a_sound_which_then_begins_anew_at_the_time_that_it_is(
    notes: Notes, place: MediaPlace
) -> None:
    place.begin_sound(1)
    place.send_frame(1, 8, b"ding", 0)
    place.begin_digit(1)
    place.send_frame(1, 8, b"unheard", 160)
    place.send_digit(1, b"five", True, 0)
    place.end_digit(1)
    place.send_frame(1, 8, b"dong", 320)
    place.send_frame(1, 8, b"ding", 480)
    assert notes.told[2:] == [
        ("begin", 7, 1),
        ("event", b"five", True, 0),
        ("begin", 7, 1),
        ("media", 8, b"dong", True, 0),
        ("media", 8, b"ding", False, 160),
    ]


def test_a_sound_that_begins_or_ends_while_a_digit_is_sent_leaves_the_digit_alone(
    notes: Notes, place: MediaPlace
) -> None:
    place.begin_digit(1)
    place.begin_sound(1)
    place.end_sound(1)
    place.send_digit(1, b"five", True, 0)
    assert notes.told == [("begin", 7, 1), ("event", b"five", True, 0)]
    place.end_digit(1)
    assert notes.told[2:] == [("end", 7, 1)]


def test_a_loop_goes_on_when_timestamps_come_round(notes: Notes, place: MediaPlace) -> None:
    place.begin_sound(1)
    place.send_frame(1, 8, b"ding", 0)
    place.send_frame(1, 8, b"ding", 2**32 + 160)
    assert notes.told[-1] == ("media", 8, b"ding", False, 160)
