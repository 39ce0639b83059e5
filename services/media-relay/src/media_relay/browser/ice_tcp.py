"""Browsers without UDP: ICE over TCP, passive (RFC 6544), with the framing of RFC 4571.

A connection is made a browser like any other: it gets a UDP socket of its own, on loopback, to a browser socket of the
data path that only loopback reaches. So the forwarder sees datagrams of one more source, which must prove itself by
checks as all do, and whatever is late for a slow connection is dropped, as a full queue of UDP would. What a check's
answer tells it of itself is its end of the connection, though: Chromium drops one whose own address it has never seen.
"""

import asyncio
import socket
from collections.abc import Sequence
from typing import cast

import structlog

from ..core.packet.framing import Deframer, frame
from ..core.plan import Address

_log = structlog.get_logger(__name__)

LOOPBACK = "127.0.0.1"
MAX_CONNECTIONS = 1024
QUIET_SECONDS = 30.0  # the data path answers checks, which come more often; RFC 7675 gives consent as long
_LONGEST = 2048  # as the sockets read
_MOST_UNSENT = 256 * 1024  # a second of video
_BUDGET = 32  # datagrams a turn


class IceTcp:
    """The listening sockets, and the connections that were made to them."""

    def __init__(self, relay: Address) -> None:
        self._relay = relay
        self._servers: list[asyncio.Server] = []
        self._connections: dict[_Connection, None] = {}  # the oldest first
        self._senders: dict[Address, Address] = {}  # who is behind a source of datagrams

    @classmethod
    async def open(cls, hosts: Sequence[str], port: int, relay: Address) -> "IceTcp":
        """Listen on a port of each host: all or, with OSError, none. `relay` is the data path's socket on loopback."""
        made = cls(relay)
        try:
            for host in hosts:
                made._servers.append(await asyncio.get_running_loop().create_server(made._connection, host, port))
        except OSError:
            await made.aclose()
            raise
        return made

    async def aclose(self) -> None:
        """Close all of them."""
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.close()
        for server in self._servers:
            await server.wait_closed()

    def sender(self, source: Address) -> Address | None:
        """Return the browser's end of the connection whose datagrams have this source, None if none has."""
        return self._senders.get(source)

    def _connection(self) -> "_Connection":
        return _Connection(self)

    def admit(self, connection: "_Connection") -> Address | None:
        """Take a connection, and return where its datagrams go; None: there are too many.

        Whom the data path has never answered makes room: that is all that a flood of connections gets.
        """
        if len(self._connections) >= MAX_CONNECTIONS:
            stranger = next((each for each in self._connections if not each.is_proved), None)
            if stranger is None:
                return None
            stranger.close()
        self._connections[connection] = None
        return self._relay

    def name(self, source: Address, sender: Address) -> None:
        """Its datagrams have a source now."""
        self._senders[source] = sender

    def forget(self, connection: "_Connection") -> None:
        """It is closed."""
        self._connections.pop(connection, None)
        if connection.source is not None:
            self._senders.pop(connection.source, None)


class _Connection(asyncio.Protocol):
    """One browser's."""

    def __init__(self, owner: IceTcp) -> None:
        self.is_proved = False  # the data path has answered
        self.source: Address | None = None  # of its datagrams
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._deframer = Deframer(_LONGEST)
        self._udp: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be a source of datagrams."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's, which the service has, is none by its class
        peer = self._transport.get_extra_info("peername")
        if peer is None:  # gone before it was taken: uvloop's transport does not know who it was
            self.close()
            return
        relay = self._owner.admit(self)
        if relay is None:
            _log.warning("too many browsers over tcp", most=MAX_CONNECTIONS)
            self.close()
            return
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setblocking(False)
        self._udp.connect(relay)
        self.source = Address(*self._udp.getsockname()[:2])
        self._owner.name(self.source, Address(*peer[:2]))
        self._loop.add_reader(self._udp, self._read_udp)
        self._timer = self._loop.call_later(QUIET_SECONDS, self._check_quiet)

    def data_received(self, data: bytes) -> None:
        """Pass on the datagrams that are whole."""
        try:
            for datagram in self._deframer.feed(data):
                self._pass_on(datagram)
        except ValueError as error:
            _log.info("a browser over tcp breaks the framing", error=str(error))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give everything back."""
        self.close()

    def close(self) -> None:
        """End the connection, from either side; once is enough."""
        self._owner.forget(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._udp is not None:
            self._loop.remove_reader(self._udp)
            self._udp.close()
            self._udp = None
        self._transport.abort()

    def _pass_on(self, datagram: bytes) -> None:
        if self._udp is None:
            return
        try:
            self._udp.send(datagram)
        except OSError as error:  # full, or the relay ends: UDP may lose it anyway
            _log.debug("a datagram of a browser over tcp is lost", error=str(error))

    def _read_udp(self) -> None:
        for _ in range(_BUDGET):
            if self._udp is None:
                return
            try:
                datagram = self._udp.recv(_LONGEST)
            except OSError:  # empty; or an ICMP error, which the next turn reads on after
                return
            self.is_proved = True
            self._heard_at = self._loop.time()
            if self._transport.get_write_buffer_size() < _MOST_UNSENT:
                self._transport.write(frame(datagram))

    def _check_quiet(self) -> None:
        quiet_until = self._heard_at + QUIET_SECONDS
        if quiet_until <= self._loop.time():
            self.close()
        else:
            self._timer = self._loop.call_at(quiet_until, self._check_quiet)
