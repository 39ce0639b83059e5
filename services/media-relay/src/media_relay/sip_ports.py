"""Bound RTP and RTCP port pairs for sessions, out of the configured range."""

import errno
from collections.abc import Mapping

import structlog

from shared.errors import RemoteError

from . import sockets
from .core.plan import Address
from .core.ports import PortPool, PortUse
from .forwarding.forwarder import StreamSockets

_log = structlog.get_logger(__name__)

# A pair of which somebody else holds a port is passed over; so many in one command, and it is refused.
_MAX_ATTEMPTS = 64


class SipPorts:
    """Takes pairs from the pool and binds them: all that a session needs, or none."""

    def __init__(self, host: str, pool: PortPool) -> None:
        self.ip_version = 6 if ":" in host else 4
        self._host = host
        self._pool = pool

    def bind(self, count: int, now: float) -> dict[int, StreamSockets]:
        """Return sockets by RTP port; raise `RemoteError` 503 if there are not so many."""
        bound: dict[int, StreamSockets] = {}
        try:
            while len(bound) < count:
                port, pair = self._bind_one(now)
                bound[port] = pair
        except RemoteError:
            self.give_back(bound, now)
            raise
        return bound

    def give_back(self, bound: Mapping[int, StreamSockets], now: float) -> None:
        """Close sockets that nobody has used, and put their pairs to rest."""
        for port, pair in bound.items():
            pair.rtp.close()
            pair.rtcp.close()
            self._pool.release(port, now, pair.barred)

    def release(self, port: int, now: float, strays: frozenset[Address]) -> None:
        """Put a pair, whose sockets are closed, to rest."""
        self._pool.release(port, now, strays)

    def use(self, now: float) -> PortUse:
        """Return how many pairs stand where."""
        return self._pool.use(now)

    def _bind_one(self, now: float) -> tuple[int, StreamSockets]:
        for _ in range(_MAX_ATTEMPTS):
            port = self._pool.acquire(now)
            if port is None:
                break
            try:
                rtp, rtcp = sockets.bind_pair(self._host, port)
            except OSError as error:
                self._pool.release(port, now, self._pool.strays(port))
                _log.warning("cannot bind a port pair", port=port, error=str(error))
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    break  # no more descriptors, or no such address: another port would not help
            else:
                return port, StreamSockets(rtp, rtcp, self._pool.strays(port))
        raise RemoteError(503, "No Media Ports")
