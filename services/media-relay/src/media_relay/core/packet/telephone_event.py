"""The payload of a telephone-event (RFC 4733 §2.3) and the events that are digits (§3.2)."""

from struct import Struct
from typing import NamedTuple

DIGITS = "0123456789*#ABCD"  # each at the place of its event code
MOST_DURATION = 0xFFFF
_PAYLOAD = Struct("!BBH")
_END = 0x80
_VOLUME = 10  # -10 dBm0, as phones have it


class TelephoneEvent(NamedTuple):
    """How much of an event there has been so far; the duration is in units of the timestamp."""

    code: int
    is_end: bool
    duration: int


def parse(payload: bytes) -> TelephoneEvent | None:
    """Return the event, or None if this is none."""
    if len(payload) < _PAYLOAD.size:
        return None
    code, flags, duration = _PAYLOAD.unpack_from(payload)
    return TelephoneEvent(code, bool(flags & _END), duration)


def build(event: TelephoneEvent) -> bytes:
    """Return the payload."""
    return _PAYLOAD.pack(event.code, _VOLUME | (_END if event.is_end else 0), event.duration)
