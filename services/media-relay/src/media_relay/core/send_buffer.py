"""What was sent last of a video stream, as it went out, to be sent again when it is asked for (RFC 4585 §6.2.1).

Bounded in packets and in bytes, for each stream; and each packet is sent again but so often, so that a peer cannot make
the relay send it many times what it was sent.
"""

from collections import OrderedDict

MAX_PACKETS = 512
MAX_BYTES = 256 * 1024  # a second of 2 Mbit/s
MAX_RESENT = 10  # as often as a browser asks


class SendBuffer:
    """The last packets, by SSRC and sequence number."""

    def __init__(self) -> None:
        self._packets: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._resent: dict[tuple[int, int], int] = {}
        self._bytes = 0

    def keep(self, ssrc: int, sequence_number: int, packet: bytes) -> None:
        """Keep a packet that is sent; the oldest ones make room."""
        key = ssrc, sequence_number
        if key in self._packets:
            self._forget(key)
        self._packets[key] = packet
        self._resent[key] = 0
        self._bytes += len(packet)
        while len(self._packets) > MAX_PACKETS or self._bytes > MAX_BYTES:
            self._forget(next(iter(self._packets)))

    def find(self, ssrc: int, sequence_number: int) -> bytes | None:
        """Return a packet that is to be sent again: None if it is not there, empty if it was sent again too often."""
        key = ssrc, sequence_number
        packet = self._packets.get(key)
        if packet is None:
            return None
        self._resent[key] += 1
        return packet if self._resent[key] <= MAX_RESENT else b""

    def clear(self) -> None:
        """Forget all."""
        self._packets.clear()
        self._resent.clear()
        self._bytes = 0

    def _forget(self, key: tuple[int, int]) -> None:
        self._bytes -= len(self._packets.pop(key))
        del self._resent[key]
