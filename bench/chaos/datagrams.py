"""A UDP port that knows when the kernel had each datagram, so that a busy reader makes no gaps of its own."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

_SO_TIMESTAMPNS = 35  # Linux, socket(7); the socket module does not name it
_TIMESPEC = struct.Struct("@ll")
_RECEIVE_BUFFER = 1 << 20

OnDatagram = Callable[[bytes, tuple[str, int], float], None]


class StampedPort:
    """`on_datagram` hears each datagram with its source and its time, by the wall clock."""

    def __init__(self, host: str, on_datagram: OnDatagram) -> None:
        self._on_datagram = on_datagram
        self._loop = asyncio.get_running_loop()
        self._socket = bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        bound.bind((host, 0))
        self.address: tuple[str, int] = bound.getsockname()
        self._loop.add_reader(bound, self._read)

    def _read(self) -> None:
        while True:
            try:
                data, ancillary, _, source = self._socket.recvmsg(2048, 64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
            self._on_datagram(data, source, seconds + nanoseconds * 1e-9)

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        """Send, or lose it where the kernel has no room, as a network does."""
        try:
            self._socket.sendto(data, address)
        except (BlockingIOError, ConnectionRefusedError):
            return

    def get_extra_info(self, name: str) -> Any:
        """What an asyncio transport says of itself."""
        return self.address if name == "sockname" else None

    def close(self) -> None:
        """Close the port."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
