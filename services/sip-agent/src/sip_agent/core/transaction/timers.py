"""The timers of the transaction layer (RFC 3261 Appendix A, as changed by RFC 6026), in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """T1: estimated round trip; T2: longest pause between retransmissions; T4: how long a message may stay in the net.

    Timers that only wait for retransmissions to die out are zero over a reliable transport.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    trying: float = 0.2  # §17.2.1: after this a 100 is sent when the user has sent nothing

    @property
    def a(self) -> float:
        """First INVITE retransmission; doubles each time (§17.1.1.2)."""
        return self.t1

    @property
    def b(self) -> float:
        """INVITE client transaction gives up without any response (§17.1.1.2)."""
        return 64 * self.t1

    def d(self, reliable: bool) -> float:
        """INVITE client transaction answers retransmitted final responses with ACK (§17.1.1.2: at least 32 s)."""
        return 0.0 if reliable else 64 * self.t1

    @property
    def e(self) -> float:
        """First retransmission of another request; doubles up to T2 (§17.1.2.2)."""
        return self.t1

    @property
    def f(self) -> float:
        """Non-INVITE client transaction gives up (§17.1.2.2)."""
        return 64 * self.t1

    @property
    def g(self) -> float:
        """First retransmission of a final response other than 2xx to INVITE; doubles up to T2 (§17.2.1)."""
        return self.t1

    @property
    def h(self) -> float:
        """INVITE server transaction gives up waiting for ACK (§17.2.1)."""
        return 64 * self.t1

    def i(self, reliable: bool) -> float:
        """INVITE server transaction absorbs retransmitted ACKs (§17.2.1)."""
        return 0.0 if reliable else self.t4

    def j(self, reliable: bool) -> float:
        """Non-INVITE server transaction answers retransmitted requests (§17.2.2)."""
        return 0.0 if reliable else 64 * self.t1

    def k(self, reliable: bool) -> float:
        """Non-INVITE client transaction absorbs retransmitted final responses (§17.1.2.2)."""
        return 0.0 if reliable else self.t4

    @property
    def l(self) -> float:  # noqa: E743 - the RFC's name
        """INVITE server transaction absorbs retransmitted INVITEs after a 2xx (RFC 6026 §7.1)."""
        return 64 * self.t1

    @property
    def m(self) -> float:
        """INVITE client transaction passes on further 2xx (RFC 6026 §7.2)."""
        return 64 * self.t1
