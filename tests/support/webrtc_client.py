"""The browser's end of a media session, as small as it can be: ICE checks, DTLS-SRTP and raw RTP on one socket."""

import asyncio
import datetime
import socket

from aioice import stun

from media_relay.browser import certificate, dtls
from media_relay.core.counters import Drop
from media_relay.core.packet.demux import DatagramKind, kind_of
from media_relay.core.plan import Address, DtlsRole, IceCredentials
from media_relay.forwarding.python.srtp import SrtpRefused, SrtpSession

RELAY_HOST = "127.0.0.1"


def binding_request(
    to_ufrag: str, pwd: str, *, use_candidate: bool = True, from_ufrag: str = "browser", controlling: bool = True
) -> bytes:
    """Return a connectivity check."""
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{to_ufrag}:{from_ufrag}"
    request.attributes["PRIORITY"] = 1862270975
    request.attributes["ICE-CONTROLLING" if controlling else "ICE-CONTROLLED"] = 4711
    if use_candidate:
        request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity(pwd.encode())
    return bytes(request)


class WebRtcClient(asyncio.DatagramProtocol):
    """One browser; what comes from the relay stands in a queue for each protocol."""

    def __init__(self, relay_port: int, relay_ice: IceCredentials) -> None:
        self.stun: asyncio.Queue[stun.Message] = asyncio.Queue()
        self.rtp: asyncio.Queue[bytes] = asyncio.Queue()
        self.rtcp: asyncio.Queue[bytes] = asyncio.Queue()
        self.refused: list[Drop] = []  # why SRTP packets were: a browser passes over them
        self.connected = asyncio.Event()
        self.ended = asyncio.Event()  # DTLS: close_notify or failure
        self.srtp: SrtpSession | None = None
        self._relay = (RELAY_HOST, relay_port)
        self.relay_ice = relay_ice
        self._certificate = certificate.generate(datetime.datetime.now(datetime.UTC))
        self._dtls: dtls.DtlsEndpoint | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, relay_port: int, relay_ice: IceCredentials, host: str = RELAY_HOST) -> "WebRtcClient":
        """Bind a port on `host`."""
        _, client = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls(relay_port, relay_ice), local_addr=(host, 0)
        )
        return client

    @classmethod
    async def on(cls, bound: socket.socket) -> "WebRtcClient":
        """Take a socket that is bound; where the relay is, it is told when there is an answer."""
        _, client = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls(0, IceCredentials("", "")), sock=bound
        )
        return client

    def meet(self, relay: Address, relay_ice: IceCredentials) -> None:
        """Send to that address of the relay, with its credentials."""
        self._relay, self.relay_ice = relay, relay_ice

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address(*self._transport.get_extra_info("sockname")[:2])

    @property
    def fingerprints(self) -> tuple[tuple[str, str], ...]:
        """What this browser's SDP says of its certificate."""
        return (("sha-256", self._certificate.fingerprint),)

    def send(self, datagram: bytes) -> None:
        """Send as it is."""
        self._transport.sendto(datagram, self._relay)

    def send_check(self, *, pwd: str | None = None, use_candidate: bool = True) -> None:
        """Send a connectivity check."""
        self.send(binding_request(self.relay_ice.ufrag, pwd or self.relay_ice.pwd, use_candidate=use_candidate))

    async def check(self, *, use_candidate: bool = True) -> stun.Message:
        """Send a connectivity check and return the relay's answer."""
        self.send_check(use_candidate=use_candidate)
        return await asyncio.wait_for(self.stun.get(), 5)

    def start_dtls(self, relay_fingerprint: str, role: DtlsRole = "client") -> None:
        """Begin the handshake; a client's hello goes out at once."""
        self._dtls = dtls.DtlsEndpoint(dtls.create_context(self._certificate), role, (("sha-256", relay_fingerprint),))
        self._dtls.start(self._loop.time())
        self._drain()

    async def connect(self, relay_fingerprint: str) -> None:
        """Check, and shake hands."""
        await self.check()
        self.start_dtls(relay_fingerprint)
        await asyncio.wait_for(self.connected.wait(), 10)

    def send_rtp(self, packet: bytes) -> None:
        """Protect and send."""
        assert self.srtp is not None
        self.send(self.srtp.protect_rtp(packet))

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send."""
        assert self.srtp is not None
        self.send(self.srtp.protect_rtcp(packet))

    async def receive_rtp(self) -> bytes:
        """Return the next RTP packet from the relay, in the clear."""
        return await asyncio.wait_for(self.rtp.get(), 5)

    async def receive_rtcp(self) -> bytes:
        """Return the next RTCP packet from the relay, in the clear."""
        return await asyncio.wait_for(self.rtcp.get(), 5)

    def close_dtls(self) -> None:
        """Say close_notify, as a page does when it ends its RTCPeerConnection."""
        assert self._dtls is not None
        self._dtls.close(self._loop.time())
        self._drain()

    def close(self) -> None:
        """Vanish."""
        if self._timer is not None:
            self._timer.cancel()
        self._transport.close()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        kind = kind_of(data)
        if kind is DatagramKind.STUN:
            self.stun.put_nowait(stun.parse_message(data))
        elif kind is DatagramKind.DTLS and self._dtls is not None:
            self._dtls.receive(data, self._loop.time())
            self._drain()
        elif self.srtp is not None:
            self._receive_srtp(data, kind, self.srtp)

    def _receive_srtp(self, data: bytes, kind: DatagramKind, srtp: SrtpSession) -> None:
        try:
            if kind is DatagramKind.RTP:
                self.rtp.put_nowait(srtp.unprotect_rtp(data))
            elif kind is DatagramKind.RTCP:
                self.rtcp.put_nowait(srtp.unprotect_rtcp(data))
        except SrtpRefused as refused:
            self.refused.append(refused.drop)

    def _drain(self) -> None:
        assert self._dtls is not None
        for output in self._dtls.take_output():
            match output:
                case dtls.SendDtls(datagram):
                    self.send(datagram)
                case dtls.KeysReady(keys):
                    self.srtp = SrtpSession(keys)
                    self.connected.set()
                case dtls.DtlsEnded():
                    self.ended.set()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        assert self._dtls is not None
        when = self._dtls.next_timer()
        if when is not None:
            self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        assert self._dtls is not None
        self._dtls.handle_timer(self._loop.time())
        self._drain()
