"""Which protocol a datagram on the browser port is."""

import pytest

from media_relay.core.packet.demux import DatagramKind, is_rtcp, kind_of


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (0, DatagramKind.STUN),
        (3, DatagramKind.STUN),
        (4, DatagramKind.OTHER),
        (19, DatagramKind.OTHER),  # ZRTP
        (20, DatagramKind.DTLS),
        (63, DatagramKind.DTLS),
        (64, DatagramKind.OTHER),  # TURN channel
        (127, DatagramKind.OTHER),
        (128, DatagramKind.RTP),
        (191, DatagramKind.RTP),
        (192, DatagramKind.OTHER),
    ],
)
def test_the_first_byte_tells_the_protocol(first: int, kind: DatagramKind) -> None:
    assert kind_of(bytes([first, 0])) is kind


@pytest.mark.parametrize(("second", "expected"), [(191, False), (192, True), (200, True), (223, True), (224, False)])
def test_the_second_byte_tells_rtcp_from_rtp(second: int, expected: bool) -> None:
    assert is_rtcp(bytes([0x80, second])) is expected
    assert kind_of(bytes([0x80, second])) is (DatagramKind.RTCP if expected else DatagramKind.RTP)


def test_an_empty_datagram_is_nothing_and_one_byte_is_no_rtcp() -> None:
    assert kind_of(b"") is DatagramKind.OTHER
    assert kind_of(b"\x80") is DatagramKind.RTP
