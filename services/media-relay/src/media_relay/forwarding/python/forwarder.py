"""The forwarder in Python: the reference of the native one, and enough for some hundred calls.

It reads a socket until it is empty or has had its share of the loop's turn, which costs less than a protocol's call
for each datagram and starves nobody.
"""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from shared.messages.media import Side

from ...core.allowance import Allowance
from ...core.counters import Counters, Drop
from ...core.latch import LatchPolicy
from ...core.packet.demux import DatagramKind, kind_of
from ...core.packet.ufrag import ufrag_of
from ...core.plan import Address, BrowserPath, StreamPlan
from ...core.srtp_keys import SrtpKeys
from ...core.statistics import SourceStatistics
from ..forwarder import (
    CHECKS_AT_ONCE,
    CHECKS_PER_SECOND,
    DTLS_PER_SECOND,
    DatagramHandler,
    EventHandler,
    SessionEnd,
    StreamSockets,
)
from .session import PythonSession
from .stream import PythonStream, join

_MAX_DATAGRAM = 2048
_BROWSER_BUDGET = 64  # datagrams a turn: all browsers share the socket
_SIP_BUDGET = 8


@dataclass
class _Edge:
    """What a session may hand up, and by which fragments strangers name it."""

    ufrags: tuple[str, ...] = ()
    newcomers: Allowance = field(default_factory=Allowance)
    checks: Allowance = field(default_factory=Allowance)
    handshake: Allowance = field(default_factory=Allowance)


class PythonForwarder:
    """See `forwarder.Forwarder`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        browser_sockets: Sequence[socket.socket],
        on_datagram: DatagramHandler,
        on_event: EventHandler,
        latch_policy: LatchPolicy | None = None,
    ) -> None:
        self._loop = loop
        self._browser_sockets = tuple(browser_sockets)
        self._on_datagram = on_datagram
        self._on_event = on_event
        self._latch_policy = latch_policy or LatchPolicy()
        self._sessions: dict[int, PythonSession] = {}
        self._sockets: dict[int, list[socket.socket]] = {}
        self._edges: dict[int, _Edge] = {}
        self._by_ufrag: dict[str, int] = {}
        self._by_source: dict[BrowserPath, int] = {}
        self._unattributed = Counters()
        for interface, bound in enumerate(self._browser_sockets):
            loop.add_reader(bound, self._read_browser, bound, interface)

    def add_session(self, session: int, streams: Sequence[StreamSockets]) -> None:
        """Begin to read the sockets."""
        made = [PythonStream(each.rtp, each.rtcp, self._latch_policy, each.barred) for each in streams]
        wish, event = partial(self._hand_up_wish, session), partial(self._on_event, session)
        self._sessions[session] = owner = PythonSession(self._browser_sockets, made, wish, event)
        self._edges[session] = _Edge()
        self._sockets[session] = [bound for each in streams for bound in (each.rtp, each.rtcp)]
        for each, stream in zip(streams, made, strict=True):
            self._loop.add_reader(each.rtp, self._read_sip, each.rtp, owner, stream, False)
            self._loop.add_reader(each.rtcp, self._read_sip, each.rtcp, owner, stream, True)

    def set_streams(self, session: int, plans: Sequence[StreamPlan]) -> None:
        """Take a new plan for each stream."""
        self._sessions[session].set_streams(plans, self._loop.time())

    def set_keys(self, session: int, keys: SrtpKeys | None) -> None:
        """Start SRTP anew."""
        self._sessions[session].set_keys(keys)

    def set_bridge(self, session: int, stream: int, other: tuple[int, int] | None) -> None:
        """Join two streams, or part them."""
        place = self._sessions[session].place(stream)
        place.stream.part()
        if other is not None:
            join(place, self._sessions[other[0]].place(other[1]))

    def request_keyframe(self, session: int, side: Side) -> None:
        """Send Picture Loss Indications."""
        self._sessions[session].request_keyframe(side, self._loop.time())

    def send_rtcp(self, session: int, stream: int, side: Side, packet: bytes) -> None:
        """Send RTCP of our own making."""
        self._sessions[session].send_rtcp(stream, side, packet, self._loop.time())

    def begin_event(self, session: int, stream: int) -> None:
        """Hold the browser's media back."""
        chosen = self._sessions[session].streams[stream]
        chosen.outgoing.begin_event(chosen.plan.clock_rate if chosen.plan else 0, self._loop.time())

    def send_event(self, session: int, stream: int, payload: bytes, marker: bool, later: int = 0) -> None:
        """Send a packet of the event."""
        owner = self._sessions[session]
        owner.send_event(owner.streams[stream], payload, marker, later, self._loop.time())

    def send_media(
        self, session: int, stream: int, payload_type: int, payload: bytes, marker: bool, later: int
    ) -> None:
        """Send a packet of media of our own."""
        owner = self._sessions[session]
        owner.send_own(owner.streams[stream], payload_type, payload, marker, later, self._loop.time())

    def set_headless(self, session: int, partner: int | None) -> None:
        """Do without a browser."""
        place = self._sessions[session].set_headless()
        place.part()
        if partner is not None:
            place.join(self._sessions[partner].set_headless())

    def end_event(self, session: int, stream: int) -> None:
        """Go on with the browser's media."""
        self._sessions[session].streams[stream].outgoing.end_event()

    def set_ufrags(self, session: int, ufrags: Sequence[str]) -> None:
        """Let checks find the session."""
        edge = self._edges[session]
        for former in edge.ufrags:
            del self._by_ufrag[former]
        edge.ufrags = tuple(ufrags)
        self._by_ufrag |= dict.fromkeys(ufrags, session)

    def add_source(self, session: int, source: BrowserPath) -> None:
        """Take what comes from there for the session's."""
        self._by_source[source] = session

    def remove_source(self, session: int, source: BrowserPath) -> None:
        """Unless another session has the address by now."""
        if self._by_source.get(source) == session:
            del self._by_source[source]

    def set_destination(self, session: int, destination: BrowserPath | None) -> None:
        """Send the browser's media there."""
        self._sessions[session].outbox.destination = destination

    def remove_session(self, session: int) -> SessionEnd:
        """Forget it and close its sockets."""
        self.set_ufrags(session, ())
        del self._edges[session]
        ended = self._sessions.pop(session)
        if ended.partner is not None:
            ended.partner.part()
        for stream in ended.streams:
            stream.part()
        for bound in self._sockets.pop(session):
            self._loop.remove_reader(bound)
            bound.close()
        for source in [source for source, owner in self._by_source.items() if owner == session]:
            del self._by_source[source]
        return SessionEnd(ended.outbox.counters, tuple(stream.peers() for stream in ended.streams))

    def send(self, datagram: bytes, destination: BrowserPath) -> None:
        """Send STUN or DTLS to a browser."""
        try:
            self._browser_sockets[destination.interface].sendto(datagram, destination.address)
        except OSError:
            self._unattributed.drops[Drop.SEND_FAILED] += 1

    def counters(self, session: int) -> Counters:
        """Return a session's counters."""
        return self._sessions[session].outbox.counters

    def statistics(self, session: int) -> tuple[SourceStatistics, ...]:
        """Return what is known of its sources."""
        return self._sessions[session].statistics()

    def unattributed(self) -> Counters:
        """Return the counters of what belongs to no session."""
        return self._unattributed

    def close(self) -> None:
        """Close all sockets."""
        for session in list(self._sessions):
            self.remove_session(session)
        for bound in self._browser_sockets:
            self._loop.remove_reader(bound)
            bound.close()

    def _hand_up_wish(self, session: int, packet: bytes) -> None:
        destination = self._sessions[session].outbox.destination
        if destination is not None:
            self._on_datagram(packet, DatagramKind.RTCP, destination, session)

    def _read_browser(self, bound: socket.socket, interface: int) -> None:
        now = self._loop.time()
        for _ in range(_BROWSER_BUDGET):
            try:
                datagram, source = bound.recvfrom(_MAX_DATAGRAM)
            except OSError:  # empty; or an ICMP error of something sent before, which the next turn reads on after
                return
            self._receive_browser(datagram, BrowserPath(source[0], source[1], interface), now)

    def _receive_browser(self, datagram: bytes, source: BrowserPath, now: float) -> None:
        kind = kind_of(datagram)
        session = self._by_source.get(source)
        if kind is DatagramKind.STUN:
            self._receive_check(datagram, source, session, now)
        elif session is None:
            self._unattributed.drops[Drop.UNKNOWN_SOURCE] += 1
        elif kind is DatagramKind.RTP:
            self._sessions[session].receive_browser_rtp(datagram, now)
        elif kind is DatagramKind.RTCP:
            self._sessions[session].receive_browser_rtcp(datagram, now)
        elif kind is DatagramKind.DTLS:
            if self._edges[session].handshake.take(DTLS_PER_SECOND, DTLS_PER_SECOND, now):
                self._on_datagram(datagram, kind, source, session)
            else:
                self._sessions[session].drop(Drop.FLOODED)
        else:
            self._sessions[session].drop(Drop.MALFORMED)

    def _receive_check(self, datagram: bytes, source: BrowserPath, owner: int | None, now: float) -> None:
        """It must name a session, be it from the address of one or not: who forges an address knows no fragment."""
        ufrag = ufrag_of(datagram)
        named = None if ufrag is None else self._by_ufrag.get(ufrag)
        if named is None:
            if owner is None:
                self._unattributed.drops[Drop.UNKNOWN_SOURCE] += 1
            else:
                self._sessions[owner].drop(Drop.STUN_AUTH)
            return
        edge = self._edges[named]
        allowance = edge.checks if named == owner else edge.newcomers
        if allowance.take(CHECKS_PER_SECOND, CHECKS_AT_ONCE, now):
            self._on_datagram(datagram, DatagramKind.STUN, source, owner)
        else:
            self._sessions[named].drop(Drop.FLOODED)

    def _read_sip(self, bound: socket.socket, session: PythonSession, stream: PythonStream, is_rtcp_port: bool) -> None:
        now = self._loop.time()
        for _ in range(_SIP_BUDGET):
            try:
                packet, address = bound.recvfrom(_MAX_DATAGRAM)
            except OSError:  # as above
                return
            source = Address(address[0], address[1])
            if is_rtcp_port:
                session.receive_sip_rtcp(stream, packet, source, now)
            else:
                session.receive_sip_rtp(stream, packet, source, now)
