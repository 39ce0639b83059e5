"""The packets of a window of load, made beforehand with libsrtp, so that the generator need not know SRTP.

The layout is that of `native/tape.h`. What browsers must get of some calls is made beforehand as well: a relay keeps
the SSRC, the number and the time of a packet, so every byte of it is known.
"""

import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pylibsrtp import Policy, Session

from media_relay.core.plan import Address
from media_relay.core.srtp_keys import SrtpProfile

from .calls import Call

PACKETS_PER_SECOND = 50
PLAIN_LENGTH = 172
_CHECKED = 8  # of so many calls one is compared to the last byte on the browser's side
_MAGIC = int.from_bytes(b"TAPE", "little")
_PROFILES = {
    SrtpProfile.AEAD_AES_128_GCM: (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16),
    SrtpProfile.AES128_CM_SHA1_80: (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 10),
}
_PATTERN = bytes(range(256)) * 2
_marks = itertools.count(1)  # of tapes: what one relay sends too late must not be taken for another's


def plain(ssrc: int, call: int, number: int) -> bytes:
    """Return 20 ms of G.711, as `tape_plain` does."""
    start = (number + 20) & 0xFF
    return (
        struct.pack("!BBHIIII", 0x80, 0, number, 160 * number, ssrc | call, call, number)
        + _PATTERN[start : start + 152]
    )


@dataclass
class Player:
    """The browser's SRTP of one call, which goes on from window to window."""

    number: int
    call: Call
    mark: int
    _sessions: tuple[Session, Session] | None = field(init=False)

    def __post_init__(self) -> None:
        keys = self.call.keys
        if keys is None:
            self._sessions = None
            return
        profile, _ = _PROFILES[keys.profile]
        self._sessions = (
            Session(Policy(keys.receive, Policy.SSRC_ANY_OUTBOUND, 0, profile)),
            Session(Policy(keys.send, Policy.SSRC_ANY_OUTBOUND, 0, profile)),
        )

    @property
    def is_checked(self) -> bool:
        """Whether what its browser gets is known to the last byte."""
        return self.number % _CHECKED == 0

    def sent(self, numbers: range) -> Iterator[bytes]:
        """Yield what its browser sends."""
        return self._made(0, 0x10000000, numbers)

    def expected(self, numbers: range) -> Iterator[bytes]:
        """Yield what its browser must get."""
        return self._made(1, 0x20000000, numbers)

    def _made(self, which: int, ssrc: int, numbers: range) -> Iterator[bytes]:
        packets = (plain(ssrc | self.mark << 16, self.number, number) for number in numbers)
        return map(self._sessions[which].protect, packets) if self._sessions else packets


class Tape:
    """Makes one window after another for a relay."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark = next(_marks)
        self._players: list[Player] = []
        self._next = 1

    def write(self, calls: Sequence[Call], count: int, seconds: float) -> None:
        """Write the next window for the first `count` calls."""
        for number in range(len(self._players), len(calls)):
            self._players.append(Player(number, calls[number], self._mark))
        numbers = range(self._next, self._next + int(seconds * PACKETS_PER_SECOND) + 2)
        self._next = numbers.stop
        if numbers.stop >= 1 << 16:
            raise RuntimeError("the sequence number would wrap: the bench is longer than its tape can be")
        players = self._players[:count]
        keys = calls[0].keys
        length = PLAIN_LENGTH + (_PROFILES[keys.profile][1] if keys else 0)
        with self.path.open("wb") as tape:
            tape.write(struct.pack("=6I", _MAGIC, self._mark, count, len(numbers), numbers.start, length))
            for player in players:
                tape.write(_record(player))
            for of_a_time in zip(*(player.sent(numbers) for player in players), strict=True):
                tape.write(b"".join(of_a_time))
            for of_a_time in zip(*(player.expected(numbers) for player in players if player.is_checked), strict=True):
                tape.write(b"".join(of_a_time))


def _record(player: Player) -> bytes:
    call = player.call
    expected = player.number // _CHECKED if player.is_checked else -1
    hosts = (_packed(call.browser) + _packed(call.phone),)
    return (
        b"".join(hosts) + struct.pack("!HH", call.relay_browser_port, call.relay_sip_port) + struct.pack("=i", expected)
    )


def _packed(address: Address) -> bytes:
    return bytes(int(part) for part in address.host.split("."))
