"""Generic NACKs."""

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.native_repair import NativeFeedback
from tests.support.rtp_packets import generic_nack, picture_loss_indication, receiver_report

from media_relay.core.packet import feedback, rtcp


def wanted(nack: bytes) -> list[int]:
    """Return the numbers that are in a NACK."""
    numbers: list[int] = []
    assert feedback.without(nack, lambda number: bool(numbers.append(number))) == nack
    return numbers


def test_a_nack_names_a_number_and_bits_for_those_that_follow() -> None:
    assert wanted(generic_nack(1, 2, (10, 0), (20, 0b101), (65535, 0x8001))) == [10, 20, 21, 23, 65535, 0, 15]


def test_what_is_done_is_taken_out_and_the_rest_still_asked_for() -> None:
    nack = generic_nack(1, 2, (10, 0b11), (40, 0), (65534, 0b110))
    assert feedback.without(nack, lambda number: number in (10, 40, 65534)) == generic_nack(1, 2, (11, 1), (0, 1))
    assert feedback.without(nack, lambda number: True) == b""


def test_a_nack_of_ours_groups_what_is_near() -> None:
    packet = feedback.generic_nack(1, 2, [65530, 65533, 5, 10, 11, 90])
    assert packet == receiver_report(1) + generic_nack(1, 2, (65530, 0x8404), (11, 0), (90, 0))
    assert rtcp.parse(packet) == (1, (2,))


def test_only_the_packets_that_are_treated_change() -> None:
    nack, pli = generic_nack(1, 2, (10, 0)), picture_loss_indication(1, 2)
    assert [feedback.is_nack(packet) for packet in (nack, pli, receiver_report(1))] == [True, False, False]
    compound = receiver_report(1) + nack + pli
    assert feedback.rewrite(compound, lambda packet: packet) == compound
    assert feedback.rewrite(compound, lambda packet: b"" if feedback.is_nack(packet) else packet) == (
        receiver_report(1) + pli
    )


@pytest.mark.parametrize("words", [2, 3, 0xFFFF])
def test_the_native_one_reads_and_moves_nothing_beyond_its_end(words: int) -> None:
    """Whatever becomes of what was validated while it is rewritten."""
    compound, lengths = receiver_report(1) + picture_loss_indication(1, 2), []

    def lengthen_the_next(packet: int, length: int) -> int:
        lengths.append(length)
        if len(lengths) == 1:
            ctypes.memmove(packet + length + 2, words.to_bytes(2, "big"), 2)
        return 0xFFFF

    rewritten = NativeFeedback.rewrite(compound, lengthen_the_next)
    assert lengths == ([8, 12] if words == 2 else [8])
    assert rewritten == (compound if words == 2 else compound[:8])


def test_an_estimate_has_the_form_of_remb() -> None:
    packet = feedback.receiver_estimate(1, 0xB2, 2_000_000)
    assert packet == receiver_report(1) + bytes.fromhex("8fce0005 00000001 00000000 52454d42 010fd090 000000b2")
    assert rtcp.parse(packet) is not None


@given(st.binary(max_size=120), st.sets(st.integers(0, 65535)))
def test_any_valid_compound_is_rewritten_to_a_valid_one_that_is_no_longer(packet: bytes, done: set[int]) -> None:
    packet = packet[: len(packet) // 4 * 4]
    nack = generic_nack(1, 2) + packet
    nack = nack[:2] + (len(nack) // 4 - 1).to_bytes(2, "big") + nack[4:]
    left = feedback.rewrite(nack, lambda each: feedback.without(each, lambda number: number in done))
    assert len(left) <= len(nack)
    if left:
        assert rtcp.parse(left) is not None
        assert wanted(left) == [number for number in wanted(nack) if number not in done]


NUMBERS = st.integers(0, 65535)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20), st.sets(NUMBERS | st.integers(0, 40)))
def test_both_forwarders_take_the_same_out(lost: list[tuple[int, int]], done: set[int]) -> None:
    nack = generic_nack(1, 2, *lost)
    left = [part.without(nack, lambda number: number in done) for part in (feedback, NativeFeedback)]
    assert left[0] == left[1]


@given(st.lists(NUMBERS | st.integers(0, 40), min_size=1, max_size=64), st.integers(0, 2**32 - 1))
def test_both_forwarders_write_the_same(numbers: list[int], value: int) -> None:
    for part in (feedback, NativeFeedback):
        assert part.generic_nack(1, value, numbers) == feedback.generic_nack(1, value, numbers)
        assert part.full_intra_request(value, 2, value & 0xFF) == feedback.full_intra_request(value, 2, value & 0xFF)
