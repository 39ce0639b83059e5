"""Whose a check is."""

import pytest
from tests.support.webrtc_client import binding_request

from media_relay.core.packet.ufrag import UFRAG_LENGTH, ufrag_of

CHECK = binding_request("01234567", "a password")


def test_a_check_names_the_fragment_before_the_colon() -> None:
    assert ufrag_of(CHECK) == "01234567"
    assert UFRAG_LENGTH == 8


ELSE = {
    "nothing": b"",
    "half a header": CHECK[:19],
    "cut off": CHECK[:-1],
    "a byte more": CHECK + b"\0",
    "a response": b"\1\1" + CHECK[2:],
    "of before RFC 5389": CHECK[:4] + b"\0\0\0\0" + CHECK[8:],
    "an attribute longer than all": CHECK[:22] + b"\xff\xff" + CHECK[24:],
    "a shorter fragment": binding_request("0123456", "a password"),
    "a longer fragment": binding_request("012345678", "a password"),
    "zeros": bytes(20),
    "without a user": b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12),
}


@pytest.mark.parametrize("datagram", ELSE.values(), ids=ELSE)
def test_all_else_names_nobody(datagram: bytes) -> None:
    assert ufrag_of(datagram) is None


def test_attributes_before_the_user_are_passed_over() -> None:
    software = b"\x80\x22\0\3abc\0"
    user = b"\0\6\0\x0901234567:"
    body = software + user + b"\0\0\0"
    assert ufrag_of(b"\0\1" + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12) + body) == "01234567"
