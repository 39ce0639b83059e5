"""Calls whose media is measured at both ends: a page without a browser, and a phone; each sends 50 packets a second."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from media_relay.core.description.sdp import parse
from media_relay.core.plan import Address, IceCredentials
from shared.bus import Bus, expiry
from shared.messages import (
    AllocateMedia,
    AnswerCall,
    AnswerRenewal,
    CallEstablished,
    Done,
    IncomingAccepted,
    IncomingCall,
    MediaAllocated,
    Message,
    ReanchorMedia,
    SipAccount,
    StartCall,
)
from shared.subjects import relay_commands
from shared.tasks import Tasks

from .bus_seats import SessionSeat, command_id
from .media_relay import fingerprint
from .rtp_packets import rtp_packet
from .services import MEDIA_ADDRESS
from .sip_peer import SipPeer
from .sip_phone import RtpSocket
from .webrtc_client import WebRtcClient

PERIOD = 0.02
_numbers = itertools.count(1)


@dataclass
class Ear:
    """When packets have come."""

    times: list[float] = field(default_factory=list)

    def gap_since(self, begin: float) -> float:
        """Return the longest time from then on in which nothing came."""
        now = asyncio.get_running_loop().time()
        times = [begin, *(at for at in self.times if at >= begin), now]
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    async def hears(self, within: float = 10.0) -> None:
        """Return once it hears again: ten packets from now on."""
        count = len(self.times)
        async with asyncio.timeout(within):
            while len(self.times) < count + 10:  # noqa: ASYNC110
                await asyncio.sleep(PERIOD)


class MeasuredPage(SessionSeat):
    """A session with the media end of a browser: it calls or is called, and comes anew when it is told to."""

    def __init__(self, bus: Bus, agent: str, tasks: Tasks, relay: str) -> None:
        super().__init__(bus, agent, f"s-measured-{next(_numbers)}", SipAccount(login="", domain=""))
        self.ear = Ear()
        self.call_id = f"c-{self.session_id}"
        self._tasks = tasks
        self._relay = relay
        self._ways: list[tuple[WebRtcClient, Tasks]] = []  # to relays, with what is done there

    async def dial(self, callee: str) -> None:
        """Call somebody; return once both are through, and media flows."""
        client = await self._client()
        allocated = await self._allocate(self.call_id, browser_sdp=browser_sdp(client, "actpass"))
        command = StartCall(
            id=command_id(),
            expires_at=expiry(),
            session_id=self.session_id,
            call_id=self.call_id,
            callee=callee,
            media=allocated.media,
            sip_sdp=allocated.sip_sdp or "",
        )
        await self.ask(command, Done)
        established = await self.expect(CallEstablished)
        await self._connect(client, established.browser_sdp or "")

    async def _allocate(self, call_id: str, **offer: str) -> MediaAllocated:
        media_id = f"m-{self.session_id}"
        command = AllocateMedia(
            id=command_id(), expires_at=expiry(), media_id=media_id, call_id=call_id, agent=self.agent, **offer
        )
        return await self.bus.request(relay_commands(self._relay), command, MediaAllocated)

    async def _handle(self, message: Message) -> Message | None:
        match message:
            case ReanchorMedia():
                self._tasks.spawn(self._come_anew(message), "page")
                return Done()
            case IncomingCall():
                return await self._ring(message)
        return await super()._handle(message)

    async def _ring(self, incoming: IncomingCall) -> IncomingAccepted:
        allocated = await self._allocate(incoming.call_id, sip_sdp=incoming.sip_sdp)
        self.call_id = incoming.call_id
        offer = allocated.browser_sdp or ""
        self._tasks.spawn(self._answer(offer), "page")
        return IncomingAccepted(media=allocated.media, browser_sdp=offer)

    async def _answer(self, offer: str) -> None:
        client = await self._client()
        command = AnswerCall(
            id=command_id(),
            expires_at=expiry(),
            session_id=self.session_id,
            call_id=self.call_id,
            browser_sdp=browser_sdp(client, "active"),
        )
        await self.ask(command, Done)
        await self._connect(client, offer)

    async def _come_anew(self, command: ReanchorMedia) -> None:
        client = await self._client()
        answer = AnswerRenewal(
            id=command_id(),
            expires_at=expiry(),
            session_id=self.session_id,
            call_id=command.call_id,
            browser_sdp=browser_sdp(client, "active"),
        )
        await self.ask(answer, Done)
        await self._connect(client, command.browser_sdp)

    async def _client(self) -> WebRtcClient:
        return await WebRtcClient.open(0, IceCredentials("", ""), MEDIA_ADDRESS)

    async def _connect(self, client: WebRtcClient, text: str) -> None:
        """Come to a relay; what was before goes on until media comes by the new way, as the SDK has it."""
        relay = parse(text)
        line = relay.media[0]
        ice = IceCredentials(line.value("ice-ufrag") or "", line.value("ice-pwd") or "")
        client.meet(Address(MEDIA_ADDRESS, line.port), ice)
        way = client, Tasks("way")
        self._ways.append(way)
        await client.connect(fingerprint(relay))
        way[1].spawn(self._listen(client), "ear")
        way[1].spawn(speak(client.send_rtp, next(_numbers)), "mouth")

    async def _listen(self, client: WebRtcClient) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await client.rtp.get()
            while self._ways[0][0] is not client:
                former, tasks = self._ways.pop(0)
                await tasks.aclose()
                former.close_dtls()
                former.close()
            self.ear.times.append(loop.time())

    async def aclose(self) -> None:
        """Leave the sockets."""
        for client, tasks in self._ways:
            await tasks.aclose()
            client.close()


class MeasuredPhone:
    """A SIP phone that answers whatever it is asked, and sends media to where the last description says."""

    def __init__(self, sip: SipPeer, rtp: RtpSocket, tasks: Tasks) -> None:
        self.sip = sip
        self.ear = Ear()
        self._rtp = rtp
        self._relay_port = 0
        self._tasks = tasks

    @classmethod
    async def open(cls, tasks: Tasks) -> "MeasuredPhone":
        """Bind the ports, and be there."""
        phone = cls(await SipPeer.open(), await RtpSocket.open(), tasks)
        tasks.spawn(phone._serve(), "phone")
        tasks.spawn(phone._listen(), "ear")
        return phone

    async def _serve(self) -> None:
        while True:
            try:
                request = await self.sip.expect_one_of(("INVITE", "BYE"))
            except AssertionError:  # nothing for a while
                continue
            if request.method == "INVITE":
                self.sip.respond(request, 200, self._description())
                was_silent, self._relay_port = not self._relay_port, parse(request.body.decode()).media[0].port
                if was_silent:
                    self._tasks.spawn(speak(self._send, next(_numbers)), "mouth")
            else:
                self.sip.respond(request, 200)

    def _send(self, packet: bytes) -> None:
        self._rtp.send(packet, self._relay_port)

    def _description(self) -> str:
        line = f"m=audio {self._rtp.address.port} RTP/AVP 0"
        return f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n{line}\r\n"

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._rtp.received.get()
            self.ear.times.append(loop.time())

    def close(self) -> None:
        """Leave the ports."""
        self.sip.close()
        self._rtp.close()


async def speak(send: Callable[[bytes], None], ssrc: int) -> None:
    """Send 50 packets a second, for ever."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in itertools.count(1):
        send(rtp_packet(sequence_number=number & 0xFFFF, ssrc=ssrc))
        await asyncio.sleep(max(0.0, start + number * PERIOD - loop.time()))


def browser_sdp(client: WebRtcClient, setup: str) -> str:
    """What a browser says, with audio alone."""
    lines = (
        *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0"),
        *("m=audio 9 UDP/TLS/RTP/SAVPF 0", "c=IN IP4 0.0.0.0", "a=mid:0", "a=sendrecv", "a=rtcp-mux"),
        *("a=ice-ufrag:browser", "a=ice-pwd:password-of-the-browser", f"a=setup:{setup}"),
        *(f"a=fingerprint:sha-256 {client.fingerprints[0][1]}", "a=rtpmap:0 PCMU/8000", ""),
    )
    return "\r\n".join(lines)
