"""A tone whose packets are numbered by the clock, and the gaps that its hearer notices.

The number stands in the payload, in the place of the first samples, for a relay may write RTP's own numbers anew. It
goes on while there is no way to send: what was said then was not heard.
"""

import asyncio
import math
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from tests.support.g711 import tone_packets

from media_relay.core.packet.demux import DatagramKind, kind_of

PERIOD = 0.04  # 25 packets a second
JITTER_BUFFER = 0.06  # seconds late that a usual one makes up for
_SLICES = 8  # of a period: not all speak in the same moment
_HEADER = struct.Struct("!BBHII")
_NUMBER = struct.Struct("!Id")
_SAMPLES = 320
_RTP_HEADER = 12


def _tone() -> bytes:
    packets = tone_packets(440.0, "PCMU", 1, 1, count=2)
    return b"".join(packet[_RTP_HEADER:] for packet in packets)[_NUMBER.size : _SAMPLES]


_TONE = _tone()


@dataclass(frozen=True)
class Packet:
    """One that was heard: its number, and when it was sent and came, by one clock."""

    number: int
    sent: float
    came: float


def packet_of(number: int, sent: float, ssrc: int) -> bytes:
    """Return an RTP packet of the stream."""
    header = _HEADER.pack(0x80, 0, number & 0xFFFF, number * _SAMPLES & 0xFFFFFFFF, ssrc)
    return header + _NUMBER.pack(number, sent) + _TONE


def read(packet: bytes, came: float) -> Packet:
    """Read one that came."""
    return Packet(*_NUMBER.unpack_from(packet, _RTP_HEADER), came)


def gap_between(one: Packet, other: Packet) -> float:
    """Return the seconds of silence between two that were heard one after the other.

    Where none is missing between them, a delay counts if a jitter buffer does not make up for it; where some are, all
    the time in which one should have come. What the sender itself was late by is not the network's.
    """
    due = (other.number - one.number) * PERIOD
    senders = max(0.0, other.sent - one.sent - due)
    late = other.came - one.came - senders - PERIOD
    if other.number == one.number + 1:
        return late if late > JITTER_BUFFER else 0.0
    return max(late, 0.0)


@dataclass
class Ear:
    """What was heard, each number once, in order of its coming."""

    heard: list[Packet] = field(default_factory=list)

    def hear(self, packet: Packet) -> None:
        """Note it, if nothing later has come: two ways may bring the same for a while."""
        if not self.heard or packet.number > self.heard[-1].number:
            self.heard.append(packet)

    def take(self, datagram: bytes, came: float) -> None:
        """Hear a datagram that is RTP: RTCP for the port before, which another phone may have, comes here as well."""
        if kind_of(datagram) is DatagramKind.RTP:
            self.hear(read(datagram, came))

    def gap_since(self, begin: float) -> float:
        """Return the longest silence that ended after that time."""
        return max((gap for came, gap in self._gaps() if came >= begin), default=math.inf)

    def has_heard(self, count: int, since: float) -> bool:
        """Whether so many have come since then."""
        return len(self.heard) >= count and self.heard[-count].came >= since

    def _gaps(self) -> Iterator[tuple[float, float]]:
        for one, other in zip(self.heard, self.heard[1:], strict=False):
            yield other.came, gap_between(one, other)


class Mouth(Protocol):
    """An end that says a number now, if it has a way."""

    def say(self, number: int, sent: float) -> None: ...


class Clock:
    """Lets all mouths speak, each in its slice of the period, for as long as `run` runs."""

    def __init__(self) -> None:
        self._mouths: list[list[Mouth]] = [[] for _ in range(_SLICES)]

    def add(self, mouth: Mouth) -> None:
        """Let one more speak."""
        min(self._mouths, key=len).append(mouth)

    async def run(self) -> None:
        """Speak for ever; a turn that comes late is made up for."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        turn = 0
        while True:
            number, part = divmod(turn, _SLICES)
            for mouth in self._mouths[part]:
                mouth.say(number, time.time())
            turn += 1
            await asyncio.sleep(max(0.0, begin + turn * PERIOD / _SLICES - loop.time()))
