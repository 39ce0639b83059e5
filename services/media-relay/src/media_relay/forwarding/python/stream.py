"""The SIP side of one stream in the Python forwarder, by sockets or by a bridge to a stream of another session."""

from typing import NamedTuple, Protocol

from shared.messages.media import Side

from ...core.allowance import Allowance
from ...core.latch import VIDEO_FACTOR, LatchPolicy, RtcpLatch, RtpLatch
from ...core.outgoing import OutgoingSource
from ...core.plan import Address, StreamPlan
from ...core.repair import StreamRepair
from ...core.srtp_keys import SrtpKeys, SrtpProfile
from .srtp import SrtpSession


class DatagramSender(Protocol):
    """The part of a UDP socket that sending needs."""

    def sendto(self, data: bytes, address: tuple[str, int], /) -> int:
        """Send, or raise OSError."""


class BridgedSession(Protocol):
    """What a bridge needs of the session at its other end."""

    def receive_bridged_rtp(self, stream: "PythonStream", packet: bytes, now: float) -> None:
        """Take RTP, in the clear, as the stream's SIP side would have sent it."""

    def receive_bridged_rtcp(self, stream: "PythonStream", packet: bytes, now: float) -> None:
        """Take RTCP likewise."""


class StreamPlace(NamedTuple):
    """A stream with its session."""

    session: BridgedSession
    stream: "PythonStream"


def join(one: StreamPlace, other: StreamPlace) -> None:
    """Let two streams be each other's SIP side. Neither listens to a stranger now that has not been heard yet."""
    one.stream.part()
    other.stream.part()
    one.stream.bridge, other.stream.bridge = other, one
    for stream in (one.stream, other.stream):
        stream.repair.to_sip.clear()  # what it holds may be protected for the ports
        stream.rtp_latch.lock()
        stream.rtcp_latch.lock()


class PythonStream:
    """The SIP side of one stream."""

    def __init__(
        self, rtp_socket: DatagramSender, rtcp_socket: DatagramSender, policy: LatchPolicy, barred: frozenset[Address]
    ) -> None:
        self.rtp_socket = rtp_socket
        self.rtcp_socket = rtcp_socket
        self.plan: StreamPlan | None = None
        self.srtp: SrtpSession | None = None  # of the SIP side
        self._srtp_by_key: dict[tuple[SrtpProfile, bytes], SrtpSession] = {}  # all there have been: they may come again
        self.bridge: StreamPlace | None = None  # instead of the sockets
        self._policy = policy
        self.repair = StreamRepair()
        self._unheard = Allowance()
        self.rtp_latch = RtpLatch(policy, barred)
        self.rtcp_latch = RtcpLatch()
        self.outgoing = OutgoingSource()
        self.events: dict[Side, Allowance] = {"browser": Allowance(), "sip": Allowance()}

    def set_plan(self, plan: StreamPlan | None, now: float) -> None:
        """Go by this plan; None: the stream is not in use."""
        keys = plan.sip_srtp if plan else None
        if keys != (self.plan.sip_srtp if self.plan else None):
            self.repair.to_sip.clear()  # what it holds was sent under others
        self.plan = plan
        self.srtp = None if keys is None else self._srtp_of(keys)
        self.rtp_latch.expect(plan.sip_rtp if plan else None, now)
        self.rtcp_latch.expect(plan.sip_rtcp if plan else None)

    def _srtp_of(self, keys: SrtpKeys) -> SrtpSession:
        srtp = SrtpSession(keys, self._srtp_by_key.get((keys.profile, keys.send)))
        self._srtp_by_key[keys.profile, keys.send] = srtp
        return srtp

    def part(self) -> None:
        """Go by the sockets again, at both ends."""
        if self.bridge is None:
            return
        for stream in (self.bridge.stream, self):
            stream.bridge = None
            stream.repair.to_sip.clear()

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
