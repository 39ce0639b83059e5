"""Messages to bytes and back."""

import pytest

from shared.errors import RemoteError
from shared.messages import Heartbeat, ReleaseMedia, decode, encode


def test_a_message_survives_the_wire() -> None:
    message = ReleaseMedia(id="x-1", expires_at=12.5, media_id="m-1", epoch=3)
    assert decode(encode(message)) == message


def test_unknown_fields_are_ignored() -> None:
    data = encode(Heartbeat(kind="relay", pod="r", load=1, capacity=2))[:-1] + b',"colour":"red"}'
    assert decode(data) == Heartbeat(kind="relay", pod="r", load=1, capacity=2)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"type":"nothing.such"}', 400),
        (b'{"type":"media.release","id":"a","expires_at":"soon","media_id":"m"}', 400),
        (b'{"type":"done","v":2}', 505),
        (b'{"type":"done","x":' + b"[" * 30000 + b"]" * 30000 + b"}", 400),
    ],
)
def test_bytes_that_are_no_message_are_the_senders_fault(data: bytes, status: int) -> None:
    with pytest.raises(RemoteError) as raised:
        decode(data)
    assert raised.value.status == status
