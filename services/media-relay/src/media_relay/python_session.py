"""How the Python forwarder treats the packets of one session: authenticate, find the stream, rewrite, send, count.

Nothing is learned from a packet before it is known to be the peer's: SRTP by its tag, RTP by the latch.
"""

from collections.abc import Callable, Sequence

from shared.messages.media import Side

from .core.counters import Counters, Direction, Drop, PacketKind, Repair
from .core.packet import rtcp, rtp
from .core.packet.demux import is_rtcp
from .core.plan import Address, BrowserPath, StreamKind, StreamPlan
from .core.srtp_keys import SrtpKeys
from .core.statistics import SourceRecords, SourceStatistics
from .forwarder import EVENT_PACKETS_PER_SECOND
from .python_repair import PythonRepair
from .python_stream import DatagramSender, PythonStream, StreamPlace
from .srtp import SrtpRefused, SrtpSession

# Each SSRC costs SRTP state for as long as the session lives. A call has a few, a transfer adds some.
MAX_SSRCS = 256
_RTCP_HEADER = 8  # with the sender

EventSink = Callable[[int, Side, bytes], None]  # the index of the stream, the side that it came from, the packet


class PythonSession:
    """Streams of one session, and the SRTP that they share."""

    def __init__(
        self,
        browser_sockets: Sequence[DatagramSender],
        streams: Sequence[PythonStream],
        on_wish: Callable[[bytes], None] = lambda packet: None,
        on_event: EventSink = lambda stream, side, packet: None,
    ) -> None:
        self.streams = tuple(streams)
        self._on_event = on_event
        self.destination: BrowserPath | None = None  # the browser's
        self.counters = Counters()
        self._browser_sockets = browser_sockets
        self._repair = PythonRepair(self, on_wish)
        self._srtp: SrtpSession | None = None
        self._by_browser_pt: dict[int, PythonStream] = {}
        self._browser_ssrcs: dict[int, PythonStream | None] = {}  # authenticated; None: seen in RTCP only
        self._sip_ssrcs: dict[int, PythonStream | None] = {}
        self._records = SourceRecords()  # of those above that sent media

    def place(self, stream: int) -> StreamPlace:
        """Return one of the streams, for a bridge."""
        return StreamPlace(self, self.streams[stream])

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
        self._records.clear()
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
        record = self._records.hear("browser", header, clear, now, plan)
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
        packet = self._for_sip(stream, clear)
        if packet is None:
            return
        if plan.sip_takes_nack:
            stream.repair.to_sip.keep(header.ssrc, number, packet)
        record.sent()
        self._send_to_sip(stream, plan.kind, packet, now)

    def _for_sip(self, stream: PythonStream, clear: bytes) -> bytes | None:
        """Return RTP as the stream's ports, or its bridge, want it; None: it was dropped."""
        if stream.srtp is None or stream.bridge is not None:
            return clear
        try:
            return stream.srtp.protect_rtp(clear)
        except SrtpRefused as refused:
            self.drop(refused.drop)
            return None

    def _send_to_sip(self, stream: PythonStream, kind: StreamKind, packet: bytes, now: float) -> None:
        """Send RTP, new or again, by the ports or the bridge."""
        if stream.bridge is not None:
            self._count("browser_to_sip", kind, packet)
            return stream.bridge.session.receive_bridged_rtp(stream.bridge.stream, packet, now)
        self._send(stream.rtp_socket, packet, stream.rtp_latch.destination, "browser_to_sip", kind)

    def receive_browser_rtcp(self, packet: bytes, now: float) -> None:
        """SRTCP from one of the browser's validated addresses."""
        if len(packet) < _RTCP_HEADER:
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
        self._records.read_reports("browser", clear, now)
        left = self._repair.from_browser(self._records.as_sent("browser", clear), now)
        for stream in self._streams_concerned(sources) if left else ():
            self.send_rtcp_to_sip(stream, left, now)

    def receive_sip_rtp(self, stream: PythonStream, packet: bytes, source: Address, now: float) -> None:
        """A datagram on a stream's RTP port."""
        if is_rtcp(packet):
            return self.receive_sip_rtcp(stream, packet, source, now, on_rtp_port=True)
        header = rtp.parse(packet)
        if header is None:
            return self.drop(Drop.MALFORMED)
        if stream.srtp is not None:
            try:
                packet = self._authentic(header.ssrc, packet, stream.srtp.unprotect_rtp)
            except SrtpRefused as refused:
                return self.drop(refused.drop)
        if not rtp.has_valid_padding(packet):
            return self.drop(Drop.MALFORMED)
        self._pass_rtp_to_browser(stream, header, packet, self._why_not_to_browser(stream, header, source, now), now)

    def receive_bridged_rtp(self, stream: PythonStream, packet: bytes, now: float) -> None:
        """RTP of the browser that the stream is joined with, as that session's SIP side would get it."""
        header = rtp.parse(packet)
        if header is None:
            return self.drop(Drop.MALFORMED)
        self._pass_rtp_to_browser(stream, header, packet, self._why_not_to_browser(stream, header), now)

    def _authentic(self, ssrc: int, packet: bytes, unprotect: Callable[[bytes], bytes]) -> bytes:
        """Return what the SIP side protected, and count its source; or raise `SrtpRefused`."""
        if not _has_room(self._sip_ssrcs, ssrc):
            raise SrtpRefused(Drop.SSRC_LIMIT)
        clear = unprotect(packet)
        self._sip_ssrcs.setdefault(ssrc, None)
        return clear

    def _pass_rtp_to_browser(
        self, stream: PythonStream, header: rtp.RtpHeader, packet: bytes, refusal: Drop | None, now: float
    ) -> None:
        if refusal is not None or self._srtp is None or self.destination is None or stream.plan is None:
            return self.drop(refusal or Drop.NOT_CONNECTED)
        record = self._records.hear("sip", header, packet, now, stream.plan)
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
        record.sent()
        self._send_to_browser(protected, stream.plan.kind)

    def receive_sip_rtcp(
        self, stream: PythonStream, packet: bytes, source: Address, now: float, on_rtp_port: bool = False
    ) -> None:
        """RTCP on a stream's RTCP port, or multiplexed on its RTP port."""
        if stream.srtp is not None:
            if len(packet) < _RTCP_HEADER:
                return self.drop(Drop.MALFORMED)
            try:
                packet = self._authentic(int.from_bytes(packet[4:8], "big"), packet, stream.srtp.unprotect_rtcp)
            except SrtpRefused as refused:
                return self.drop(refused.drop)
        self._pass_rtcp_to_browser(stream, packet, now, lambda: stream.accepts_rtcp(source, on_rtp_port))

    def receive_bridged_rtcp(self, stream: PythonStream, packet: bytes, now: float) -> None:
        """RTCP of the browser that the stream is joined with."""
        self._pass_rtcp_to_browser(stream, packet, now, lambda: True)

    def _pass_rtcp_to_browser(
        self, stream: PythonStream, packet: bytes, now: float, is_accepted: Callable[[], bool]
    ) -> None:
        sources = rtcp.parse(packet)
        if sources is None or sources.sender is None:
            return self.drop(Drop.MALFORMED)
        if stream.plan is None:
            return self.drop(Drop.NO_STREAM)
        if not is_accepted():
            return self.drop(Drop.LATCH_REFUSED)
        if self._srtp is None:
            return self.drop(Drop.NOT_CONNECTED)
        if not _has_room(self._sip_ssrcs, sources.sender):
            return self.drop(Drop.SSRC_LIMIT)
        self._records.read_reports("sip", packet, now)
        left, wants_picture = self._repair.from_sip(stream, packet, now)
        if left:
            self._send_rest_to_browser(left)
        if wants_picture:
            self._repair.ask_for_picture(stream, "browser", now)

    def send_rtcp(self, stream: int, side: Side, packet: bytes, now: float) -> None:
        """Send RTCP of our own making."""
        self._records.read_own_reports(side, packet, now)
        if side == "sip":
            return self.send_rtcp_to_sip(self.streams[stream], packet, now)
        self.send_rtcp_to_browser(packet)

    def statistics(self) -> tuple[SourceStatistics, ...]:
        """Return what is known of each source whose media was heard."""
        return self._records.statistics({"browser": self._browser_ssrcs, "sip": self._sip_ssrcs}, self.streams)

    def request_keyframe(self, side: Side, now: float) -> None:
        """Ask for a whole picture of each video stream of that side that has been seen."""
        for stream in self.streams:
            self._repair.ask_for_picture(stream, side, now)

    def send_event(self, stream: PythonStream, payload: bytes, marker: bool, later: int, now: float) -> None:
        """Send a packet of a telephone-event in the place of the browser's media."""
        if stream.plan is None or stream.plan.events_to_sip is None:
            return self.drop(Drop.NO_STREAM)
        clear = stream.outgoing.event_packet(stream.plan.events_to_sip.payload_type, payload, marker, later)
        packet = self._for_sip(stream, clear)
        if packet is not None:
            self._records.sent_event("browser", stream.outgoing.ssrc, len(payload))
            self._send_to_sip(stream, stream.plan.kind, packet, now)

    def _hand_up(self, stream: PythonStream, side: Side, packet: bytes, now: float) -> None:
        if stream.events[side].take(EVENT_PACKETS_PER_SECOND, EVENT_PACKETS_PER_SECOND, now):
            self._on_event(self.streams.index(stream), side, packet)
        elif side == "browser":
            self.drop(Drop.DURING_EVENT)

    def _why_not_to_browser(
        self, stream: PythonStream, header: rtp.RtpHeader, source: Address | None = None, now: float = 0.0
    ) -> Drop | None:
        """Return why an RTP packet does not go on. The latch learns before media can flow, on hold too; without a
        source it came over a bridge."""
        if stream.plan is None:
            return Drop.NO_STREAM
        if header.payload_type not in stream.plan.to_browser:
            return Drop.UNKNOWN_PT
        if source is not None and not stream.rtp_latch.accepts(source, header.ssrc, header.sequence_number, now):
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
        self.counters.repairs[Repair.RESENT_TO_BROWSER] += 1
        self._send_to_browser(packet, "video")

    def resend_to_sip(self, stream: PythonStream, now: float, packet: bytes) -> None:
        """Send video again, as it went out."""
        if not stream.has_heard(stream.rtp_latch.destination):
            return self.drop(Drop.UNHEARD)  # who asks is not who would get it
        self.counters.repairs[Repair.RESENT_TO_SIP] += 1
        self._send_to_sip(stream, "video", packet, now)

    def send_rtcp_to_sip(self, stream: PythonStream, packet: bytes, now: float) -> None:
        """Send RTCP to the SIP side of a stream."""
        if stream.bridge is not None:
            self._count("browser_to_sip", "rtcp", packet)
            return stream.bridge.session.receive_bridged_rtcp(stream.bridge.stream, packet, now)
        socket, destination = stream.rtcp_route()
        if not stream.may_send(destination, now):
            return self.drop(Drop.UNHEARD)
        if stream.srtp is not None:
            try:
                packet = stream.srtp.protect_rtcp(packet)
            except SrtpRefused as refused:
                return self.drop(refused.drop)
        self._send(socket, packet, destination, "browser_to_sip", "rtcp")

    def send_rtcp_to_browser(self, packet: bytes) -> None:
        """Protect RTCP and send it to the browser."""
        if self._srtp is None:
            return self.drop(Drop.NOT_CONNECTED)
        try:
            protected = self._srtp.protect_rtcp(packet)
        except SrtpRefused as refused:
            return self.drop(refused.drop)
        self._send_to_browser(protected, "rtcp")

    def _send_to_browser(self, packet: bytes, kind: PacketKind) -> None:
        if self.destination is None:
            return self.drop(Drop.NOT_CONNECTED)
        browser_socket = self._browser_sockets[self.destination.interface]
        self._send(browser_socket, packet, self.destination.address, "sip_to_browser", kind)

    def _send(
        self, socket: DatagramSender, packet: bytes, destination: Address | None, direction: Direction, kind: PacketKind
    ) -> None:
        if destination is None:
            return self.drop(Drop.NOT_CONNECTED)
        try:
            socket.sendto(packet, destination)
        except OSError:  # a full send buffer, no route: UDP may lose it anyway
            return self.drop(Drop.SEND_FAILED)
        self._count(direction, kind, packet)

    def _count(self, direction: Direction, kind: PacketKind, packet: bytes) -> None:
        self.counters.packets[direction, kind] += 1
        self.counters.bytes[direction, kind] += len(packet)


def _has_room(ssrcs: dict[int, PythonStream | None], ssrc: int) -> bool:
    return ssrc in ssrcs or len(ssrcs) < MAX_SSRCS
