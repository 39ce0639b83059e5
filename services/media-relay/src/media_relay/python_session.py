"""How the Python forwarder treats the packets of one session: authenticate, find the stream, rewrite, send, count.

Nothing is learned from a packet before it is known to be the peer's: SRTP by its tag, RTP by the latch.
"""

from collections.abc import Sequence
from typing import Protocol

from shared.messages.media import Side

from .core.allowance import Allowance
from .core.counters import Counters, Direction, Drop, PacketKind
from .core.latch import VIDEO_FACTOR, LatchPolicy, RtcpLatch, RtpLatch
from .core.packet import feedback, rtcp, rtp
from .core.packet.demux import is_rtcp
from .core.plan import Address, StreamPlan
from .core.repair import StreamRepair, answer
from .core.srtp_keys import SrtpKeys
from .core.statistics import SourceRecords, SourceStatistics
from .srtp import SrtpRefused, SrtpSession

# Each SSRC costs SRTP state for as long as the session lives. A call has a few, a transfer adds some.
MAX_SSRCS = 256
_OWN_SSRC = 1  # whom our own RTCP is from; browsers that only receive call themselves so


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

    def set_plan(self, plan: StreamPlan | None, now: float) -> None:
        """Go by this plan; None: the stream is not in use."""
        self.plan = plan
        self.rtp_latch.expect(plan.sip_rtp if plan else None, now)
        self.rtcp_latch.expect(plan.sip_rtcp if plan else None)

    def peers(self) -> frozenset[Address]:
        """Return who was heard."""
        heard = (self.rtp_latch.source, self.rtcp_latch.source)
        return frozenset(source for source in heard if source is not None)

    def may_send(self, now: float) -> bool:
        """Tell whether a packet may be sent to the SIP side: until that is heard, no more than a call needs."""
        if self.rtp_latch.source is not None or self.rtcp_latch.source is not None:
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

    def __init__(self, browser_socket: DatagramSender, streams: Sequence[PythonStream]) -> None:
        self.streams = tuple(streams)
        self.destination: Address | None = None  # the browser's
        self.counters = Counters()
        self._browser_socket = browser_socket
        self._srtp: SrtpSession | None = None
        self._by_browser_pt: dict[int, PythonStream] = {}
        self._browser_ssrcs: dict[int, PythonStream | None] = {}  # authenticated; None: seen in RTCP only
        self._sip_ssrcs: dict[int, PythonStream | None] = {}
        self._records = SourceRecords()  # of those above that sent media

    def set_streams(self, plans: Sequence[StreamPlan], now: float) -> None:
        """Take a new plan for each stream."""
        self._by_browser_pt.clear()
        for index, stream in enumerate(self.streams):
            plan = plans[index] if index < len(plans) else None
            stream.set_plan(plan, now)
            for payload_type in plan.to_sip if plan else ():
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
        if not stream.plan.browser_sends:
            return self.drop(Drop.ON_HOLD)
        octets = rtp.payload_length(clear, header)
        record = self._records.hear("browser", header, octets, now, stream.plan.clock_rate)
        if not stream.may_send(now):
            return self.drop(Drop.UNHEARD)
        if self._forward_to_sip(stream, stream.plan, header, clear, now):
            record.sent(octets)

    def _forward_to_sip(
        self, stream: PythonStream, plan: StreamPlan, header: rtp.RtpHeader, clear: bytes, now: float
    ) -> bool:
        payload_type = plan.to_sip[header.payload_type]
        if payload_type != header.payload_type:
            clear = rtp.with_payload_type(clear, payload_type)
        self._ask_for_losses(stream, header, now)
        if plan.sip_takes_nack:
            stream.repair.to_sip.keep(header.ssrc, header.sequence_number, clear)
        return self._send(stream.rtp_socket, clear, stream.rtp_latch.destination, "browser_to_sip", plan.kind)

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
        self._records.read_reports("browser", clear, now)
        left = feedback.rewrite(clear, self._answer_browser)
        for stream in self._streams_concerned(sources) if left else ():
            self._send_rtcp_to_sip(stream, left, now)

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
        octets = rtp.payload_length(packet, header)
        record = self._records.hear("sip", header, octets, now, stream.plan.clock_rate)
        payload_type = stream.plan.to_browser[header.payload_type]
        if payload_type != header.payload_type:
            packet = rtp.with_payload_type(packet, payload_type)
        try:
            protected = self._srtp.protect_rtp(packet)
        except SrtpRefused as refused:
            return self.drop(refused.drop)
        if stream.plan.answers_nack:
            stream.repair.to_browser.keep(header.ssrc, header.sequence_number, protected)
        if self._send(self._browser_socket, protected, self.destination, "sip_to_browser", stream.plan.kind):
            record.sent(octets)

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
        self._records.read_reports("sip", packet, now)
        left = feedback.rewrite(packet, lambda each: self._answer_sip(stream, each))
        # What is left may begin with a packet of another sender, which SRTCP then goes by.
        remaining = rtcp.parse(left)
        if remaining is None or remaining.sender is None:
            return
        if not _has_room(self._sip_ssrcs, remaining.sender):
            return self.drop(Drop.SSRC_LIMIT)
        self._sip_ssrcs.setdefault(remaining.sender, None)
        self._send_rtcp_to_browser(left)

    def send_rtcp(self, stream: int, side: Side, packet: bytes, now: float) -> None:
        """Send RTCP of our own making."""
        self._records.read_own_reports(side, packet, now)
        if side == "browser":
            self._send_rtcp_to_browser(packet)
        else:
            self._send_rtcp_to_sip(self.streams[stream], packet, now)

    def statistics(self) -> tuple[SourceStatistics, ...]:
        """Return what is known of each source whose media was heard."""
        owners = {"browser": self._browser_ssrcs, "sip": self._sip_ssrcs}
        return tuple(
            record.statistics(self.streams.index(stream), side, ssrc)
            for side, ssrc, record in self._records
            if (stream := owners[side].get(ssrc)) is not None
        )

    def request_keyframe(self, side: Side, now: float) -> None:
        """Ask for a whole picture of each video stream of that side that has been seen."""
        ssrcs = self._browser_ssrcs if side == "browser" else self._sip_ssrcs
        for stream in self.streams:
            seen = [ssrc for ssrc, owner in ssrcs.items() if owner is stream]
            if not seen or stream.plan is None or stream.plan.kind != "video":
                continue
            packet = rtcp.picture_loss_indication(_OWN_SSRC, seen[-1])
            if side == "browser":
                self._send_rtcp_to_browser(packet)
            else:
                self._send_rtcp_to_sip(stream, packet, now)

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

    def _ask_for_losses(self, stream: PythonStream, header: rtp.RtpHeader, now: float) -> None:
        if stream.plan is None or not stream.plan.answers_nack:
            return
        numbers = stream.repair.losses.receive(header.ssrc, header.sequence_number, now)
        if numbers:
            self._send_rtcp_to_browser(feedback.generic_nack(_OWN_SSRC, header.ssrc, numbers))

    def _answer_browser(self, packet: bytes) -> bytes:
        """Return what is to go on of a packet of the browser's RTCP."""
        stream = self._sip_ssrcs.get(feedback.source_of(packet)) if feedback.is_nack(packet) else None
        if stream is None or stream.plan is None:
            return packet
        if stream.plan.answers_nack:
            packet = answer(packet, stream.repair.to_browser, self._resend_to_browser)
        return packet if stream.plan.sip_takes_nack else b""

    def _answer_sip(self, stream: PythonStream, packet: bytes) -> bytes:
        """Return what is to go on of a packet of the SIP side's RTCP."""
        if stream.plan is None or not feedback.is_nack(packet):
            return packet
        if stream.plan.sip_takes_nack:
            packet = answer(packet, stream.repair.to_sip, lambda sent: self._resend_to_sip(stream, sent))
        return b"" if stream.plan.answers_nack else packet

    def _resend_to_browser(self, packet: bytes) -> None:
        self._send(self._browser_socket, packet, self.destination, "sip_to_browser", "video")

    def _resend_to_sip(self, stream: PythonStream, packet: bytes) -> None:
        self._send(stream.rtp_socket, packet, stream.rtp_latch.destination, "browser_to_sip", "video")

    def _send_rtcp_to_sip(self, stream: PythonStream, packet: bytes, now: float) -> None:
        if not stream.may_send(now):
            return self.drop(Drop.UNHEARD)
        socket, destination = stream.rtcp_route()
        self._send(socket, packet, destination, "browser_to_sip", "rtcp")

    def _send_rtcp_to_browser(self, packet: bytes) -> None:
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
    ) -> bool:
        if destination is None:
            self.drop(Drop.NOT_CONNECTED)
            return False
        try:
            socket.sendto(packet, destination)
        except OSError:  # a full send buffer, no route: UDP may lose it anyway
            self.drop(Drop.SEND_FAILED)
            return False
        self.counters.packets[direction, kind] += 1
        self.counters.bytes[direction, kind] += len(packet)
        return True


def _has_room(ssrcs: dict[int, PythonStream | None], ssrc: int) -> bool:
    return ssrc in ssrcs or len(ssrcs) < MAX_SSRCS
