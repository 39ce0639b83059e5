"""What was sent last of a video stream, as it went out, to be sent again when it is asked for (RFC 4585 §6.2.1).

Bounded in packets and in bytes, for each stream; and each packet is sent again but so often and not at once, all of
them at a bounded rate, so that a peer cannot make the relay send it many times what it was sent, or keep it busy for
long: one NACK names thousands of numbers, or one a thousand times.
"""

from collections import OrderedDict
from dataclasses import dataclass

from .allowance import Allowance

MAX_PACKETS = 512
MAX_BYTES = 256 * 1024  # a second of 2 Mbit/s
MAX_RESENT = 10  # as often as a browser asks
RESEND_PAUSE = 0.02  # of one packet: who asks sooner cannot know yet whether it came
RESENT_AT_ONCE = 256  # packets; a whole picture that was lost
RESENT_PER_SECOND = 500  # of a stream of 6 Mbit/s, all


@dataclass(slots=True)
class _Buffered:
    packet: bytes
    resent: int = 0
    resent_at: float = 0.0


class SendBuffer:
    """The last packets, by SSRC and sequence number."""

    def __init__(self) -> None:
        self._packets: OrderedDict[tuple[int, int], _Buffered] = OrderedDict()
        self._bytes = 0
        self._allowance = Allowance()

    def keep(self, ssrc: int, sequence_number: int, packet: bytes) -> None:
        """Keep a packet that is sent; the oldest ones make room."""
        key = ssrc, sequence_number
        if key in self._packets:
            self._forget(key)
        self._packets[key] = _Buffered(packet)
        self._bytes += len(packet)
        while len(self._packets) > MAX_PACKETS or self._bytes > MAX_BYTES:
            self._forget(next(iter(self._packets)))

    def find(self, ssrc: int, sequence_number: int, now: float) -> bytes | None:
        """Return a packet that is to be sent again, and take it for sent: None if it is not there, empty if not now."""
        found = self._packets.get((ssrc, sequence_number))
        if found is None:
            return None
        if not self._may_resend(found, now):
            return b""
        found.resent += 1
        found.resent_at = now
        return found.packet

    def _may_resend(self, packet: _Buffered, now: float) -> bool:
        if packet.resent == MAX_RESENT or (packet.resent and now - packet.resent_at < RESEND_PAUSE):
            return False
        return self._allowance.take(RESENT_PER_SECOND, RESENT_AT_ONCE, now)

    def clear(self) -> None:
        """Forget all."""
        self._packets.clear()
        self._bytes = 0

    def _forget(self, key: tuple[int, int]) -> None:
        self._bytes -= len(self._packets.pop(key).packet)
