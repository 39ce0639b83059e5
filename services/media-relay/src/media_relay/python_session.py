"""How the Python forwarder treats the packets of one session: authenticate, find the stream, rewrite, send, count.

Nothing is learned from a packet before it is known to be the peer's: SRTP by its tag, RTP by the latch.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from shared.messages.media import Side

from .core.allowance import Allowance
from .core.counters import Counters, Direction, Drop, PacketKind
from .core.latch import VIDEO_FACTOR, LatchPolicy, RtcpLatch, RtpLatch
from .core.outgoing import OutgoingSource
from .core.packet import rtcp, rtp
from .core.packet.demux import is_rtcp
from .core.plan import Address, StreamKind, StreamPlan
from .core.repair import StreamRepair
from .core.srtp_keys import SrtpKeys
from .forwarder import EVENT_PACKETS_PER_SECOND
from .python_repair import PythonRepair
from .srtp import SrtpRefused, SrtpSession

# Each SSRC costs SRTP state for as long as the session lives. A call has a few, a transfer adds some.
MAX_SSRCS = 256

EventSink = Callable[[int, Side, bytes], None]  # the index of the stream, the side that it came from, the packet


class DatagramSender(Protocol):
    """The part of a UDP socket that sending needs."""

    def sendto(self, data: bytes, address: tuple[str, int], /) -> int:
        """Send, or raise OSError."""


class PythonStream:
    """The SIP side of one stream."""

    def __init__(
        self, rtp_socket: DatagramSender, rtcp_socket: DatagramSender, policy: LatchPolicy, barred: frozenset[Address]
    ) -> None:
        self.rtp_socket = rtp_socket
        self.rtcp_socket = rtcp_socket
        self.plan: StreamPlan | None = None
        self._policy = policy
        self.repair = StreamRepair()
        self._unheard = Allowance()
        self.rtp_latch = RtpLatch(policy, barred)
        self.rtcp_latch = RtcpLatch()
        self.outgoing = OutgoingSource()
        self.events: dict[Side, Allowance] = {"browser": Allowance(), "sip": Allowance()}

    def set_plan(self, plan: StreamPlan | None, now: float) -> None:
        """Go by this plan; None: the stream is not in use."""
        self.plan = plan
        self.rtp_latch.expect(plan.sip_rtp if plan else None, now)
        self.rtcp_latch.expect(plan.sip_rtcp if plan else None)

    def peers(self) -> frozenset[Address]:
        """Return who was heard."""
        heard = (self.rtp_latch.source, self.rtcp_latch.source)
        return frozenset(source for source in heard if source is not None)

    def has_heard(self, host: Address | None) -> bool:
        """Tell whether somebody on that host has been heard on one of the ports."""
        heard = (self.rtp_latch.source, self.rtcp_latch.source)
        return host is not None and any(source is not None and source[0] == host[0] for source in heard)

    def may_send(self, destination: Address | None, now: float) -> bool:
        """Tell whether a packet may be sent to the SIP side: until its host is heard, no more than a call needs.

        Who is heard on the one port does not speak for another host that is named for the other.
        """
        if self.has_heard(destination):
            return True
        is_video = self.plan is not None and self.plan.kind == "video"
        most = self._policy.unheard_packets_per_second * (VIDEO_FACTOR if is_video else 1)
        return self._unheard.take(most, most, now)

    def accepts_rtcp(self, source: Address, on_rtp_port: bool) -> bool:
        """Decide on a valid RTCP packet."""
        if on_rtp_port:  # multiplexed: only from where RTP comes from, and it moves nothing
            return source == self.rtp_latch.destination
        return self.rtcp_latch.accepts(source, self.rtp_latch.destination)

    def rtcp_route(self) -> tuple[DatagramSender, Address | None]:
        """Return the socket to send RTCP on, and where to."""
        if self.plan is not None and self.plan.sip_rtcp == self.plan.sip_rtp:
            return self.rtp_socket, self.rtp_latch.destination
        return self.rtcp_socket, self.rtcp_latch.destination


class PythonSession:
    """Streams of one session, and the SRTP that they share."""

    def __init__(
        self,
        browser_socket: DatagramSender,
        streams: Sequence[PythonStream],
        on_wish: Callable[[bytes], None] = lambda packet: None,
        on_event: EventSink = lambda stream, side, packet: None,
    ) -> None:
        self.streams = tuple(streams)
        self._on_event = on_event
        self.destination: Address | None = None  # the browser's
        self.counters = Counters()
        self._browser_socket = browser_socket
        self._repair = PythonRepair(self, on_wish)
        self._srtp: SrtpSession | None = None
        self._by_browser_pt: dict[int, PythonStream] = {}
        self._browser_ssrcs: dict[int, PythonStream | None] = {}  # authenticated; None: seen in RTCP only
        self._sip_ssrcs: dict[int, PythonStream | None] = {}

    def set_streams(self, plans: Sequence[StreamPlan], now: float) -> None:
        """Take a new plan for each stream."""
        self._by_browser_pt.clear()
        for index, stream in enumerate(self.streams):
            plan = plans[index] if index < len(plans) else None
            stream.set_plan(plan, now)
            for payload_type in (*plan.to_sip, *plan.browser_events) if plan else ():
                self._by_browser_pt.setdefault(payload_type, stream)

    def set_keys(self, keys: SrtpKeys | None) -> None:
        """Start SRTP anew with these keys."""
        self._srtp = None if keys is None else SrtpSession(keys)
        self._browser_ssrcs.clear()
        self._sip_ssrcs.clear()
        for stream in self.streams:  # what they hold was protected with the old keys
            stream.repair.to_browser.clear()

    def drop(self, reason: Drop) -> None:
        """Count a packet that goes nowhere."""
        self.counters.drops[reason] += 1

    def receive_browser_rtp(self, packet: bytes, now: float) -> None:
        """SRTP from one of the browser's validated addresses."""
        header = rtp.parse(packet)
        if header is None:
            return self.drop(Drop.MALFORMED)
        if self._srtp is None:
            return self.drop(Drop.NOT_CONNECTED)
        if not _has_room(self._browser_ssrcs, header.ssrc):
            return self.drop(Drop.SSRC_LIMIT)
        try:
            clear = self._srtp.unprotect_rtp(packet)
        except SrtpRefused as refused:
            return self.drop(refused.drop)
        stream = self._by_browser_pt.get(header.payload_type)
        self._browser_ssrcs[header.ssrc] = stream
        if not rtp.has_valid_padding(clear):
            return self.drop(Drop.MALFORMED)
        if stream is None or stream.plan is None:
            return self.drop(Drop.UNKNOWN_PT if self._by_browser_pt else Drop.NO_STREAM)
        self._forward_to_sip(stream, stream.plan, header, clear, now)

    def _forward_to_sip(
        self, stream: PythonStream, plan: StreamPlan, header: rtp.RtpHeader, clear: bytes, now: float
    ) -> None:
        if not plan.browser_sends:
            return self.drop(Drop.ON_HOLD)
        if header.payload_type in plan.browser_events:
            return self._hand_up(stream, "browser", clear, now)
        if not stream.may_send(stream.rtp_latch.destination, now):
            return self.drop(Drop.UNHEARD)
        self._repair.received(stream, header, now)
        number = stream.outgoing.admit(header, now)
        if number is None:
            return self.drop(Drop.DURING_EVENT)
        payload_type = plan.to_sip[header.payload_type]
        if payload_type != header.payload_type:
            clear = rtp.with_payload_type(clear, payload_type)
        if number != header.sequence_number:
            clear = rtp.with_sequence_number(clear, number)
        if plan.sip_takes_nack:
            stream.repair.to_sip.keep(header.ssrc, number, clear)
        self._send_rtp_to_sip(stream, clear, plan.kind)

    def receive_browser_rtcp(self, packet: bytes, now: float) -> None:
        """SRTCP from one of the browser's validated addresses."""
        if len(packet) < 8:
            return self.drop(Drop.MALFORMED)
        if self._srtp is None:
            return self.drop(Drop.NOT_CONNECTED)
        sender = int.from_bytes(packet[4:8], "big")
        if not _has_room(self._browser_ssrcs, sender):
            return self.drop(Drop.SSRC_LIMIT)
        try:
            clear = self._srtp.unprotect_rtcp(packet)
        except SrtpRefused as refused:
            return self.drop(refused.drop)
        self._browser_ssrcs.setdefault(sender, None)
        sources = rtcp.parse(clear)
        if sources is None:
            return self.drop(Drop.MALFORMED)
        left = self._repair.from_browser(clear, now)
        for stream in self._streams_concerned(sources) if left else ():
            self.send_rtcp_to_sip(stream, left, now)

    def receive_sip_rtp(self, stream: PythonStream, packet: bytes, source: Address, now: float) -> None:
        """A datagram on a stream's RTP port."""
        if is_rtcp(packet):
            return self.receive_sip_rtcp(stream, packet, source, now, on_rtp_port=True)
        header = rtp.parse(packet)
        if header is None or not rtp.has_valid_padding(packet):
            return self.drop(Drop.MALFORMED)
        refusal = self._why_not_to_browser(stream, header, source, now)
        if refusal is not None or self._srtp is None or self.destination is None or stream.plan is None:
            return self.drop(refusal or Drop.NOT_CONNECTED)
        if header.payload_type in stream.plan.sip_events:
            self._hand_up(stream, "sip", packet, now)
        payload_type = stream.plan.to_browser[header.payload_type]
        if payload_type != header.payload_type:
            packet = rtp.with_payload_type(packet, payload_type)
        try:
            protected = self._srtp.protect_rtp(packet)
        except SrtpRefused as refused:
            return self.drop(refused.drop)
        if stream.plan.answers_nack:
            stream.repair.to_browser.keep(header.ssrc, header.sequence_number, protected)
        self._send(self._browser_socket, protected, self.destination, "sip_to_browser", stream.plan.kind)

    def receive_sip_rtcp(
        self, stream: PythonStream, packet: bytes, source: Address, now: float, on_rtp_port: bool = False
    ) -> None:
        """RTCP on a stream's RTCP port, or multiplexed on its RTP port."""
        sources = rtcp.parse(packet)
        if sources is None or sources.sender is None:
            return self.drop(Drop.MALFORMED)
        if stream.plan is None:
            return self.drop(Drop.NO_STREAM)
        if not stream.accepts_rtcp(source, on_rtp_port):
            return self.drop(Drop.LATCH_REFUSED)
        if self._srtp is None:
            return self.drop(Drop.NOT_CONNECTED)
        if not _has_room(self._sip_ssrcs, sources.sender):
            return self.drop(Drop.SSRC_LIMIT)
        left, wants_picture = self._repair.from_sip(stream, packet)
        if left:
            self._send_rest_to_browser(left)
        if wants_picture:
            self._repair.ask_for_picture(stream, "browser", now)

    def request_keyframe(self, side: Side, now: float) -> None:
        """Ask for a whole picture of each video stream of that side that has been seen."""
        for stream in self.streams:
            self._repair.ask_for_picture(stream, side, now)

    def send_event(self, stream: PythonStream, payload: bytes, marker: bool, later: int) -> None:
        """Send a packet of a telephone-event in the place of the browser's media."""
        if stream.plan is None or stream.plan.events_to_sip is None:
            return self.drop(Drop.NO_STREAM)
        packet = stream.outgoing.event_packet(stream.plan.events_to_sip.payload_type, payload, marker, later)
        self._send_rtp_to_sip(stream, packet, stream.plan.kind)

    def _hand_up(self, stream: PythonStream, side: Side, packet: bytes, now: float) -> None:
        if stream.events[side].take(EVENT_PACKETS_PER_SECOND, EVENT_PACKETS_PER_SECOND, now):
            self._on_event(self.streams.index(stream), side, packet)
        elif side == "browser":
            self.drop(Drop.DURING_EVENT)

    def _why_not_to_browser(
        self, stream: PythonStream, header: rtp.RtpHeader, source: Address, now: float
    ) -> Drop | None:
        """Return why an RTP packet does not go on. The latch learns before media can flow, on hold too."""
        if stream.plan is None:
            return Drop.NO_STREAM
        if header.payload_type not in stream.plan.to_browser:
            return Drop.UNKNOWN_PT
        if not stream.rtp_latch.accepts(source, header.ssrc, header.sequence_number, now):
            return Drop.LATCH_REFUSED
        if not stream.plan.sip_sends:
            return Drop.ON_HOLD
        if self._srtp is None:
            return Drop.NOT_CONNECTED
        return None if self._may_send_as(header.ssrc, stream) else Drop.SSRC_LIMIT

    def _may_send_as(self, ssrc: int, stream: PythonStream) -> bool:
        """One SSRC, one stream: two would use one keystream twice, because all share a key (RFC 3711 §9.1)."""
        if not _has_room(self._sip_ssrcs, ssrc):
            return False
        if self._sip_ssrcs.get(ssrc) is None:
            self._sip_ssrcs[ssrc] = stream
        return self._sip_ssrcs[ssrc] is stream

    def _streams_concerned(self, sources: rtcp.RtcpSources) -> list[PythonStream]:
        """Return the stream of the sender, else those that it speaks of, else all in use."""
        sender = self._browser_ssrcs.get(sources.sender) if sources.sender is not None else None
        if sender is not None:
            return [sender]
        about = {stream for ssrc in sources.about if (stream := self._sip_ssrcs.get(ssrc)) is not None}
        return [stream for stream in self.streams if stream in about or (not about and stream.plan is not None)]

    def _send_rest_to_browser(self, packet: bytes) -> None:
        """What is left of RTCP may begin with a packet of another sender, which SRTCP then goes by."""
        sources = rtcp.parse(packet)
        if sources is None or sources.sender is None:
            return
        if not _has_room(self._sip_ssrcs, sources.sender):
            return self.drop(Drop.SSRC_LIMIT)
        self._sip_ssrcs.setdefault(sources.sender, None)
        self.send_rtcp_to_browser(packet)

    def sip_stream(self, ssrc: int) -> PythonStream | None:
        """Return whose media an SSRC of the SIP side is, if it was heard."""
        return self._sip_ssrcs.get(ssrc)

    def last_source(self, stream: PythonStream, side: Side) -> int | None:
        """Return the SSRC of a stream that was heard last from that side."""
        ssrcs = self._browser_ssrcs if side == "browser" else self._sip_ssrcs
        return next((ssrc for ssrc, owner in reversed(ssrcs.items()) if owner is stream), None)

    def resend_to_browser(self, packet: bytes) -> None:
        """Send video again, as it went out."""
        self._send(self._browser_socket, packet, self.destination, "sip_to_browser", "video")

    def resend_to_sip(self, stream: PythonStream, packet: bytes) -> None:
        """Send video again, as it went out."""
        destination = stream.rtp_latch.destination
        if not stream.has_heard(destination):
            return self.drop(Drop.UNHEARD)  # who asks is not who would get it
        self._send(stream.rtp_socket, packet, destination, "browser_to_sip", "video")

    def _send_rtp_to_sip(self, stream: PythonStream, packet: bytes, kind: StreamKind) -> None:
        self._send(stream.rtp_socket, packet, stream.rtp_latch.destination, "browser_to_sip", kind)

    def send_rtcp_to_sip(self, stream: PythonStream, packet: bytes, now: float) -> None:
        """Send RTCP to the SIP side of a stream."""
        socket, destination = stream.rtcp_route()
        if not stream.may_send(destination, now):
            return self.drop(Drop.UNHEARD)
        self._send(socket, packet, destination, "browser_to_sip", "rtcp")

    def send_rtcp_to_browser(self, packet: bytes) -> None:
        """Protect RTCP and send it to the browser."""
        if self._srtp is None:
            return self.drop(Drop.NOT_CONNECTED)
        try:
            protected = self._srtp.protect_rtcp(packet)
        except SrtpRefused as refused:
            return self.drop(refused.drop)
        self._send(self._browser_socket, protected, self.destination, "sip_to_browser", "rtcp")

    def _send(
        self,
        socket: DatagramSender,
        packet: bytes,
        destination: Address | None,
        direction: Direction,
        kind: PacketKind,
    ) -> None:
        if destination is None:
            return self.drop(Drop.NOT_CONNECTED)
        try:
            socket.sendto(packet, destination)
        except OSError:  # a full send buffer, no route: UDP may lose it anyway
            return self.drop(Drop.SEND_FAILED)
        self.counters.packets[direction, kind] += 1
        self.counters.bytes[direction, kind] += len(packet)


def _has_room(ssrcs: dict[int, PythonStream | None], ssrc: int) -> bool:
    return ssrc in ssrcs or len(ssrcs) < MAX_SSRCS
