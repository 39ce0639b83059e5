"""Which pages may connect, and how many sockets each host may have: in all, and before it has logged in."""

from collections.abc import Sequence

import structlog

from shared.errors import LocalError

from .core.hosts import HalfOpen, Proxies, Shares, host_of
from .settings import Settings

_log = structlog.get_logger(__name__)

PROXY = ""  # stands for the host of a connection whose client is not known yet


class Visit:
    """One socket that was let in."""

    __slots__ = ("has_logged_in", "host")

    def __init__(self, host: str) -> None:
        self.host = host
        self.has_logged_in = False


class Admission:
    """Decides under one pod's settings."""

    def __init__(self, settings: Settings) -> None:
        try:
            self._proxies = Proxies(settings.trusted_proxies)
        except ValueError as error:
            raise LocalError(f"CORDBOARD_SIGNALING_TRUSTED_PROXIES: {error}") from error
        self._has_warned = False
        self._origins = frozenset(origin.lower().rstrip("/") for origin in settings.origins)
        self._sockets = Shares(settings.capacity, settings.capacity_of_host)
        self._strangers = Shares(settings.max_unauthenticated, settings.max_unauthenticated_of_host)
        self.half_open: HalfOpen[object] = HalfOpen(settings.max_half_open, settings.max_half_open_of_host)

    @property
    def strangers(self) -> int:
        """How many sockets have not logged in."""
        return len(self._strangers)

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may connect (RFC 6455 §10.2)."""
        return not self._origins or origin.lower() in self._origins

    def host_of_peer(self, peer: str) -> str:
        """Return the host of a connection that has said nothing yet."""
        return PROXY if self._proxies.trusts(peer) else host_of(peer)

    def host_of_client(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """Return the host of the page, which a proxy may stand before."""
        if forwarded_for and not self._has_warned and not self._proxies.trusts(peer):
            self._has_warned = True
            _log.warning(
                "X-Forwarded-For of a peer outside CORDBOARD_SIGNALING_TRUSTED_PROXIES is not believed: if it is your"
                " load balancer, all pages count as one host",
                peer=peer,
            )
        return host_of(self._proxies.client(peer, forwarded_for))

    def refusal(self, host: str) -> str:
        """Say why there is no room for one more of this host, "" if there is."""
        for shares, what in ((self._strangers, " that have not logged in"), (self._sockets, "")):
            if shares.is_used_up_by(host):
                return f"too many sockets of one host{what}"
        if self._strangers.is_used_up:
            return "too many sockets that have not logged in"
        return "at capacity" if self._sockets.is_used_up else ""

    def enter(self, host: str) -> Visit:
        """Let a socket in."""
        self._sockets.take(host)
        self._strangers.take(host)
        return Visit(host)

    def log_in(self, visit: Visit) -> None:
        """It is a stranger no more."""
        if not visit.has_logged_in:
            visit.has_logged_in = True
            self._strangers.give_back(visit.host)

    def leave(self, visit: Visit) -> None:
        """It is gone."""
        self._sockets.give_back(visit.host)
        if not visit.has_logged_in:
            self._strangers.give_back(visit.host)
