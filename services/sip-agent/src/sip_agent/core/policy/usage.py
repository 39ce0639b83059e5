"""How often an address of record may call: so many at once, in a minute and in a day, whoever of its sessions calls.

A window starts with its first call and is over a minute, or a day, after it; then it starts anew with the next call. So
in any one minute there may be nearly twice the cap, which is no matter for what it is against: a stolen account, or a
page that has gone wild, running up a bill. `now` is the wall clock, for all agents write the same record.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import msgspec

from shared.errors import LocalError, RemoteError
from shared.records import CountedCall, UsageRecord

MINUTE, DAY = 60.0, 86400.0


@dataclass(frozen=True)
class Caps:
    """0 is no cap."""

    concurrent: int
    per_minute: int
    per_day: int

    def __post_init__(self) -> None:
        if min(self.concurrent, self.per_minute, self.per_day) < 0:
            raise LocalError("a cap of calls is less than 0")

    @property
    def is_off(self) -> bool:
        """Whether nothing need be counted."""
        return not (self.concurrent or self.per_minute or self.per_day)


class CapReached(RemoteError):
    """403, for asking again does not help (RFC 3261 §21.4.4). `live` are the calls that stood in the way, if any."""

    def __init__(self, cap: str, words: str, live: tuple[CountedCall, ...] = ()) -> None:
        super().__init__(403, f"Call Limit Reached ({words})")
        self.cap = cap
        self.live = live


def begin(record: UsageRecord, call: CountedCall, caps: Caps, now: float) -> UsageRecord:
    """Return the record with another call; raise `CapReached`, and count nothing, if that would be one too many."""
    if call in record.live:  # written before: the acknowledgement was lost
        return record
    minute_at, minute = _window(record.minute_at, record.minute, MINUTE, now)
    day_at, day = _window(record.day_at, record.day, DAY, now)
    if caps.concurrent and len(record.live) >= caps.concurrent:
        raise CapReached("concurrent", f"{caps.concurrent} At Once", record.live)
    if caps.per_minute and minute >= caps.per_minute:
        raise CapReached("minute", f"{caps.per_minute} A Minute")
    if caps.per_day and day >= caps.per_day:
        raise CapReached("day", f"{caps.per_day} A Day")
    return msgspec.structs.replace(
        record,
        live=(*record.live, call) if caps.concurrent else (),
        minute_at=minute_at,
        minute=minute + 1,
        day_at=day_at,
        day=day + 1,
    )


def without(record: UsageRecord, is_over: Callable[[CountedCall], bool]) -> UsageRecord:
    """Return the record without the calls that are over."""
    return msgspec.structs.replace(record, live=tuple(call for call in record.live if not is_over(call)))


def _window(start: float, count: int, length: float, now: float) -> tuple[float, int]:
    # Clocks of two agents differ a little: a start that lies ahead is one that has just been.
    return (start, count) if now - start < length else (now, 0)


# Strangers call a Contact past the account's server. Each INVITE rings, takes ports of a relay and one of the calls
# that an account may have, so what may ring is little, of each source and of all of them.
RINGING_OF_SOURCE = 2
RINGING_OF_STRANGERS = 6


def may_ring(source: str, ringing: Collection[str]) -> bool:
    """Whether a stranger's call may ring beside those of the sources in `ringing` that are not answered yet."""
    return len(ringing) < RINGING_OF_STRANGERS and list(ringing).count(source) < RINGING_OF_SOURCE
