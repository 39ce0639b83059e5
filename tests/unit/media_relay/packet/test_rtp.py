"""Reading RTP headers and rewriting payload types."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.rtp_packets import rtp_packet

from media_relay.core.packet import rtp


def test_the_fields_that_forwarding_needs_are_read() -> None:
    header = rtp.RtpHeader(111, 65535, 0xDEADBEEF, timestamp=160 * 65535, length=12)
    assert rtp.parse(rtp_packet(0x80 | 111, 65535, 0xDEADBEEF)) == header


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        rtp_packet()[:11],
        rtp_packet(first=0x40),  # version 1
        rtp_packet(first=0x82, payload=bytes(7)),  # two CSRCs do not fit
        rtp_packet(first=0x90, payload=bytes(3)),  # no room for an extension header
        rtp_packet(first=0x90, payload=b"\xbe\xde\x00\x02" + bytes(7)),  # nor for its two words
    ],
)
def test_what_is_no_rtp_packet_is_refused(packet: bytes) -> None:
    assert rtp.parse(packet) is None


def test_csrcs_and_a_header_extension_may_fill_the_packet() -> None:
    assert rtp.parse(rtp_packet(first=0x91, payload=bytes(4) + b"\xbe\xde\x00\x01" + bytes(4))) is not None


@pytest.mark.parametrize(("last", "expected"), [(0, False), (1, True), (4, True), (5, False)])
def test_padding_lies_inside_the_payload(last: int, expected: bool) -> None:
    assert rtp.has_valid_padding(rtp_packet(first=0xA0, payload=bytes([0, 0, 0, last]))) is expected


@pytest.mark.parametrize(
    ("packet", "octets"),
    [
        (rtp_packet(), 160),
        (rtp_packet(first=0xA0, payload=bytes([7, 0, 0, 3])), 1),
        (rtp_packet(first=0x91, payload=bytes(4) + b"\xbe\xde\x00\x01" + bytes(4) + b"abc"), 3),
        (rtp_packet(first=0xB0, payload=b"\xbe\xde\x00\x00" + b"\x08"), 0),  # padding that reaches into the header
    ],
)
def test_headers_and_padding_are_no_payload(packet: bytes, octets: int) -> None:
    header = rtp.parse(packet)
    assert header is not None
    assert rtp.payload_length(packet, header) == octets


def test_a_packet_without_padding_may_end_in_any_byte() -> None:
    assert rtp.has_valid_padding(rtp_packet(payload=b"\0"))


@given(st.integers(0, 127), st.integers(0, 127), st.booleans(), st.binary(max_size=40))
def test_rewriting_changes_the_payload_type_alone(before: int, after: int, marker: bool, payload: bytes) -> None:
    bit = 0x80 if marker else 0
    assert rtp.with_payload_type(rtp_packet(bit | before, payload=payload), after) == rtp_packet(
        bit | after, payload=payload
    )


@given(st.binary(max_size=64))
def test_any_bytes_are_parsed_or_refused(packet: bytes) -> None:
    header = rtp.parse(packet)
    assert header is None or (packet[0] >> 6 == 2 and len(packet) >= 12)


@pytest.mark.parametrize(
    ("first", "payload", "expected"),
    [
        (0x80, b"abc", b"abc"),
        (0xA0, b"abc\0\2", b"abc"),
        (0xB1, b"csrc" + b"\xbe\xde\x00\x01word" + b"abc\1", b"abc"),
        (0xA1, b"csrc\5", b""),  # padding that reaches into the header
    ],
)
def test_the_payload_is_what_is_behind_the_header_without_padding(first: int, payload: bytes, expected: bytes) -> None:
    packet = rtp_packet(first=first, payload=payload)
    header = rtp.parse(packet)
    assert header is not None
    assert rtp.payload_of(packet, header) == expected


@given(st.integers(0, 127), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.booleans(), st.binary(max_size=20))
def test_what_is_built_is_read(payload_type: int, number: int, timestamp: int, marker: bool, payload: bytes) -> None:
    packet = rtp.build(payload_type, number, timestamp, 0xB1, payload, marker)
    header = rtp.parse(packet)
    assert header == (payload_type, number, 0xB1, timestamp, 12)
    assert (rtp.has_marker(packet), rtp.payload_of(packet, header)) == (marker, payload)
    renumbered = rtp.with_sequence_number(packet, 7)
    assert (renumbered[:2], renumbered[2:4], renumbered[4:]) == (packet[:2], b"\0\7", packet[4:])
