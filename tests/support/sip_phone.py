"""The media end of a SIP phone: plain UDP sockets."""

import asyncio
import socket

from media_relay.core.plan import Address


class RtpSocket(asyncio.DatagramProtocol):
    """One UDP port; what comes in stands in a queue with its source."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()

    @classmethod
    async def open(cls, host: str = "127.0.0.1") -> "RtpSocket":
        """Bind any port on `host`."""
        _, rtp_socket = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=(host, 0))
        return rtp_socket

    @classmethod
    async def on(cls, bound: socket.socket) -> "RtpSocket":
        """Take a socket that is bound."""
        _, rtp_socket = await asyncio.get_running_loop().create_datagram_endpoint(cls, sock=bound)
        return rtp_socket

    @property
    def address(self) -> Address:
        """Where it listens."""
        host, port = self._transport.get_extra_info("sockname")[:2]
        return Address(host, port)

    def send(self, packet: bytes, port: int, host: str = "127.0.0.1") -> None:
        """Send to a port of the relay."""
        self._transport.sendto(packet, (host, port))

    async def receive(self) -> tuple[bytes, Address]:
        """Return the next packet and its source."""
        return await asyncio.wait_for(self.received.get(), 5)

    async def receive_packet(self) -> bytes:
        """Return the next packet."""
        return (await self.receive())[0]

    def close(self) -> None:
        """Close the port."""
        self._transport.close()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.put_nowait((data, Address(*addr[:2])))
