"""Which source a SIP-side port listens to, and where it sends: symmetric RTP (RFC 4961) that cannot be stolen.

Media goes to the signalled address until the peer is heard. Phones behind NAT signal an address that they do not send
from, so the port then latches onto the source of valid packets, by rank: the signalled address itself, another port of
its host, another host. The last needs most care ("RTP bleed"): only if the signalled address is a local one, as behind
NAT, only in a short time after it was signalled, only if the peer has not been heard at all, and only for packets that
continue each other. A better rank may take over shortly after latching; after that the source stands until signalling
names another address. But another host always yields to the signalled address: a phone that is silent until it is
answered must not find its port stolen.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from ipaddress import ip_address, ip_network

from .plan import Address

MAX_CANDIDATES = 8
VIDEO_FACTOR = 10  # a picture is many packets

# Addresses that mean another host on each network, so that whoever signals one may be seen from elsewhere: private
# (RFC 1918, RFC 4193), of a carrier's NAT (RFC 6598), link-local (RFC 3927, RFC 4291) and loopback.
_LOCAL_NETWORKS = tuple(
    map(
        ip_network,
        "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 169.254.0.0/16 127.0.0.0/8"
        " fc00::/7 fe80::/10 ::1/128".split(),
    )
)


def _is_local(address: Address) -> bool:
    host = ip_address(address.host)
    return any(host in network for network in _LOCAL_NETWORKS)


@dataclass(frozen=True)
class LatchPolicy:
    """How much a port trusts."""

    other_host_seconds: float = 10.0  # after a local address was signalled; 0: only the signalled host
    settle_seconds: float = 2.0  # after latching, in which a better rank takes over
    probation_packets: int = 4  # in sequence, from another host, before it is believed
    # Most that is sent to an address that has not been heard: signalling may name anybody's (video: ten times as much).
    unheard_packets_per_second: int = 100


class LatchState(Enum):
    """What may still change."""

    CLOSED = auto()  # no address is signalled: nothing is accepted
    ARMED = auto()  # signalled, nothing heard
    SETTLING = auto()  # heard; a better rank may come
    LOCKED = auto()  # nothing, but for the signalled address instead of another host


class _Rank(IntEnum):
    OTHER_HOST = 1
    SAME_HOST = 2
    SIGNALLED = 3


class _FormerPeers:
    """Where the peers at addresses that signalling named before were heard, the last few of them."""

    def __init__(self) -> None:
        self._sources: dict[Address, Address] = {}

    def __contains__(self, source: Address) -> bool:
        return source in self._sources.values()

    def change(self, before: Address | None, source: Address | None, now: Address | None) -> None:
        """Signalling names another address; one that it named before is believed again."""
        if before is not None:
            self._sources[before] = source or before
        if now is not None:
            self._sources.pop(now, None)
        if len(self._sources) > MAX_CANDIDATES:
            del self._sources[next(iter(self._sources))]


class RtpLatch:
    """The latch of an RTP port; `barred` sources are believed only if they are signalled."""

    def __init__(self, policy: LatchPolicy, barred: frozenset[Address] = frozenset()) -> None:
        self.state = LatchState.CLOSED
        self.source: Address | None = None
        self._policy = policy
        self._barred = barred
        self._former = _FormerPeers()
        self._signalled: Address | None = None
        self._may_be_behind_nat = False
        self._rank = _Rank.OTHER_HOST
        self._armed_at = self._latched_at = 0.0
        self._candidates: dict[tuple[Address, int], tuple[int, int]] = {}  # on probation: next number, run so far

    @property
    def destination(self) -> Address | None:
        """Where to send now."""
        return self.source or self._signalled

    @property
    def candidates(self) -> int:
        """How many are on probation."""
        return len(self._candidates)

    def expect(self, signalled: Address | None, now: float) -> None:
        """Take the address that signalling names; a new one, or one not heard yet, starts all over."""
        if signalled == self._signalled and self.source is not None:
            return
        if signalled != self._signalled:
            self._former.change(self._signalled, self.source, signalled)
        self._signalled, self.source = signalled, None
        self._may_be_behind_nat = signalled is not None and _is_local(signalled)
        self._candidates.clear()
        self._armed_at = now
        self.state = LatchState.CLOSED if signalled is None else LatchState.ARMED

    def lock(self) -> None:
        """The peer is known to be at the signalled address, without having been heard here."""
        self.source, self._rank = self._signalled, _Rank.SIGNALLED
        self._candidates.clear()
        self.state = LatchState.CLOSED if self._signalled is None else LatchState.LOCKED

    def accepts(self, source: Address, ssrc: int, sequence_number: int, now: float) -> bool:
        """Decide on a valid packet, and learn from it."""
        if source == self.source:
            return True
        if self.state is LatchState.SETTLING and now - self._latched_at > self._policy.settle_seconds:
            self.state = LatchState.LOCKED
        if self.state is LatchState.CLOSED or (self.state is LatchState.LOCKED and not self._must_yield(source)):
            return False
        rank = self._rank_of(source, now)
        if rank is None or (self.source is not None and rank <= self._rank):
            return False
        if rank is _Rank.OTHER_HOST and not self._passed_probation(source, ssrc, sequence_number):
            return False
        if self.source is None:
            self._latched_at = now
        self.source, self._rank = source, rank
        self.state = LatchState.LOCKED if rank is _Rank.SIGNALLED else LatchState.SETTLING
        return True

    def _must_yield(self, source: Address) -> bool:
        return source == self._signalled and self._rank is _Rank.OTHER_HOST

    def _rank_of(self, source: Address, now: float) -> _Rank | None:
        if self._signalled is None:
            return None
        if source == self._signalled:
            return _Rank.SIGNALLED
        if source in self._barred or source in self._former:
            return None
        if source[0] == self._signalled.host:
            return _Rank.SAME_HOST
        in_time = now - self._armed_at < self._policy.other_host_seconds
        return _Rank.OTHER_HOST if self._may_be_behind_nat and in_time else None

    def _passed_probation(self, source: Address, ssrc: int, sequence_number: int) -> bool:
        """RFC 3550 A.1: a source is valid once some packets have come in sequence.

        Several may be on probation, so that a spray does not keep the phone from passing.
        """
        expected, run = self._candidates.pop((source, ssrc), (sequence_number, 0))
        if len(self._candidates) >= MAX_CANDIDATES:
            del self._candidates[next(iter(self._candidates))]
        run = run + 1 if sequence_number == expected else 1
        self._candidates[source, ssrc] = (sequence_number + 1) & 0xFFFF, run
        return run >= self._policy.probation_packets


class RtcpLatch:
    """The latch of an RTCP port: it trusts the host that RTP goes to, whatever the port, and keeps the first port."""

    def __init__(self) -> None:
        self.source: Address | None = None
        self._former = _FormerPeers()
        self._signalled: Address | None = None

    @property
    def destination(self) -> Address | None:
        """Where to send now."""
        return self.source or self._signalled

    def expect(self, signalled: Address | None) -> None:
        """Take the address that signalling names."""
        if signalled != self._signalled:
            self._former.change(self._signalled, self.source, signalled)
            self._signalled, self.source = signalled, None

    def lock(self) -> None:
        """The peer is known to be at the signalled address, without having been heard here."""
        self.source = self._signalled

    def accepts(self, source: Address, rtp_destination: Address | None) -> bool:
        """Decide on a valid packet, and learn from it."""
        if source == self.source:
            return True
        is_of_rtp_host = rtp_destination is not None and source[0] == rtp_destination.host
        if source == self._signalled or (self.source is None and is_of_rtp_host and source not in self._former):
            self.source = source
            return True
        return False
