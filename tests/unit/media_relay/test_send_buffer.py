"""What was sent last, to be sent again."""

import pytest
from tests.support.native_repair import NativeSendBuffer

from media_relay.core.send_buffer import (
    MAX_BYTES,
    MAX_PACKETS,
    MAX_RESENT,
    RESEND_PAUSE,
    RESENT_AT_ONCE,
    RESENT_PER_SECOND,
    SendBuffer,
)


@pytest.fixture(params=[SendBuffer, NativeSendBuffer])
def buffer(request: pytest.FixtureRequest) -> SendBuffer | NativeSendBuffer:
    made: SendBuffer | NativeSendBuffer = request.param()
    return made


def test_a_packet_is_found_by_its_source_and_number(buffer: SendBuffer) -> None:
    buffer.keep(1, 10, b"one")
    buffer.keep(1, 11, b"two")
    assert [buffer.find(*key, 1) for key in ((1, 10), (1, 11), (1, 12), (2, 10))] == [
        b"one",
        b"two",
        None,
        None,
    ]


def test_the_oldest_packets_make_room(buffer: SendBuffer) -> None:
    for number in range(2 * MAX_PACKETS):
        buffer.keep(1, number, b"%d" % number)
    assert buffer.find(1, MAX_PACKETS - 1, 1) is None
    assert buffer.find(1, MAX_PACKETS, 1) == b"%d" % MAX_PACKETS
    assert buffer.find(1, 2 * MAX_PACKETS - 1, 1) == b"%d" % (2 * MAX_PACKETS - 1)


def test_long_packets_leave_room_for_fewer(buffer: SendBuffer) -> None:
    length = 1400
    fit = MAX_BYTES // length
    for number in range(3 * fit):
        buffer.keep(1, number, bytes([number % 251]) * length)
    held = [number for number in range(3 * fit) if buffer.find(1, number, 1 + number) == bytes([number % 251]) * length]
    assert held == list(range(3 * fit - len(held), 3 * fit))
    assert fit - 2 <= len(held) <= fit
    assert buffer.find(1, 3 * fit - len(held) - 1, 1) is None


def test_a_packet_is_sent_again_but_so_often(buffer: SendBuffer) -> None:
    buffer.keep(1, 10, b"one")
    assert [buffer.find(1, 10, 1 + time) for time in range(MAX_RESENT + 2)] == [b"one"] * MAX_RESENT + [b"", b""]
    buffer.keep(1, 10, b"one")
    assert buffer.find(1, 10, 20) == b"one"


def test_a_packet_is_not_sent_again_before_it_can_have_come(buffer: SendBuffer) -> None:
    buffer.keep(1, 10, b"one")
    buffer.keep(1, 11, b"two")
    times = [1, 1, 1 + RESEND_PAUSE / 2, 1 + 1.1 * RESEND_PAUSE]
    assert [buffer.find(1, 10, now) for now in times] == [b"one", b"", b"", b"one"]
    assert buffer.find(1, 11, 1) == b"two"


def test_so_many_are_sent_again_at_once_and_in_a_second(buffer: SendBuffer) -> None:
    for number in range(MAX_PACKETS):
        buffer.keep(1, number, b"x")
    assert [buffer.find(1, number, 1) for number in range(MAX_PACKETS)] == (
        [b"x"] * RESENT_AT_ONCE + [b""] * (MAX_PACKETS - RESENT_AT_ONCE)
    )
    sent = [buffer.find(1, number, 1.1) for number in range(RESENT_AT_ONCE, MAX_PACKETS)]
    assert sent.count(b"x") == pytest.approx(RESENT_PER_SECOND / 10, abs=1)
    assert sent[-1] == b""  # and has not been counted as sent
    assert buffer.find(1, MAX_PACKETS - 1, 2) == b"x"


def test_nothing_is_left_when_it_is_cleared(buffer: SendBuffer) -> None:
    buffer.keep(1, 10, b"one")
    buffer.clear()
    assert buffer.find(1, 10, 1) is None
