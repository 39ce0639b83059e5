"""SIP over TCP or TLS: a listener and the connections, incoming or opened on demand (RFC 3261 §18.1.1, §18.2.2).

There is one connection to a place, used both ways (RFC 5923); over TLS one for each name that the peer has proven to
be, for it is trusted under that name alone (RFC 5922 §4).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from shared.tasks import Tasks
from sip_agent.core.certificate import is_for
from sip_agent.core.events import Flow
from sip_agent.core.host import is_host
from sip_agent.metrics import CONNECTIONS
from sip_agent.transport.connection import Connection
from sip_agent.transport.tls import Tls

OnData = Callable[[bytes, Flow], None]
OnClosed = Callable[[Flow, str], None]

_log = structlog.get_logger(__name__)

CONNECT_TIMEOUT = 5.0
HANDSHAKE_TIMEOUT = 10.0
RECENT = 10.0  # a connection used since then is not closed to make room


@dataclass(frozen=True)
class Limits:
    """Connections unused for `idle` seconds are closed; beyond `most`, or of one address, the one unused longest is."""

    idle: float = 300.0
    most: int = 4096
    most_of_address: int = 512


class StreamTransport:
    """All connections by their flow. `on_closed` tells of each that ends or could not be opened, and why."""

    def __init__(
        self,
        on_data: OnData,
        on_closed: OnClosed,
        limits: Limits | None = None,
        tls: Tls | None = None,
    ) -> None:
        self._kind: Literal["tcp", "tls"] = "tcp" if tls is None else "tls"
        self._tls = tls
        self._on_data = on_data
        self._on_closed = on_closed
        self._limits = limits or Limits()
        self._loop = asyncio.get_running_loop()
        self._connections: OrderedDict[Flow, Connection] = OrderedDict()  # the one unused longest first
        self._of_address: dict[str, set[Connection]] = {}  # those from outside
        self._proven: OrderedDict[tuple[str, int], str] = OrderedDict()  # the name that was last verified at an address
        self._servers: list[asyncio.Server] = []
        self._tasks = Tasks(self._kind)
        self._all_ended = asyncio.Event()
        self._all_ended.set()
        self._tasks.spawn(self._close_idle(), "idle")

    async def listen(self, host: str, port: int) -> None:
        """Take connections; port 0 lets the system choose."""
        options: dict[str, Any] = {}
        if self._tls is not None:
            options = {"ssl": self._tls.server, "ssl_handshake_timeout": HANDSHAKE_TIMEOUT}
        server = await self._loop.create_server(lambda: Connection(self, None), host, port, **options)
        self._servers.append(server)

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def local_address(self) -> tuple[str, int]:
        """Host and port of the first listener."""
        host, port, *_ = self._servers[0].sockets[0].getsockname()
        return host, port

    def has(self, flow: Flow) -> bool:
        """Whether there is a connection, or one that is being opened."""
        return flow in self._connections

    def reuse(self, flow: Flow) -> Flow:
        """The flow to send over for a place: the one itself, or what is known at that address.

        A proxy that names itself by its address in Record-Route or Contact has a certificate of its domain all the
        same: it is believed where it has proven that name (RFC 5923 §8.1 compares addresses, too).
        """
        name = self._proven.get((flow.host, flow.port))
        if name is None or flow.certified != flow.host or flow in self._connections:
            return flow
        return flow._replace(certified=name)

    def send(self, data: bytes, flow: Flow) -> None:
        """Send on the connection of that flow; open it when there is none."""
        self.open(flow, CONNECT_TIMEOUT)
        self._connections[flow].send(data)

    def open(self, flow: Flow, within: float) -> None:
        """Begin to connect if there is no connection."""
        if flow not in self._connections:
            if len(self._connections) >= self._limits.most:
                self._give_way(next(iter(self._connections.values())))  # or one more: these are our own doing
            self._take_in(Connection(self, flow), flow)
            self._tasks.spawn(self._connect(flow, self._connections[flow], within), "connect")

    def close(self, flow: Flow, reason: str) -> None:
        """Close a connection once what waits in it is sent."""
        connection = self._connections.get(flow)
        if connection is not None:
            connection.close(reason)

    def drop(self, flow: Flow, reason: str) -> None:
        """Give up a connection."""
        connection = self._connections.get(flow)
        if connection is not None:
            connection.abort(reason)

    async def aclose(self) -> None:
        """Stop listening, close every connection and wait until they are."""
        for server in self._servers:
            server.close()
        await self._tasks.aclose()
        for connection in list(self._connections.values()):
            connection.abort("closed by us")
        await self._all_ended.wait()

    # -- for the connections

    def now(self) -> float:
        """The loop's clock."""
        return self._loop.time()

    def used(self, connection: Connection) -> None:
        """Take note that something went over a connection."""
        connection.used_at = self.now()
        if connection.flow is not None and connection.flow in self._connections:
            self._connections.move_to_end(connection.flow)

    def received(self, data: bytes, flow: Flow) -> None:
        """Pass bytes on."""
        self._on_data(data, flow)

    def admits(self, connection: Connection, socket: asyncio.Transport) -> bool:
        """Whether a connection that is open now is wanted."""
        if connection.flow is not None:
            return self._is_expected(connection, connection.flow, socket)
        host, port, *_ = socket.get_extra_info("peername")
        if not self._has_room(host):
            _log.warning("connection refused", transport=self._kind, host=host, live=len(self))
            return False
        connection.flow = Flow(self._kind, host, port)
        former = self._connections.get(connection.flow)
        if former is not None:  # its peer connects from the port that it listens on: the two could not be told apart
            former.abort("replaced by another")
            self.ended(former)
        self._of_address.setdefault(host, set()).add(connection)
        self._take_in(connection, connection.flow)
        return True

    def ended(self, connection: Connection) -> None:
        """Forget a connection and tell why it ended."""
        flow = connection.flow
        if flow is None or self._connections.get(flow) is not connection:  # never taken in, or given up before
            return
        del self._connections[flow]
        CONNECTIONS.labels(self._kind).dec()
        neighbours = self._of_address.get(flow.host)
        if neighbours is not None:
            neighbours.discard(connection)
            if not neighbours:
                del self._of_address[flow.host]
        if not self._connections:
            self._all_ended.set()
        self._on_closed(flow, connection.reason)

    def _is_expected(self, connection: Connection, flow: Flow, socket: asyncio.Transport) -> bool:
        if self._connections.get(flow) is not connection:  # given up while it opened
            return False
        if self._tls is not None and not is_for(_certificate(socket), flow.certified):
            _log.warning("certificate of another", host=flow.host, port=flow.port, wanted=flow.certified)
            connection.reason = f"certificate is not of {flow.certified}"
            return False
        if self._tls is not None:
            self._proven.pop((flow.host, flow.port), None)
            self._proven[flow.host, flow.port] = flow.certified
            if len(self._proven) > self._limits.most:
                self._proven.popitem(last=False)
        return True

    def _take_in(self, connection: Connection, flow: Flow) -> None:
        self._connections[flow] = connection
        self._all_ended.clear()
        CONNECTIONS.labels(self._kind).inc()

    def _has_room(self, host: str) -> bool:
        """Whether one more may come from `host`; the one unused longest is closed for it."""
        neighbours = self._of_address.get(host, ())
        if len(neighbours) >= self._limits.most_of_address:
            return self._give_way(min(neighbours, key=lambda connection: connection.used_at))
        if len(self._connections) >= self._limits.most:
            return self._give_way(next(iter(self._connections.values())))
        return True

    def _give_way(self, oldest: Connection) -> bool:
        if oldest.used_at > self.now() - RECENT:
            return False
        oldest.abort("made room")
        return True

    async def _connect(self, flow: Flow, connection: Connection, within: float) -> None:
        options: dict[str, Any] = {}
        if self._tls is not None:
            name = flow.certified or flow.host
            if not is_host(name):  # what is to be certified may come from a Via, and `ssl` raises for "a..b"
                connection.abort(f"no host can be certified as {name}")
                return
            options = {"ssl": self._tls.client, "server_hostname": name}
        try:
            async with asyncio.timeout(within):
                await self._loop.create_connection(lambda: connection, flow.host, flow.port, **options)
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            _log.info("connection failed", transport=self._kind, host=flow.host, port=flow.port, error=str(error))
            connection.abort(str(error) or "connection timed out")

    async def _close_idle(self) -> None:
        while True:
            await asyncio.sleep(self._limits.idle / 2)
            limit = self.now() - self._limits.idle
            for connection in list(self._connections.values()):
                if connection.used_at >= limit:
                    break
                # Not `close`, which waits for ever for a peer that reads nothing.
                connection.abort("idle")


def _certificate(socket: asyncio.Transport) -> Mapping[str, Any]:
    return socket.get_extra_info("peercert") or {}
