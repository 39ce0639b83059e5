"""What moves packets, as its owner sees it. It is told everything and decides nothing; it binds no port, reads no SDP.

Sessions go by a number, everything else is flat, so that native code can stand behind this as well as Python. What the
forwarder does not understand itself, STUN and DTLS, it hands up together with the session that the source belongs to.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.messages.media import Side

from ..core.counters import Counters
from ..core.packet.demux import DatagramKind
from ..core.plan import Address, BrowserPath, StreamPlan
from ..core.srtp_keys import SrtpKeys
from ..core.statistics import SourceStatistics

# A STUN or DTLS datagram, its kind and source, and the session that the source belongs to. For DTLS always one: others
# are dropped. (RFC 8445: a validated address.) Or RTCP: the browser wants a whole picture of a SIP side that reads no
# RTCP that asks for it.
DatagramHandler = Callable[[bytes, DatagramKind, BrowserPath, int | None], None]

# A telephone-event in the clear: the session, the index of its stream, the side that it came from, the RTP packet.
EventHandler = Callable[[int, int, Side, bytes], None]

# Checks that name a session and are handed up, a second and at once, from where a valid one has come from before, and
# as many from elsewhere: a browser with many candidates checks them all, every 50 ms. What comes beyond is dropped, so
# that nobody uses up what Python can do for the others. Of DTLS that is more, for an address can be forged, and who
# does so must not keep a browser out by a few datagrams.
CHECKS_PER_SECOND = 50
CHECKS_AT_ONCE = 200
DTLS_PER_SECOND = 1000

# No thumb is faster: what comes beyond is not handed up. Events come at the pace of media (RFC 4733 §2.5.1.2).
EVENT_PACKETS_PER_SECOND = 100


@dataclass(frozen=True)
class StreamSockets:
    """The SIP side of one stream; the forwarder owns the sockets from now on and closes them."""

    rtp: socket.socket
    rtcp: socket.socket
    barred: frozenset[Address] = frozenset()  # peers of the session that had the ports before


@dataclass(frozen=True)
class SessionEnd:
    """What is left of a session."""

    counters: Counters
    peers: tuple[frozenset[Address], ...]  # for each stream, who was heard on its ports and may go on sending


# How one is made: the loop, the sockets for browsers, which it owns from then on, where STUN and DTLS go, where events
# go. Where a browser's path is given, its `interface` is the place of a socket among these.
ForwarderFactory = Callable[
    [asyncio.AbstractEventLoop, Sequence[socket.socket], DatagramHandler, EventHandler], "Forwarder"
]


class Forwarder(Protocol):
    """SRTP on a few sockets for browsers, RTP on a pair of sockets a stream."""

    def add_session(self, session: int, streams: Sequence[StreamSockets]) -> None:
        """Begin to read the sockets. Nothing is forwarded before there are a plan, keys and a destination."""

    def set_streams(self, session: int, plans: Sequence[StreamPlan]) -> None:
        """Say where each stream goes and with which payload types; streams beyond the plans are dropped."""

    def set_keys(self, session: int, keys: SrtpKeys | None) -> None:
        """Protect the browser's media with these; None: drop it."""

    def set_bridge(self, session: int, stream: int, other: tuple[int, int] | None) -> None:
        """Join a stream with one of another session, each the other's SIP side: packets then go from browser to browser
        as if by the two ports, and are counted on both. None: part it from the one that it was joined with.

        A plan that names another far side does not part them, and the end of a session does."""

    def request_keyframe(self, session: int, side: Side) -> None:
        """Ask that side for whole pictures by RTCP (RFC 4585 §6.3.1)."""

    def send_rtcp(self, session: int, stream: int, side: Side, packet: bytes) -> None:
        """Send this RTCP, which is in the clear, to that side; a sender report in it counts as having passed."""

    def begin_event(self, session: int, stream: int) -> None:
        """Forward no media of the browser from now on: an event, or media of ours, takes its place.

        The timestamp of what begins is that of now, and of an event it stays (RFC 4733 §2.2.1)."""

    def send_event(self, session: int, stream: int, payload: bytes, marker: bool, later: int = 0) -> None:
        """Send a packet of the event to the SIP side, as the browser's source and in its numbering.

        `later` is how far its segment is behind the begin of the event, in units of the timestamp.
        """

    def send_media(
        self, session: int, stream: int, payload_type: int, payload: bytes, marker: bool, later: int
    ) -> None:
        """Send a packet of media of our own in the same way; the payload type is the SIP side's."""

    def end_event(self, session: int, stream: int) -> None:
        """Forward the browser's media again; its numbers go on without a gap."""

    def set_headless(self, session: int, partner: int | None) -> None:
        """There is no browser. What the SIP side sends goes to that of the partner, another such session, and back, as
        if each were the other's browser; or it is heard and goes nowhere. The end of either parts them."""

    def set_ufrags(self, session: int, ufrags: Sequence[str]) -> None:
        """Hand up the checks that name one of these, each of `UFRAG_LENGTH` characters, from wherever they come."""

    def add_source(self, session: int, source: BrowserPath) -> None:
        """Datagrams from this address are the session's."""

    def remove_source(self, session: int, source: BrowserPath) -> None:
        """They are not any more."""

    def set_destination(self, session: int, destination: BrowserPath | None) -> None:
        """Send the browser's media there."""

    def remove_session(self, session: int) -> SessionEnd:
        """Forget it and close its sockets."""

    def send(self, datagram: bytes, destination: BrowserPath) -> None:
        """Send STUN or DTLS to a browser."""

    def counters(self, session: int) -> Counters:
        """Return a session's counters as they stand."""

    def statistics(self, session: int) -> tuple[SourceStatistics, ...]:
        """Return what is known of each source whose media was heard since the keys were set."""

    def unattributed(self) -> Counters:
        """Return the counters of what belongs to no session."""

    def close(self) -> None:
        """Close all sockets, the browser's too."""
