"""SIP over UDP: one socket (RFC 3261 §18)."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from sip_agent.core.events import Flow

OnData = Callable[[bytes, Flow], None]
OnError = Callable[[Flow | None, str], None]


class UdpTransport(asyncio.DatagramProtocol):
    """One bound socket. `on_data` gets every datagram; `on_error` gets what the system says of an earlier one.

    The system does not say which datagram an ICMP error is about, so the flow is None then: requests that are lost
    are found by their timers.
    """

    def __init__(self, on_data: OnData, on_error: OnError) -> None:
        self._on_data = on_data
        self._on_error = on_error
        self._socket: asyncio.DatagramTransport | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def bind(cls, host: str, port: int, on_data: OnData, on_error: OnError) -> "UdpTransport":
        """Open the socket; port 0 lets the system choose."""
        loop = asyncio.get_running_loop()
        bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            bound.setblocking(False)
            if bound.family is socket.AF_INET6:
                # IPv4 has a socket of its own, so that no address is ever written in two ways.
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind((host, port))
            _, transport = await loop.create_datagram_endpoint(lambda: cls(on_data, on_error), sock=bound)
        except BaseException:
            bound.close()
            raise
        return transport

    @property
    def local_address(self) -> tuple[str, int]:
        """Host and port that the socket is bound to."""
        assert self._socket is not None, "bind() has returned"
        host, port, *_ = self._socket.get_extra_info("sockname")
        return host, port

    def send(self, data: bytes, flow: Flow) -> None:
        """Send one datagram; what cannot be sent at all is reported, not raised."""
        if self._socket is None or self._socket.is_closing():
            self._on_error(flow, "socket closed")
            return
        try:
            self._socket.sendto(data, (flow.host, flow.port))
        except (OSError, ValueError) as error:
            # A host that is no address, or a datagram beyond 64 kB: the loop raises where asyncio would report later.
            self._on_error(flow, str(error))

    async def aclose(self) -> None:
        """Close the socket and wait until it is."""
        if self._socket is not None:
            self._socket.close()
            await self._closed

    def connection_made(self, transport: Any) -> None:
        self._socket = transport

    def connection_lost(self, error: Exception | None) -> None:
        if not self._closed.done():
            self._closed.set_result(None)

    def datagram_received(self, data: bytes, address: tuple[str | Any, int]) -> None:
        self._on_data(data, Flow("udp", address[0], address[1]))

    def error_received(self, error: Exception) -> None:
        self._on_error(None, str(error))
