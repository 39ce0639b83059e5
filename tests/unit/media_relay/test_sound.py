"""Which frame of a sound is due when."""

import pytest

from media_relay.core.sound import EncodedSound, SendFrame, SoundOver, SoundSender

BELL = EncodedSound(8000, [b"ding", b"dang", b"dong"], is_complete=True)


def play(sender: SoundSender, *times: float) -> list[object]:
    """Let time pass; return what is put out."""
    out: list[object] = []
    for now in times:
        sender.handle_timer(now)
        out += sender.take_output()
    return out


def test_frames_come_each_twenty_milliseconds_and_then_it_is_over() -> None:
    sender = SoundSender(BELL, is_looped=False, now=10.0)
    assert sender.next_timer() == 10.0
    assert play(sender, 10.0) == [SendFrame(b"ding", 0)]
    assert sender.next_timer() == pytest.approx(10.02)
    assert play(sender, 10.01) == []
    assert play(sender, 10.021, 10.0601) == [
        SendFrame(b"dang", 160),
        SendFrame(b"dong", 320),
        SoundOver("finished"),
    ]
    assert sender.next_timer() is None


def test_a_loop_goes_on_in_one_timestamp() -> None:
    sender = SoundSender(EncodedSound(48000, [b"a", b"b"], is_complete=True), is_looped=True, now=0.0)
    frames = play(sender, *(0.02 * number + 0.001 for number in range(5)))
    assert frames == [SendFrame(b"ab"[place % 2 :][:1], 960 * place) for place in range(5)]
    sender.stop("stopped")
    assert sender.take_output() == [SoundOver("stopped")]
    assert play(sender, 1.0) == []


def test_a_frame_that_is_not_there_yet_is_waited_for_and_the_timestamp_knows_it() -> None:
    sound = EncodedSound(8000, [b"ding"])
    sender = SoundSender(sound, is_looped=True, now=0.0)
    assert play(sender, 0.0, 0.0201, 0.0401) == [SendFrame(b"ding", 0)]
    sound.payloads.append(b"dang")
    assert play(sender, 0.0601) == [SendFrame(b"dang", 480)]
    sound.is_complete = True
    assert play(sender, 0.0801) == [SendFrame(b"ding", 640)]


def test_what_a_late_timer_has_missed_is_left_out() -> None:
    sound = EncodedSound(8000, [bytes([place]) for place in range(100)], is_complete=True)
    sender = SoundSender(sound, is_looped=False, now=0.0)
    assert play(sender, 0.1001) == [SendFrame(bytes([place]), 160 * place) for place in range(6)]
    assert play(sender, 1.1201) == [SendFrame(bytes([56]), 160 * 56)]
    assert play(sender, 100.0) == [SoundOver("finished")]


def test_a_sound_without_frames_is_over_at_once() -> None:
    assert play(SoundSender(EncodedSound(8000, is_complete=True), is_looped=True, now=0.0), 0.0) == [
        SoundOver("finished")
    ]
