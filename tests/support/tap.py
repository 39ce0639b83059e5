"""What comes in at a host, by its interface, whether a socket there waits for it or not."""

import contextlib
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

from media_relay.core.plan import Address
from tests.support.network import Host

_ETH_P_IP = 0x0800
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_ROOM = 8 * 1024 * 1024
_MOST = 2048


class Datagram(NamedTuple):
    """A UDP datagram that was for the host."""

    source: Address
    port: int
    payload: bytes


class Tap:
    """The kernel keeps what comes in until it is read."""

    def __init__(self, host: Host, wire: socket.socket) -> None:
        self._host = host
        self._wire = wire
        self._datagrams: list[Datagram] = []

    def datagrams(self, source: str) -> list[Datagram]:
        """Return all that has come from there so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._note(self._wire.recv(_MOST))
        return [datagram for datagram in self._datagrams if datagram.source.host == source]

    def _note(self, packet: bytes) -> None:
        """A bridge that does not know a host yet sends its packets to all: these are not for us."""
        if packet[9] != socket.IPPROTO_UDP or str(ip_address(packet[16:20])) != self._host.address:
            return
        udp = packet[4 * (packet[0] & 15) :]
        source = Address(str(ip_address(packet[12:16])), int.from_bytes(udp[0:2], "big"))
        self._datagrams.append(
            Datagram(source, int.from_bytes(udp[2:4], "big"), udp[8 : int.from_bytes(udp[4:6], "big")])
        )


@contextlib.contextmanager
def tapped(host: Host) -> Iterator[Tap]:
    """Listen while the block runs."""
    with host.inside():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    with wire:
        wire.setblocking(False)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        wire.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        with host.inside():
            wire.bind(("eth0", _ETH_P_IP))
        yield Tap(host, wire)
