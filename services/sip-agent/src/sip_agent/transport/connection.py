"""One connection of TCP or TLS, from the wish for it to its end."""

import asyncio
from typing import Any, Protocol

from sip_agent.core.events import Flow

# What may wait for a connection to open or for a peer that does not read: then the connection is given up.
MAX_QUEUED = 256 * 1024


class ConnectionOwner(Protocol):
    """The transport that a connection belongs to."""

    def now(self) -> float:
        """The loop's clock."""

    def admits(self, connection: "Connection", socket: asyncio.Transport) -> bool:
        """Take in a connection that is open now, or say that it is not wanted."""

    def used(self, connection: "Connection") -> None:
        """Take note that something went over it."""

    def received(self, data: bytes, flow: Flow) -> None:
        """Take bytes."""

    def ended(self, connection: "Connection") -> None:
        """Forget it and tell why it ended."""


class Connection(asyncio.Protocol):
    """`flow` is None until a connection from outside is taken in."""

    def __init__(self, owner: ConnectionOwner, flow: Flow | None) -> None:
        self._owner = owner
        self._queued = bytearray()
        self._socket: asyncio.Transport | None = None
        self.flow = flow
        self.is_ours = flow is not None
        self.used_at = owner.now()
        self.reason = "closed by peer"

    def send(self, data: bytes) -> None:
        """Send, or keep until the connection is open."""
        self._owner.used(self)
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

    # -- asyncio's

    def connection_made(self, transport: Any) -> None:
        self._socket = transport
        if not self._owner.admits(self, transport):
            transport.abort()
            return
        if self._queued:
            transport.write(bytes(self._queued))
            self._queued.clear()

    def data_received(self, data: bytes) -> None:
        assert self.flow is not None, "set when the connection was taken in"
        self._owner.used(self)
        self._owner.received(data, self.flow)

    def pause_writing(self) -> None:
        # Who does not read our answers is not read from: each of its requests would make one more.
        if self._socket is not None:
            self._socket.pause_reading()

    def resume_writing(self) -> None:
        if self._socket is not None:
            self._socket.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self.reason = str(error)
        self._owner.ended(self)
