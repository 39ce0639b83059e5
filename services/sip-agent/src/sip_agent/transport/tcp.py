"""SIP over TCP: a listener and the connections, incoming or opened on demand (RFC 3261 §18.1.1, §18.2.2)."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from shared.tasks import Tasks
from sip_agent.core.events import Flow

OnData = Callable[[bytes, Flow], None]
OnClosed = Callable[[Flow, str], None]

_log = structlog.get_logger(__name__)

CONNECT_TIMEOUT = 5.0
# What may wait for a connection to open or for a peer that does not read: then the connection is given up.
MAX_QUEUED = 256 * 1024
MAX_CONNECTIONS = 4096


class _Connection(asyncio.Protocol):
    """One connection, from the wish for it to its end."""

    def __init__(self, owner: "TcpTransport", flow: Flow | None) -> None:
        self._owner = owner
        self._queued = bytearray()
        self._socket: asyncio.Transport | None = None
        self.flow = flow
        self.used_at = owner.now()
        self.reason = "closed by peer"

    def send(self, data: bytes) -> None:
        self.used_at = self._owner.now()
        if self._socket is None:
            self._queued += data
            waiting = len(self._queued)
        else:
            self._socket.write(data)
            waiting = self._socket.get_write_buffer_size()
        if waiting > MAX_QUEUED:
            self.abort("peer does not read")

    def abort(self, reason: str) -> None:
        """Drop the connection and what waits in it."""
        self.reason = reason
        if self._socket is not None:
            self._socket.abort()
        else:
            self._owner.ended(self)

    def close(self, reason: str) -> None:
        """Send what waits, then close."""
        self.reason = reason
        if self._socket is not None:
            self._socket.close()

    def connection_made(self, transport: Any) -> None:
        self._socket = transport
        if self._owner.gave_up(self):
            transport.abort()
            return
        if self.flow is None:
            if self._owner.is_full:
                transport.abort()
                return
            host, port, *_ = transport.get_extra_info("peername")
            self.flow = Flow("tcp", host, port)
            self._owner.accepted(self)
        if self._queued:
            transport.write(bytes(self._queued))
            self._queued.clear()

    def data_received(self, data: bytes) -> None:
        self.used_at = self._owner.now()
        assert self.flow is not None, "set when the connection was made"
        self._owner.on_data(data, self.flow)

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self.reason = str(error)
        self._owner.ended(self)


class TcpTransport:
    """All connections by remote address. `on_closed` tells of each that ends or could not be opened, and why."""

    def __init__(self, on_data: OnData, on_closed: OnClosed, idle: float, most: int) -> None:
        self.on_data = on_data
        self._on_closed = on_closed
        self._idle = idle
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._connections: dict[Flow, _Connection] = {}
        self._server: asyncio.Server | None = None
        self._tasks = Tasks("tcp")
        self._all_ended = asyncio.Event()
        self._all_ended.set()

    @classmethod
    async def bind(
        cls,
        host: str,
        port: int,
        on_data: OnData,
        on_closed: OnClosed,
        idle: float = 300.0,
        most: int = MAX_CONNECTIONS,
    ) -> "TcpTransport":
        """Listen; port 0 lets the system choose. Connections unused for `idle` seconds are closed.

        Beyond `most` connections, those from outside are refused.
        """
        self = cls(on_data, on_closed, idle, most)
        self._server = await self._loop.create_server(lambda: _Connection(self, None), host, port)
        self._tasks.spawn(self._close_idle(), "idle")
        return self

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def local_address(self) -> tuple[str, int]:
        """Host and port of the listener."""
        assert self._server is not None, "bind() has returned"
        host, port, *_ = self._server.sockets[0].getsockname()
        return host, port

    def send(self, data: bytes, flow: Flow) -> None:
        """Send on the connection with that remote address; open it when there is none."""
        connection = self._connections.get(flow)
        if connection is None:
            connection = self._connections[flow] = _Connection(self, flow)
            self._all_ended.clear()
            self._tasks.spawn(self._connect(connection, flow), "connect")
        connection.send(data)

    def close(self, flow: Flow, reason: str) -> None:
        """Close a connection once what waits in it is sent."""
        connection = self._connections.get(flow)
        if connection is not None:
            connection.close(reason)

    async def aclose(self) -> None:
        """Stop listening, close every connection and wait until they are."""
        if self._server is not None:
            self._server.close()
        await self._tasks.aclose()
        for connection in list(self._connections.values()):
            connection.abort("closed by us")
        await self._all_ended.wait()

    def now(self) -> float:
        """The loop's clock."""
        return self._loop.time()

    @property
    def is_full(self) -> bool:
        """Whether no more connections from outside are taken."""
        return len(self._connections) >= self._most

    def accepted(self, connection: _Connection) -> None:
        """Take in a connection from outside."""
        assert connection.flow is not None, "the peer's address is known"
        self._connections[connection.flow] = connection
        self._all_ended.clear()

    def gave_up(self, connection: _Connection) -> bool:
        """Whether a connection that opens now was given up before."""
        return connection.flow is not None and self._connections.get(connection.flow) is not connection

    def ended(self, connection: _Connection) -> None:
        """Forget a connection and tell why it ended."""
        if connection.flow is None:  # never taken in
            return
        if self._connections.get(connection.flow) is connection:
            del self._connections[connection.flow]
            if not self._connections:
                self._all_ended.set()
            self._on_closed(connection.flow, connection.reason)

    async def _connect(self, connection: _Connection, flow: Flow) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await self._loop.create_connection(lambda: connection, flow.host, flow.port)
        except (OSError, TimeoutError) as error:
            _log.info("connection failed", host=flow.host, port=flow.port, error=str(error))
            connection.abort(str(error) or "connection timed out")

    async def _close_idle(self) -> None:
        while True:
            await asyncio.sleep(self._idle / 2)
            limit = self.now() - self._idle
            for connection in list(self._connections.values()):
                if connection.used_at < limit:
                    # Not `close`, which waits for ever for a peer that reads nothing.
                    connection.abort("idle")
