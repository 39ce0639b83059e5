"""What leaves by any socket: every packet on loopback, which in the tests' network namespace is the only interface.

So it is seen where a packet was sent even if nobody listens there. Of a TCP connection the first packet counts alone:
those that are open already, to NATS for one, go on meanwhile.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from ipaddress import ip_address

_ALL_PROTOCOLS, _IPV4, _IPV6 = 0x0003, 0x0800, 0x86DD
_TCP, _UDP = 6, 17
_NAMES = {_TCP: "tcp", _UDP: "udp"}
_SYN, _ACK = 0x02, 0x10  # RFC 9293 §3.1
_ROOM = 4 * 1024 * 1024

Seen = tuple[str, str, int]  # transport, host, port that a packet was for


class Sniffer:
    """`seen` holds each destination once."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self.seen: set[Seen] = set()

    def read(self) -> None:
        """Take what the kernel has for us."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data, (_, protocol, *_) = self._wire.recvfrom(128)
                self._note(data, protocol)

    def _note(self, data: bytes, protocol: int) -> None:
        if protocol == _IPV4 and len(data) >= 20:
            length, kind, host = 4 * (data[0] & 15), data[9], data[16:20]
        elif protocol == _IPV6 and len(data) >= 40:
            length, kind, host = 40, data[6], data[24:40]
        else:
            return
        is_open = kind == _TCP and data[length + 13] & (_SYN | _ACK) != _SYN
        if kind in _NAMES and not is_open:
            self.seen.add((_NAMES[kind], str(ip_address(host)), int.from_bytes(data[length + 2 : length + 4], "big")))

    def sent_to(self, host: str, port: int | None = None) -> set[Seen]:
        """Return what was sent to a host, or to one of its ports."""
        self.read()
        return {one for one in self.seen if one[1] == str(ip_address(host)) and port in (None, one[2])}


@contextlib.contextmanager
def sniffer() -> Iterator[Sniffer]:
    """Watch while the block runs."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS)) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        wire.setblocking(False)
        made = Sniffer(wire)
        loop = asyncio.get_running_loop()
        loop.add_reader(wire, made.read)
        try:
            yield made
        finally:
            loop.remove_reader(wire)
