"""The data path of a media-relay: what the service tells it, and what it tells the service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .core.counters import Counters
from .core.plan import IceCredentials, SessionPlan

FailureReason = Literal["fingerprint", "dtls", "consent", "ice", "closed"]


@dataclass(frozen=True)
class Connected:
    """The browser's DTLS handshake is done, with the certificate that its SDP named."""

    media_id: str


@dataclass(frozen=True)
class Failed:
    """The browser's side is lost for good; nothing is sent to it any more, the session is still to be released."""

    media_id: str
    reason: FailureReason


DataPathEvent = Connected | Failed


@dataclass(frozen=True)
class Allocation:
    """What a new session's SDP needs."""

    ice: IceCredentials  # ours
    ports: tuple[tuple[int, int], ...]  # (RTP, RTCP) on the SIP side, one pair a stream


@dataclass(frozen=True)
class PortUse:
    """How many port pairs stand where."""

    used: int
    free: int
    quarantined: int


@dataclass(frozen=True)
class DataPathStats:
    """For the metrics."""

    totals: Counters  # of all sessions, past ones too
    sessions: Mapping[str, Counters]  # of the living ones
    ports: PortUse


class DataPath:
    """All media sessions of the process. Verbs are synchronous; `on_event` is called from the event loop, never
    from inside a verb."""

    browser_port: int
    fingerprint: str  # sha-256 of this process's DTLS certificate, "AB:CD:.."

    @classmethod
    async def open(
        cls,
        *,
        browser_host: str,
        browser_port: int = 0,
        rtp_host: str,
        port_range: tuple[int, int],
        quarantine_seconds: float = 5.0,
        on_event: Callable[[DataPathEvent], None],
    ) -> "DataPath":
        """Bind the browser port (0: any) and start. `port_range` is inclusive."""
        raise NotImplementedError

    def allocate(self, media_id: str, stream_count: int) -> Allocation:
        """Make a session; raise `RemoteError` 503 if no port pair is left."""
        raise NotImplementedError

    def apply(self, media_id: str, plan: SessionPlan) -> None:
        """Set or replace the session's plan; raise `RemoteError` 481 if there is no such session."""
        raise NotImplementedError

    def release(self, media_id: str) -> None:
        """End the session; one that is not there is no error."""
        raise NotImplementedError

    def stats(self) -> DataPathStats:
        """Return the counters as they stand."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """End all sessions and close all sockets."""
        raise NotImplementedError
