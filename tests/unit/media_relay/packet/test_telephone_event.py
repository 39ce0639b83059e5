"""The payload of a telephone-event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.packet import telephone_event
from media_relay.core.packet.telephone_event import TelephoneEvent


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        ("01 0a 00a0", TelephoneEvent(1, False, 160)),
        ("0b 8a 0320", TelephoneEvent(11, True, 800)),
        ("0f ff ffff", TelephoneEvent(15, True, 65535)),
        ("00 00 0000 07", TelephoneEvent(0, False, 0)),
        ("01 0a 00", None),
        ("", None),
    ],
)
def test_a_payload_is_read(payload: str, event: TelephoneEvent | None) -> None:
    assert telephone_event.parse(bytes.fromhex(payload)) == event


@given(st.integers(0, 255), st.booleans(), st.integers(0, 0xFFFF))
def test_what_is_built_is_read(code: int, is_end: bool, duration: int) -> None:
    event = TelephoneEvent(code, is_end, duration)
    assert telephone_event.parse(telephone_event.build(event)) == event
