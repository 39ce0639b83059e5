"""How the Python forwarder repairs the video of one session, `native/repair.c` in Python; `core/repair.py` says why."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from shared.messages.media import Side

from ...core.counters import Drop, Repair
from ...core.outgoing import OWN_SSRC
from ...core.packet import feedback, rtcp, rtp
from ...core.plan import StreamKind
from ...core.repair import answer
from .outbox import PythonOutbox
from .sources import PythonSources
from .stream import PythonStream


class RepairedSession(Protocol):
    """As much of a session as its repair needs."""

    sources: PythonSources
    outbox: PythonOutbox

    def send_rtcp_to_browser(self, packet: bytes) -> None:
        """Protect RTCP and send it."""

    def send_rtcp_to_sip(self, stream: PythonStream, packet: bytes, now: float) -> None:
        """The same to the SIP side of a stream."""

    def send_rtp_to_sip(self, stream: PythonStream, kind: StreamKind, packet: bytes, now: float) -> None:
        """Send RTP again, by the ports or the bridge."""

    def drop(self, reason: Drop) -> None:
        """Count a packet that goes nowhere."""


class PythonRepair:
    """Answers and sends feedback. `on_wish` gets a request for a picture that the SIP side reads no RTCP for."""

    def __init__(self, session: RepairedSession, on_wish: Callable[[bytes], None]) -> None:
        self._session = session
        self._on_wish = on_wish

    def received(self, stream: PythonStream, header: rtp.RtpHeader, now: float) -> None:
        """Ask the browser for what is missing before this packet of its."""
        if stream.plan is None or not stream.plan.answers_nack:
            return
        numbers = stream.repair.losses.receive(header.ssrc, header.sequence_number, now)
        if numbers:
            self._count(Repair.ASKED_OF_BROWSER, len(numbers))
            self._session.send_rtcp_to_browser(feedback.generic_nack(OWN_SSRC, header.ssrc, numbers))

    def from_browser(self, compound: bytes, now: float) -> bytes:
        """Answer what can be answered of the browser's valid RTCP; return what is to go on."""
        return feedback.rewrite(compound, partial(self._treat_browsers, now))

    def from_sip(self, stream: PythonStream, compound: bytes, now: float) -> tuple[bytes, bool]:
        """The same for the SIP side's; and whether it wants a picture."""
        wishes: list[bytes] = []
        return feedback.rewrite(compound, partial(self._treat_phones, stream, wishes, now)), bool(wishes)

    def ask_for_picture(self, stream: PythonStream, side: Side, now: float) -> None:
        """Ask that side for a whole picture of the stream, if it was not asked just now."""
        source, plan = self._session.sources.last(stream, side), stream.plan
        if source is None or plan is None or plan.kind != "video" or not stream.repair.wishes.may_ask(side, now):
            return
        self._count(Repair.PICTURES_OF_BROWSER if side == "browser" else Repair.PICTURES_OF_SIP)
        packet = rtcp.picture_loss_indication(OWN_SSRC, source)
        if side == "browser":
            self._session.send_rtcp_to_browser(packet)
        elif plan.sip_takes_pli:
            self._session.send_rtcp_to_sip(stream, packet, now)
        elif plan.sip_takes_fir:
            stream.repair.pictures_asked += 1
            request = feedback.full_intra_request(OWN_SSRC, source, stream.repair.pictures_asked)
            self._session.send_rtcp_to_sip(stream, request, now)
        else:
            self._on_wish(packet)

    def _treat_browsers(self, now: float, packet: bytes) -> bytes:
        if feedback.wants_picture(packet):
            return self._take_wish(packet, now)
        stream = self._session.sources.stream("sip", feedback.source_of(packet)) if feedback.is_nack(packet) else None
        if stream is None or stream.plan is None:
            return packet
        if stream.plan.answers_nack:
            packet = answer(packet, stream.repair.to_browser, now, self._resend_to_browser)
        return packet if stream.plan.sip_takes_nack else b""

    def _take_wish(self, packet: bytes, now: float) -> bytes:
        """One that is for streams that are not known goes on."""
        streams = {self._session.sources.stream("sip", ssrc) for ssrc in feedback.picture_sources(packet)} - {None}
        for stream in streams:
            if stream is not None:
                self.ask_for_picture(stream, "sip", now)
        return b"" if streams else packet

    def _treat_phones(self, stream: PythonStream, wishes: list[bytes], now: float, packet: bytes) -> bytes:
        """What is not in the buffer never came, or came too long ago: it is asked for from here, and if the browser
        sent it again, its old number would be refused as a replay."""
        if feedback.wants_picture(packet):
            wishes.append(packet)
            return b""
        if stream.plan is None or not feedback.is_nack(packet):
            return packet
        if stream.plan.sip_takes_nack:
            packet = answer(packet, stream.repair.to_sip, now, partial(self._resend_to_sip, stream, now))
        return b"" if stream.plan.answers_nack else packet

    def _resend_to_browser(self, packet: bytes) -> None:
        """As it went out."""
        self._count(Repair.RESENT_TO_BROWSER)
        self._session.outbox.send_to_browser(packet, "video")

    def _resend_to_sip(self, stream: PythonStream, now: float, packet: bytes) -> None:
        """The same."""
        if not stream.has_heard(stream.rtp_latch.destination):
            return self._session.drop(Drop.UNHEARD)  # who asks is not who would get it
        self._count(Repair.RESENT_TO_SIP)
        self._session.send_rtp_to_sip(stream, "video", packet, now)

    def _count(self, what: Repair, how_many: int = 1) -> None:
        self._session.outbox.counters.repairs[what] += how_many
