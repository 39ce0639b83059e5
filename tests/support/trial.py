"""Calls through a real relay whose browsers and phones are hosts of their own, and how much of them is heard."""

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from media_relay.core.description.sdp import SessionDescription, parse
from media_relay.core.plan import Address, IceCredentials
from shared.messages import MediaConnected
from tests.support import sdes
from tests.support.descriptions import phone, sdp
from tests.support.media_relay import Relay, fingerprint
from tests.support.network import RELAY_HOST, Network
from tests.support.rtp_packets import rtp_packet
from tests.support.sip_phone import RtpSocket
from tests.support.webrtc_client import WebRtcClient

PERIOD = 0.02
PCMU = 0
_BROWSER_SSRC, _PHONE_SSRC = 0xB0000000, 0x50000000
_AUDIO_OFFER = re.sub(r"BUNDLE .*", "BUNDLE 0", sdp("chromium_audio_video_offer").partition("m=video")[0])
_numbers = itertools.count(1)


@dataclass
class Call:
    """A connected call in G.711, and where the relay has its ends."""

    media_id: str
    browser: WebRtcClient
    rtp: RtpSocket
    rtcp: RtpSocket
    rtp_port: int
    browser_port: int
    number: int = field(default_factory=lambda: next(_numbers))
    said: int = 0  # packets so far, each way
    agreed: sdes.Agreed | None = None  # that the phone's media is protected, and how

    @property
    def browser_ssrc(self) -> int:
        return _BROWSER_SSRC + self.number

    @property
    def phone_ssrc(self) -> int:
        return _PHONE_SSRC + self.number

    def words(self, who: str, number: int) -> bytes:
        """Return a payload that nobody else says."""
        return f"{self.media_id} {who} {number} ".encode().ljust(160, b".")

    def say(self, *, phone_too: bool = True) -> None:
        """Send a packet from each end."""
        number = self.said & 0xFFFF
        self.browser.send_rtp(rtp_packet(PCMU, number, self.browser_ssrc, self.words("browser", self.said)))
        if phone_too:
            packet = rtp_packet(PCMU, number, self.phone_ssrc, self.words("phone", self.said))
            protected = self.agreed.srtp.protect_rtp(packet) if self.agreed else packet
            self.rtp.send(protected, self.rtp_port, RELAY_HOST)
        self.said += 1

    def heard(self, item: tuple[bytes, Address]) -> bytes:
        """Return the payload of what came at the phone."""
        packet, _ = item
        return (self.agreed.srtp.unprotect_rtp(packet) if self.agreed else packet)[12:]

    async def greet(self) -> None:
        """Let each end hear the other: from then on the relay knows where the phone is."""
        self.say()
        await self.rtp.receive()
        await self.browser.receive_rtp()

    @property
    def relay_rtp(self) -> Address:
        """The relay's port for the phone."""
        return Address(RELAY_HOST, self.rtp_port)

    @property
    def relay_browser(self) -> Address:
        """The relay's port for the browser."""
        return Address(RELAY_HOST, self.browser_port)

    def close(self) -> None:
        for end in (self.browser, self.rtp, self.rtcp):
            end.close()


@dataclass
class Heard:
    """What came of a talk: of all that was said, at both ends of all calls."""

    said: int = 0
    missing: int = 0
    strange: list[bytes] = field(default_factory=list)  # payloads that were not said to that end, or came twice

    @property
    def is_whole(self) -> bool:
        return self.said > 0 and not self.missing and not self.strange


@dataclass
class Trial:
    """A relay under attack."""

    network: Network
    relay: Relay
    calls: list[Call] = field(default_factory=list)
    relay_fingerprint: str = ""

    async def call(self, media_id: str = "m1") -> Call:
        """Connect a call that a browser makes; its ends have heard each other."""
        made = await self.prepare(media_id)
        await self.connect(made)
        await made.greet()
        return made

    audio_offer = _AUDIO_OFFER

    async def prepare(
        self, media_id: str = "m1", certificate_of: WebRtcClient | None = None, phone_says: str = "", rtcp: str = ""
    ) -> Call:
        """Let offer and answer be exchanged. The browser may name another's certificate, the phone other hosts."""
        made = await self._open(media_id)
        digest = (certificate_of or made.browser).fingerprints[0][1]
        offer = re.sub(r"a=fingerprint:.*", f"a=fingerprint:sha-256 {digest}", _AUDIO_OFFER)
        allocated = await self.relay.allocate(media_id, browser_sdp=offer)
        assert allocated.sip_sdp is not None
        offer_to_phone = parse(allocated.sip_sdp).media[0]
        made.rtp_port = offer_to_phone.port
        made.agreed = sdes.answer(offer_to_phone.values("crypto"))
        answer = parse(await self.relay.answer("sip", self._phone_sdp(made, phone_says, rtcp), media_id))
        self._meet(made, answer)
        return made

    async def connect(self, call: Call) -> None:
        """Let the browser check and shake hands."""
        await call.browser.connect(self.relay_fingerprint)
        assert await self.relay.event() == MediaConnected(media_id=call.media_id, call_id=f"call-{call.media_id}")

    async def release(self, call: Call) -> None:
        """End it; its ends are closed."""
        await self.relay.release(call.media_id)
        call.close()
        self.calls.remove(call)

    def _phone_sdp(self, call: Call, host: str, rtcp_host: str) -> str:
        host = host or self.network.phone.address
        rtcp = f"{call.rtcp.address.port} IN IP4 {rtcp_host or host}"
        protocol, crypto = ("RTP/SAVP", f"|crypto:{call.agreed.crypto}") if call.agreed else ("RTP/AVP", "")
        return phone(f"audio {call.rtp.address.port} {protocol} {PCMU}|rtcp:{rtcp}{crypto}", host=host)

    async def _open(self, media_id: str) -> Call:
        made = Call(
            media_id,
            await WebRtcClient.on(self.network.browser.udp()),
            await RtpSocket.on(self.network.phone.udp()),
            await RtpSocket.on(self.network.phone.udp()),
            rtp_port=0,
            browser_port=0,
        )
        self.calls.append(made)
        return made

    def _meet(self, call: Call, answer: SessionDescription) -> None:
        audio = answer.media[0]
        call.browser_port = audio.port
        credentials = IceCredentials(audio.value("ice-ufrag") or "", audio.value("ice-pwd") or "")
        call.browser.meet(call.relay_browser, credentials)
        self.relay_fingerprint = fingerprint(answer)

    @contextlib.asynccontextmanager
    async def talking(self, *calls: Call) -> AsyncIterator[Heard]:
        """Let both ends of the calls talk while the block runs; what was heard is known after it."""
        first = {call.media_id: call.said for call in calls}
        heard = Heard()
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_talk(calls, stop))
            try:
                yield heard
            finally:
                stop.set()
        for call in calls:
            numbers = range(first[call.media_id], call.said)
            await _listen(heard, {call.words("browser", number) for number in numbers}, call.rtp.received, call.heard)
            await _listen(heard, {call.words("phone", number) for number in numbers}, call.browser.rtp, _of_browser)

    async def dropped(self, count: float, *reasons: str) -> None:
        """Wait until so many packets have been dropped for these reasons together."""
        counted: dict[str, float] = {}
        try:
            async with asyncio.timeout(10):
                while sum(counted.values()) < count:
                    await self.relay.beats.get()
                    counted = {one: await self.relay.counted(f'drops_total{{reason="{one}"}}') for one in reasons}
        except TimeoutError:
            raise AssertionError(f"dropped {counted}, not {count}: {await self.relay.drops()}") from None

    def descriptors(self) -> int:
        """How many the relay has open."""
        return len(list(Path(f"/proc/{self.relay.process.pid}/fd").iterdir()))

    def resident_kib(self) -> int:
        """How much memory the relay has."""
        status = Path(f"/proc/{self.relay.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]

    def close(self) -> None:
        for call in self.calls:
            call.close()


async def _talk(calls: Iterable[Call], stop: asyncio.Event) -> None:
    await at_rate(lambda _: [call.say() for call in calls], 1 / PERIOD, stop=stop)


def _of_browser(packet: bytes) -> bytes:
    return packet[12:]


async def _listen(heard: Heard, words: set[bytes], queue: "asyncio.Queue", payload: Callable[..., bytes]) -> None:
    """Take in what was said, in whatever order, and then what else there is; a second of silence is the end."""
    heard.said += len(words)
    with contextlib.suppress(TimeoutError):
        while words or not queue.empty():
            came = payload(await asyncio.wait_for(queue.get(), 1))
            if came in words:
                words.discard(came)
            else:
                heard.strange.append(came)
    heard.missing += len(words)


async def at_rate(
    send: Callable[[int], object], per_second: float, seconds: float = 3600.0, stop: asyncio.Event | None = None
) -> int:
    """Call `send` with a running number so often, by the clock; return how often it was."""
    loop = asyncio.get_running_loop()
    started, done, count = loop.time(), 0, round(per_second * seconds)
    while done < count and not (stop and stop.is_set()):
        due = min(count, 1 + int((loop.time() - started) * per_second))
        for number in range(done, due):
            send(number)
        done = due
        await asyncio.sleep(max(0.002, started + done / per_second - loop.time()))
    return done
