"""Datagrams in a stream, however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.packet.framing import Deframer, frame


@given(st.lists(st.binary(max_size=100)), st.lists(st.integers(0, 500)))
def test_what_was_framed_comes_out_whatever_pieces_it_came_in(datagrams: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(frame, datagrams))
    ends = [*sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    deframer, start, out = Deframer(100), 0, list[bytes]()
    for end in ends:
        out += deframer.feed(stream[start:end])
        start = end
    assert out == datagrams


def test_a_length_that_no_datagram_has_ends_it() -> None:
    with pytest.raises(ValueError, match="101"):
        Deframer(100).feed(frame(bytes(101))[:2])
