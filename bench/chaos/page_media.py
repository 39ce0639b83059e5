"""The media of a page: one connection to a relay, or two while it moves from one to another."""

import asyncio
import itertools

from tests.support.media_relay import fingerprint
from tests.support.services import MEDIA_ADDRESS
from tests.support.webrtc_client import WebRtcClient

from media_relay.core.description.sdp import parse
from media_relay.core.packet.demux import DatagramKind, kind_of
from media_relay.core.plan import Address, IceCredentials
from media_relay.forwarding.python.srtp import SrtpRefused

from .datagrams import StampedPort
from .stream import Ear, packet_of, read

_CONNECT_SECONDS = 15.0
_CHECK_SECONDS = 0.25
_CONSENT_PACKETS = 100  # a check every 4 s (RFC 7675)
_ssrcs = itertools.count(0x1000)


class Way(WebRtcClient):
    """One connection; what it brings is given to the ear of its media."""

    def __init__(self, media: "PageMedia") -> None:
        super().__init__(0, IceCredentials("", ""))
        self._media = media
        self._ssrc = next(_ssrcs)
        self._answered = asyncio.Event()
        self._port = StampedPort(MEDIA_ADDRESS, self._take)
        self._transport = self._port  # type: ignore[assignment]

    def description(self, setup: str) -> str:
        """What a browser says of this connection, with audio alone."""
        lines = (
            *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0"),
            *("m=audio 9 UDP/TLS/RTP/SAVPF 0", "c=IN IP4 0.0.0.0", "a=mid:0", "a=sendrecv", "a=rtcp-mux"),
            *("a=ice-ufrag:browser", "a=ice-pwd:password-of-the-browser", f"a=setup:{setup}"),
            *(f"a=fingerprint:sha-256 {self.fingerprints[0][1]}", "a=rtpmap:0 PCMU/8000", ""),
        )
        return "\r\n".join(lines)

    async def go_to(self, description: str) -> None:
        """Connect to the relay of a description."""
        relay = parse(description)
        line = relay.media[0]
        ice = IceCredentials(line.value("ice-ufrag") or "", line.value("ice-pwd") or "")
        self.meet(Address(MEDIA_ADDRESS, line.port), ice)
        async with asyncio.timeout(_CONNECT_SECONDS):
            await self._until_answered()
            self.start_dtls(fingerprint(relay))
            await self.connected.wait()

    async def _until_answered(self) -> None:
        while not self._answered.is_set():
            self.send_check()
            try:
                async with asyncio.timeout(_CHECK_SECONDS):
                    await self._answered.wait()
            except TimeoutError:
                continue

    def say(self, number: int, sent: float) -> None:
        """Send one packet, if the way is open."""
        if self.srtp is None:
            return
        self.send_rtp(packet_of(number, sent, self._ssrc))
        if number % _CONSENT_PACKETS == 0:
            self.send_check()

    def _take(self, data: bytes, source: tuple[str, int], came: float) -> None:
        kind = kind_of(data)
        if kind is DatagramKind.STUN:
            self._answered.set()
        elif kind is DatagramKind.RTP and self.srtp is not None:
            try:
                packet = self.srtp.unprotect_rtp(data)
            except SrtpRefused as refused:
                self.refused.append(refused.drop)
                return
            self._media.hear(self, packet, came)
        elif kind is DatagramKind.DTLS:
            self.datagram_received(data, source)

    def leave(self) -> None:
        """Close it, as a page does."""
        if self.srtp is not None:
            self.close_dtls()
        self.close()


class PageMedia:
    """What a page says and hears, by whatever way."""

    def __init__(self) -> None:
        self.ear = Ear()
        self._ways: list[Way] = []

    def open(self) -> Way:
        """Begin another connection; the former one goes on until something comes by this one, as in the SDK."""
        self._ways.append(Way(self))
        return self._ways[-1]

    def say(self, number: int, sent: float) -> None:
        """Send one packet by each way."""
        for way in self._ways:
            way.say(number, sent)

    def hear(self, way: Way, packet: bytes, came: float) -> None:
        """Take a packet, and leave the ways before the one that brought it."""
        self.ear.hear(read(packet, came))
        while self._ways[0] is not way:
            self._ways.pop(0).leave()

    def close(self) -> None:
        """Leave all ways."""
        while self._ways:
            self._ways.pop().leave()
