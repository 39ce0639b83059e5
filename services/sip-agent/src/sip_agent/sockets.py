"""The agent's sockets: one UDP port and one TCP listener with the same number."""

import asyncio

from sip_agent.core.events import Flow
from sip_agent.endpoint import Endpoint
from sip_agent.transport.tcp import TcpTransport
from sip_agent.transport.udp import UdpTransport

BIND_TRIES = 20


class Sockets:
    """Bytes between the sockets and the endpoint; what arrives before there is one is dropped."""

    def __init__(self) -> None:
        self._udp: UdpTransport | None = None
        self._tcp: TcpTransport | None = None
        self._endpoint: Endpoint | None = None
        self.port = 0

    @classmethod
    async def bind(cls, host: str, port: int) -> "Sockets":
        """Open both; with port 0 the system's choice for UDP is tried for TCP."""
        sockets = cls()
        for attempt in range(BIND_TRIES):
            udp = await UdpTransport.bind(host, port, sockets._data, sockets._udp_failed)
            try:
                sockets._tcp = await TcpTransport.bind(host, udp.local_address[1], sockets._data, sockets._failed)
            except OSError:
                await udp.aclose()
                if port or attempt == BIND_TRIES - 1:
                    raise
                continue
            sockets._udp, sockets.port = udp, udp.local_address[1]
            break
        return sockets

    def attach(self, endpoint: Endpoint) -> None:
        """Join the endpoint to the sockets."""
        self._endpoint = endpoint
        endpoint.attach(self)

    def send(self, data: bytes, flow: Flow) -> None:
        """Send bytes by the flow's transport."""
        transport = self._tcp if flow.transport == "tcp" else self._udp
        if transport is not None:
            transport.send(data, flow)

    def close_flow(self, flow: Flow) -> None:
        """Close a connection."""
        if self._tcp is not None:
            self._tcp.close(flow, "bad stream")

    async def aclose(self) -> None:
        """Close everything."""
        self._endpoint = None
        if self._tcp is not None:
            await self._tcp.aclose()
        if self._udp is not None:
            await self._udp.aclose()

    def _data(self, data: bytes, flow: Flow) -> None:
        if self._endpoint is not None:
            self._endpoint.receive_data(data, flow)

    def _udp_failed(self, flow: Flow | None, reason: str) -> None:
        # Without a flow it is an ICMP error about some earlier datagram: the timers find out whose.
        if flow is not None:
            self._failed(flow, reason)

    def _failed(self, flow: Flow, reason: str) -> None:
        # In its own turn: a send that fails at once must have returned to its caller first.
        if self._endpoint is not None:
            asyncio.get_running_loop().call_soon(self._endpoint.flow_failed, flow, reason)
