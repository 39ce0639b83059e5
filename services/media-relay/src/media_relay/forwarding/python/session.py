"""How the Python forwarder treats the packets of one session: authenticate, find the stream, rewrite, send, count.

Nothing is learned from a packet before it is known to be the peer's: SRTP by its tag, RTP by the latch.
"""

from collections.abc import Callable, Sequence

from shared.messages.media import Side

from ...core.counters import Drop
from ...core.packet import rtcp, rtp
from ...core.packet.demux import is_rtcp
from ...core.plan import Address, StreamKind, StreamPlan
from ...core.srtp_keys import SrtpKeys
from ...core.statistics import SourceRecord, SourceRecords, SourceStatistics
from ..forwarder import EVENT_PACKETS_PER_SECOND
from .headless import Partner
from .outbox import PythonOutbox
from .repair import PythonRepair
from .sources import PythonSources
from .srtp import SrtpRefused, SrtpSession
from .stream import DatagramSender, PythonStream, StreamPlace

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
        self.outbox = PythonOutbox(browser_sockets)
        self._repair = PythonRepair(self, on_wish)
        self._srtp: SrtpSession | None = None
        self._by_browser_pt: dict[int, PythonStream] = {}
        self.sources = PythonSources()
        self.partner: Partner | None = None  # of a session without a browser
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
        self.sources.clear()
        self._records.clear()
        for stream in self.streams:  # what they hold was protected with the old keys
            stream.repair.to_browser.clear()

    def set_headless(self) -> Partner:
        """Do without a browser; return what is in its place."""
        self.partner = self.partner or Partner(self)
        return self.partner

    def drop(self, reason: Drop) -> None:
        """Count a packet that goes nowhere."""
        self.outbox.drop(reason)

    def receive_browser_rtp(self, packet: bytes, now: float) -> None:
        """SRTP from one of the browser's validated addresses."""
        header = rtp.parse(packet)
        if header is None:
            return self.drop(Drop.MALFORMED)
        if self._srtp is None:
            return self.drop(Drop.NOT_CONNECTED)
        if not self.sources.has_room("browser", header.ssrc):
            return self.drop(Drop.SSRC_LIMIT)
        try:
            clear = self._srtp.unprotect_rtp(packet)
        except SrtpRefused as refused:
            return self.drop(refused.drop)
        self._take_rtp_for_sip(header, clear, now)

    def _take_rtp_for_sip(self, header: rtp.RtpHeader, clear: bytes, now: float) -> None:
        """RTP of the browser, or of the partner in its place."""
        stream = self._by_browser_pt.get(header.payload_type)
        self.sources.hear("browser", header.ssrc, stream)
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
        self.send_rtp_to_sip(stream, plan.kind, packet, now)

    def _for_sip(self, stream: PythonStream, clear: bytes) -> bytes | None:
        """Return RTP as the stream's ports, or its bridge, want it; None: it was dropped."""
        if stream.srtp is None or stream.bridge is not None:
            return clear
        try:
            return stream.srtp.protect_rtp(clear)
        except SrtpRefused as refused:
            self.drop(refused.drop)
            return None

    def send_rtp_to_sip(self, stream: PythonStream, kind: StreamKind, packet: bytes, now: float) -> None:
        """Send RTP, new or again, by the ports or the bridge."""
        if stream.bridge is not None:
            self.outbox.count("browser_to_sip", kind, packet)
            return stream.bridge.session.receive_bridged_rtp(stream.bridge.stream, packet, now)
        self.outbox.send_to_sip(stream.rtp_socket, packet, stream.rtp_latch.destination, kind)

    def receive_browser_rtcp(self, packet: bytes, now: float) -> None:
        """SRTCP from one of the browser's validated addresses."""
        if len(packet) < _RTCP_HEADER:
            return self.drop(Drop.MALFORMED)
        if self._srtp is None:
            return self.drop(Drop.NOT_CONNECTED)
        sender = int.from_bytes(packet[4:8], "big")
        if not self.sources.has_room("browser", sender):
            return self.drop(Drop.SSRC_LIMIT)
        try:
            clear = self._srtp.unprotect_rtcp(packet)
        except SrtpRefused as refused:
            return self.drop(refused.drop)
        self._take_rtcp_for_sip(sender, clear, now)

    def _take_rtcp_for_sip(self, sender: int, clear: bytes, now: float) -> None:
        self.sources.see("browser", sender)
        sources = rtcp.parse(clear)
        if sources is None:
            return self.drop(Drop.MALFORMED)
        self._records.read_reports("browser", clear, now)
        left = self._repair.from_browser(self._records.as_sent("browser", clear), now)
        if left and self._may_go_on_to_sip(left):
            for stream in self._streams_concerned(sources):
                self.send_rtcp_to_sip(stream, left, now)

    def _may_go_on_to_sip(self, packet: bytes) -> bool:
        """What is left of RTCP may begin with a packet of another sender, which SRTCP then goes by."""
        sender = int.from_bytes(packet[4:8], "big")
        if len(packet) < _RTCP_HEADER or not self.sources.has_room("browser", sender):
            self.drop(Drop.MALFORMED if len(packet) < _RTCP_HEADER else Drop.SSRC_LIMIT)
            return False
        self.sources.see("browser", sender)
        return True

    def receive_sip_rtp(self, stream: PythonStream, packet: bytes, source: Address, now: float) -> None:
        """A datagram on a stream's RTP port."""
        if stream.bridge is not None:  # its ports listen to nobody meanwhile, whoever was named for them
            return self.drop(Drop.LATCH_REFUSED)
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
        if not self.sources.has_room("sip", ssrc):
            raise SrtpRefused(Drop.SSRC_LIMIT)
        clear = unprotect(packet)
        self.sources.see("sip", ssrc)
        return clear

    def _pass_rtp_to_browser(
        self, stream: PythonStream, header: rtp.RtpHeader, packet: bytes, refusal: Drop | None, now: float
    ) -> None:
        if refusal is not None or stream.plan is None:
            return self.drop(refusal or Drop.NO_STREAM)
        record = self._records.hear("sip", header, packet, now, stream.plan)
        if header.payload_type in stream.plan.sip_events:
            self._hand_up(stream, "sip", packet, now)
        if (payload_type := stream.plan.to_browser[header.payload_type]) != header.payload_type:
            packet = rtp.with_payload_type(packet, payload_type)
        if record.shift and stream.plan.kind == "audio":  # SRTP takes no number twice
            packet = rtp.with_sequence_number(packet, (header.sequence_number + record.shift) & 0xFFFF)
        if self._srtp is None:
            return self._give_to_partner(stream, packet, record, now)
        try:
            protected = self._srtp.protect_rtp(packet)
        except SrtpRefused as refused:
            return self.drop(refused.drop)
        if stream.plan.answers_nack:
            stream.repair.to_browser.keep(header.ssrc, header.sequence_number, protected)
        record.sent()
        self.outbox.send_to_browser(protected, stream.plan.kind)

    def _give_to_partner(self, stream: PythonStream, packet: bytes, record: SourceRecord, now: float) -> None:
        if self.partner is not None and stream.plan is not None and self.partner.give_rtp(packet, now):
            record.sent()
            self.outbox.count("sip_to_browser", stream.plan.kind, packet)

    def receive_partner_rtp(self, header: rtp.RtpHeader, packet: bytes, now: float) -> None:
        """RTP that the partner's SIP side sent, in the numbers of a browser."""
        if not self.sources.has_room("browser", header.ssrc):
            return self.drop(Drop.SSRC_LIMIT)
        self._take_rtp_for_sip(header, packet, now)

    def receive_partner_rtcp(self, sender: int, packet: bytes, now: float) -> None:
        """RTCP likewise."""
        if not self.sources.has_room("browser", sender):
            return self.drop(Drop.SSRC_LIMIT)
        self._take_rtcp_for_sip(sender, packet, now)

    def receive_sip_rtcp(
        self, stream: PythonStream, packet: bytes, source: Address, now: float, on_rtp_port: bool = False
    ) -> None:
        """RTCP on a stream's RTCP port, or multiplexed on its RTP port."""
        if stream.bridge is not None:  # as above
            return self.drop(Drop.LATCH_REFUSED)
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
        if not self._is_connected:
            return self.drop(Drop.NOT_CONNECTED)
        if not self.sources.has_room("sip", sources.sender):
            return self.drop(Drop.SSRC_LIMIT)
        self._records.read_reports("sip", packet, now)
        left, wants_picture = self._repair.from_sip(stream, packet, now)
        if left:
            self._send_rest_to_browser(left, now)
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
        return self._records.statistics(self.sources.by_side, self.streams)

    def request_keyframe(self, side: Side, now: float) -> None:
        """Ask for a whole picture of each video stream of that side that has been seen."""
        for stream in self.streams:
            self._repair.ask_for_picture(stream, side, now)

    def send_event(self, stream: PythonStream, payload: bytes, marker: bool, later: int, now: float) -> None:
        """Send a packet of a telephone-event in the place of the browser's media."""
        if stream.plan is None or stream.plan.events_to_sip is None:
            return self.drop(Drop.NO_STREAM)
        self.send_own(stream, stream.plan.events_to_sip.payload_type, payload, marker, later, now)

    def send_own(
        self, stream: PythonStream, payload_type: int, payload: bytes, marker: bool, later: int, now: float
    ) -> None:
        """Send a packet of media of ours in that place."""
        if stream.plan is None:
            return self.drop(Drop.NO_STREAM)
        if not stream.may_send(stream.rtp_latch.destination, now):
            return self.drop(Drop.UNHEARD)
        clear = stream.outgoing.event_packet(payload_type, payload, marker, later)
        packet = self._for_sip(stream, clear)
        if packet is not None:
            self._records.sent_event("browser", stream.outgoing.ssrc, len(payload))
            self.send_rtp_to_sip(stream, stream.plan.kind, packet, now)

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
        if not self._is_connected:
            return Drop.NOT_CONNECTED
        return None if self.sources.is_of(header.ssrc, stream) else Drop.SSRC_LIMIT

    @property
    def _is_connected(self) -> bool:
        """Whether what the SIP side sends has somewhere to go, or nowhere on purpose."""
        return self.partner is not None or (self._srtp is not None and self.outbox.destination is not None)

    def _streams_concerned(self, sources: rtcp.RtcpSources) -> list[PythonStream]:
        """Return the streams that RTCP of the browser is about, in doubt all in use."""
        about = self.sources.concerned(sources)
        return [stream for stream in self.streams if stream in about or (not about and stream.plan is not None)]

    def _send_rest_to_browser(self, packet: bytes, now: float) -> None:
        """The same for the other way."""
        sources = rtcp.parse(packet)
        if sources is None or sources.sender is None:
            return
        if not self.sources.has_room("sip", sources.sender):
            return self.drop(Drop.SSRC_LIMIT)
        self.sources.see("sip", sources.sender)
        if self.partner is not None:
            return self.partner.give_rtcp(sources.sender, packet, now)
        self.send_rtcp_to_browser(packet)

    def send_rtcp_to_sip(self, stream: PythonStream, packet: bytes, now: float) -> None:
        """Send RTCP to the SIP side of a stream."""
        if stream.bridge is not None:
            self.outbox.count("browser_to_sip", "rtcp", packet)
            return stream.bridge.session.receive_bridged_rtcp(stream.bridge.stream, packet, now)
        socket, destination = stream.rtcp_route()
        if not stream.may_send(destination, now):
            return self.drop(Drop.UNHEARD)
        if stream.srtp is not None:
            try:
                packet = stream.srtp.protect_rtcp(packet)
            except SrtpRefused as refused:
                return self.drop(refused.drop)
        self.outbox.send_to_sip(socket, packet, destination, "rtcp")

    def send_rtcp_to_browser(self, packet: bytes) -> None:
        """Protect RTCP and send it to the browser."""
        if self._srtp is None:
            return self.drop(Drop.NOT_CONNECTED)
        try:
            protected = self._srtp.protect_rtcp(packet)
        except SrtpRefused as refused:
            return self.drop(refused.drop)
        self.outbox.send_to_browser(protected, "rtcp")
