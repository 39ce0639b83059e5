"""What a session without a browser has in its place: the SIP side of another one, or nobody."""

from typing import Protocol

from ...core.allowance import Allowance
from ...core.counters import Drop
from ...core.packet import rtp

# Where other relays or servers lead back to us what we send, each packet goes round until it is one too many.
_MOST_PER_SECOND = 1000.0  # ten times what a call of 10 ms packets has


class HeadlessSession(Protocol):
    """What its partner needs of a session."""

    def drop(self, reason: Drop) -> None:
        """Count a packet that it does not get."""

    def receive_partner_rtp(self, header: rtp.RtpHeader, packet: bytes, now: float) -> None:
        """Take RTP, in the clear, as the browser would have sent it."""

    def receive_partner_rtcp(self, sender: int, packet: bytes, now: float) -> None:
        """Take RTCP likewise."""


class Partner:
    """One end of the tie between two sessions; each has its own."""

    def __init__(self, session: HeadlessSession) -> None:
        self._session = session
        self._other: Partner | None = None
        self._allowance = Allowance()

    def join(self, other: "Partner") -> None:
        """Let each be the other's browser."""
        self.part()
        other.part()
        self._other, other._other = other, self

    def part(self) -> None:
        """Let nobody be it, at both ends."""
        other, self._other = self._other, None
        if other is not None:
            other._other = None

    def give_rtp(self, packet: bytes, now: float) -> bool:
        """Give it what the SIP side sent, in a browser's numbers; return whether there is one."""
        header = rtp.parse(packet)
        if self._other is None or header is None or not self._other._may_take(now):
            return False
        self._other._session.receive_partner_rtp(header, packet, now)
        return True

    def give_rtcp(self, sender: int, packet: bytes, now: float) -> None:
        """Give it RTCP likewise."""
        if self._other is not None and self._other._may_take(now):
            self._other._session.receive_partner_rtcp(sender, packet, now)

    def _may_take(self, now: float) -> bool:
        may = self._allowance.take(_MOST_PER_SECOND, _MOST_PER_SECOND, now)
        if not may:
            self._session.drop(Drop.TOO_MANY)
        return may
