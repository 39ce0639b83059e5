"""Where packets of a session leave the Python forwarder, and are counted."""

from collections.abc import Sequence

from ...core.counters import Counters, Direction, Drop, PacketKind
from ...core.plan import Address, BrowserPath
from .stream import DatagramSender


class PythonOutbox:
    """`destination` is the browser's."""

    def __init__(self, browser_sockets: Sequence[DatagramSender]) -> None:
        self.counters = Counters()
        self.destination: BrowserPath | None = None
        self._browser_sockets = browser_sockets

    def drop(self, reason: Drop) -> None:
        """Count a packet that goes nowhere."""
        self.counters.drops[reason] += 1

    def count(self, direction: Direction, kind: PacketKind, packet: bytes) -> None:
        """Count one that goes on."""
        self.counters.packets[direction, kind] += 1
        self.counters.bytes[direction, kind] += len(packet)

    def send_to_browser(self, packet: bytes, kind: PacketKind) -> None:
        """Send what is protected."""
        if self.destination is None:
            return self.drop(Drop.NOT_CONNECTED)
        browser_socket = self._browser_sockets[self.destination.interface]
        self._send(browser_socket, packet, self.destination.address, "sip_to_browser", kind)

    def send_to_sip(self, socket: DatagramSender, packet: bytes, destination: Address | None, kind: PacketKind) -> None:
        """Send by one of a stream's ports."""
        if destination is None:
            return self.drop(Drop.NOT_CONNECTED)
        self._send(socket, packet, destination, "browser_to_sip", kind)

    def _send(
        self, socket: DatagramSender, packet: bytes, destination: Address, direction: Direction, kind: PacketKind
    ) -> None:
        try:
            socket.sendto(packet, destination)
        except OSError:  # a full send buffer, no route: UDP may lose it anyway
            return self.drop(Drop.SEND_FAILED)
        self.count(direction, kind, packet)
