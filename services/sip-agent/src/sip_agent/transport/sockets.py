"""The agent's sockets: one port for UDP and TCP, another for TLS, over IPv4, IPv6 or both."""

import asyncio
import socket
from dataclasses import dataclass

import structlog

from shared.tasks import Tasks
from sip_agent.core.events import Flow
from sip_agent.core.host import read_address
from sip_agent.core.syntax.uri import host_and_port
from sip_agent.transport.endpoint import Endpoint
from sip_agent.transport.stream import Limits, StreamTransport
from sip_agent.transport.tls import Tls
from sip_agent.transport.udp import UdpTransport

_log = structlog.get_logger(__name__)

BIND_TRIES = 20
REFRESH_EVERY = 60.0  # how soon a renewed certificate counts


@dataclass(frozen=True)
class Listening:
    """Where others reach us. `host` is of IPv4, or a name, unless there is IPv6 alone; `host6` is "" without IPv6."""

    host: str
    host6: str
    port: int
    tls_port: int

    def sent_by(self, flow: Flow) -> tuple[str, int]:
        """Host and port for the Via of what goes over a flow (RFC 3261 §18.1.1)."""
        host = self.host6 if ":" in flow.host and self.host6 else self.host
        return host, self.tls_port if flow.transport == "tls" else self.port

    def address(self, transport: str = "", is_ipv6: bool = False) -> str:
        """`host:port` for a Contact."""
        host = self.host6 if is_ipv6 and self.host6 else self.host
        return host_and_port(host, self.tls_port if transport == "tls" else self.port)


class Sockets:
    """Bytes between the sockets and the endpoint; what arrives before there is one is dropped."""

    def __init__(self, tls: Tls, limits: Limits) -> None:
        self._tls_files = tls
        self._udp: dict[bool, UdpTransport] = {}  # by whether it is of IPv6
        self._streams = {
            "tcp": StreamTransport(self._data, self._failed, limits),
            "tls": StreamTransport(self._data, self._failed, limits, tls),
        }
        self._tasks = Tasks("sockets")
        self._endpoint: Endpoint | None = None
        self.port = 0
        self.tls_port = 0

    @classmethod
    async def bind(cls, host: str, port: int, tls_port: int, tls: Tls, limits: Limits) -> "Sockets":
        """Open all; with port 0 the system's choice for the first UDP socket is tried for the others.

        `::` is every address of IPv6 and of IPv4. TLS is taken only where there is a certificate.
        """
        hosts = ["::", "0.0.0.0"] if host == "::" else [host]
        for attempt in range(BIND_TRIES):
            sockets = cls(tls, limits)
            try:
                await sockets._bind(hosts, port, tls_port)
            except OSError:
                await sockets.aclose()
                if port or attempt == BIND_TRIES - 1:
                    raise
            else:
                break
        return sockets

    async def _bind(self, hosts: list[str], port: int, tls_port: int) -> None:
        for host in hosts:
            udp = await UdpTransport.bind(host, self.port or port, self._data, self._udp_failed)
            self._udp[":" in host] = udp
            self.port = udp.local_address[1]
            await self._streams["tcp"].listen(host, self.port)
            # Without a certificate it is only the port of Via and Contact, where peers find their connection by.
            self.tls_port = self.tls_port or tls_port
            if self._tls_files.has_certificate:
                await self._streams["tls"].listen(host, self.tls_port)
                self.tls_port = self._streams["tls"].local_address[1]
        self._tasks.spawn(self._refresh_certificate(), "certificate")

    def attach(self, endpoint: Endpoint) -> None:
        """Join the endpoint to the sockets."""
        self._endpoint = endpoint
        endpoint.attach(self)

    def send(self, data: bytes, flow: Flow) -> None:
        """Send bytes by the flow's transport."""
        if flow.transport != "udp":
            self._streams[flow.transport].send(data, flow)
        elif (udp := self._udp.get(":" in flow.host)) is not None:
            udp.send(data, flow)
        else:
            self._failed(flow, "no socket of that address family")

    def open(self, flow: Flow, within: float) -> None:
        """Open a connection if there is none, in less time than usual."""
        self._streams[flow.transport].open(flow, within)

    def reuse(self, flow: Flow) -> Flow:
        """The flow to send over for a place."""
        return self._streams[flow.transport].reuse(flow) if flow.reliable else flow

    def has(self, flow: Flow) -> bool:
        """Whether there is a connection."""
        return flow.reliable and self._streams[flow.transport].has(flow)

    def close_flow(self, flow: Flow) -> None:
        """Close a connection."""
        self._streams[flow.transport].close(flow, "bad stream")

    def drop_flow(self, flow: Flow, reason: str) -> None:
        """Give up a connection."""
        self._streams[flow.transport].drop(flow, reason)

    async def aclose(self) -> None:
        """Close everything."""
        self._endpoint = None
        await self._tasks.aclose()
        for stream in self._streams.values():
            await stream.aclose()
        for udp in self._udp.values():
            await udp.aclose()

    async def _refresh_certificate(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_EVERY)
            try:
                if self._tls_files.refresh():
                    _log.info("certificate renewed")
            except OSError as error:  # half written: the next round sees the rest
                _log.warning("certificate not renewed", error=str(error))

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


def reachable(bound: str, advertised: str) -> tuple[str, str]:
    """Return what Contact and Via name by IPv4, or a name, and by IPv6, for a host that is bound."""
    if bound not in ("::", "0.0.0.0", ""):
        return advertised or bound, bound if ":" in bound else ""
    host6 = own_address(socket.AF_INET6) if bound == "::" else ""
    host = own_address(socket.AF_INET)
    has_ipv4_alone = host6 in ("", "::1")
    return advertised or (host if host != "127.0.0.1" or has_ipv4_alone else host6), host6


def families(bound: str) -> tuple[socket.AddressFamily, ...]:
    """Return what a host that is bound can send to."""
    if bound == "::":
        return socket.AF_INET6, socket.AF_INET
    return (socket.AF_INET6,) if ":" in bound else (socket.AF_INET,)


def is_local(host: str) -> bool:
    """Whether a host is an address of this machine's, where nobody else can have our port; a name tells nothing."""
    address = read_address(host)
    if address is None:
        return False
    with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
        return True


def own_address(family: socket.AddressFamily = socket.AF_INET) -> str:
    """Return the source address of the default route, or loopback where there is none."""
    is_ipv4 = family is socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1" if is_ipv4 else "2001:db8::1", 9))  # sends nothing: the kernel chooses a route
        except OSError:
            return "127.0.0.1" if is_ipv4 else "::1"
        return str(probe.getsockname()[0])
