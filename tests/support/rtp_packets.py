"""RTP and RTCP packets for tests."""

import struct


def rtp_packet(
    payload_type: int = 0, sequence_number: int = 1, ssrc: int = 0x1111, payload: bytes = b"x" * 160, first: int = 0x80
) -> bytes:
    """Return an RTP packet with a plain header."""
    return struct.pack("!BBHII", first, payload_type, sequence_number, 160 * sequence_number, ssrc) + payload


def report_block(
    about: int, fraction_lost: int = 0, jitter: int = 0, last_report: int = 0, delay: int = 0, highest: int = 0
) -> bytes:
    """Return a report block (RFC 3550 §6.4.1)."""
    return struct.pack("!IIIIII", about, fraction_lost << 24, highest, jitter, last_report, delay)


def sender_report_at(sender: int, ntp: int, blocks: bytes = b"") -> bytes:
    """Return an SR of this NTP time, 64 bits."""
    count = len(blocks) // 24
    return struct.pack("!BBHIQ12x", 0x80 | count, 200, 6 + 6 * count, sender, ntp) + blocks


def receiver_report_of(sender: int, blocks: bytes) -> bytes:
    """Return an RR of these blocks."""
    count = len(blocks) // 24
    return struct.pack("!BBHI", 0x80 | count, 201, 1 + 6 * count, sender) + blocks


def receiver_report(sender: int, about: tuple[int, ...] = ()) -> bytes:
    """Return an RR with a block for each source."""
    blocks = b"".join(struct.pack("!I20x", ssrc) for ssrc in about)
    return struct.pack("!BBHI", 0x80 | len(about), 201, 1 + 6 * len(about), sender) + blocks


def sender_report(sender: int, about: tuple[int, ...] = ()) -> bytes:
    """Return an SR with a block for each source."""
    blocks = b"".join(struct.pack("!I20x", ssrc) for ssrc in about)
    return struct.pack("!BBHI20x", 0x80 | len(about), 200, 6 + 6 * len(about), sender) + blocks


def picture_loss_indication(sender: int, about: int) -> bytes:
    """Return a PLI (RFC 4585 §6.3.1)."""
    return struct.pack("!BBHII", 0x81, 206, 2, sender, about)


def generic_nack(sender: int, about: int, *lost: tuple[int, int]) -> bytes:
    """Return a NACK (RFC 4585 §6.2.1) of numbers, each with bits for those that follow it."""
    groups = b"".join(struct.pack("!HH", *group) for group in lost)
    return struct.pack("!BBHII", 0x81, 205, 2 + len(lost), sender, about) + groups
