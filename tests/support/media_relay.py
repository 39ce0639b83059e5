"""A media-relay as a process, and what it talks with: a bus, a browser's end and a phone's sockets."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from media_relay.core.description.sdp import SessionDescription, parse
from media_relay.core.plan import IceCredentials
from shared.bus import Bus, expiry
from shared.messages import (
    AllocateMedia,
    AnswerMedia,
    Command,
    Done,
    Heartbeat,
    MediaAllocated,
    MediaQuality,
    MediaSdp,
    Message,
    OfferMedia,
    ReleaseMedia,
    RequestOffer,
)
from shared.settings import CommonSettings
from shared.subjects import agent_events, heartbeats, relay_commands
from tests.support.descriptions import sdp
from tests.support.processes import Process, free_port_pairs, running
from tests.support.sip_phone import RtpSocket
from tests.support.webrtc_client import WebRtcClient

RELAY, AGENT = "relay-under-test", "agent-of-the-test"


@dataclass
class Relay:
    """The process, and the ends of the bus that a sip-agent and signaling have."""

    process: Process
    bus: Bus
    ops: str
    beats: "asyncio.Queue[Heartbeat]"
    events: "asyncio.Queue[Message]"
    measured: "asyncio.Queue[Message]"  # what is told of the quality, which comes every few seconds

    async def allocate(self, media_id: str = "m1", **offer: str) -> MediaAllocated:
        command = AllocateMedia(**self.envelope(), media_id=media_id, call_id=f"call-{media_id}", agent=AGENT, **offer)
        return await self.bus.request(relay_commands(RELAY), command, MediaAllocated)

    async def answer(
        self, side: str, text: str, media_id: str = "m1", epoch: int = 1, provisional: bool = False
    ) -> str:
        command = AnswerMedia(
            **self.envelope(), media_id=media_id, side=side, sdp=text, epoch=epoch, provisional=provisional
        )
        return (await self.describe(command)).sdp

    async def offer(self, text: str, media_id: str = "m1", epoch: int = 1) -> str:
        command = OfferMedia(**self.envelope(), media_id=media_id, side="sip", sdp=text, epoch=epoch)
        return (await self.describe(command)).sdp

    async def request_offer(self, direction: str = "sendrecv") -> str:
        command = RequestOffer(**self.envelope(), media_id="m1", side="sip", direction=direction, epoch=1)
        return (await self.describe(command)).sdp

    async def describe(self, command: Command) -> MediaSdp:
        """Send a command whose reply is a description."""
        return await self.bus.request(relay_commands(RELAY), command, MediaSdp)

    async def release(self, media_id: str = "m1", epoch: int = 1) -> None:
        await self.request(ReleaseMedia(**self.envelope(), media_id=media_id, epoch=epoch))

    async def request(self, command: Command) -> None:
        await self.bus.request(relay_commands(RELAY), command, Done)

    async def event(self) -> Message:
        return await asyncio.wait_for(self.events.get(), 10)

    async def beat(self, fits: Callable[[Heartbeat], bool]) -> Heartbeat:
        """Return the next heartbeat that fits."""
        async with asyncio.timeout(10):
            while True:
                beat = await self.beats.get()
                if fits(beat):
                    return beat

    async def metric(self, name: str) -> float:
        value = await self._metric(name)
        assert value is not None, f"no {name}"
        return value

    async def counted(self, name: str) -> float:
        """Return a counter, which is not there before it has counted something."""
        return await self._metric(name) or 0

    async def _metric(self, name: str) -> float | None:
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://{self.ops}/metrics")).text
        found = re.search(rf"^cordboard_media_relay_{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return None if found is None else float(found[1])

    async def drops(self) -> dict[str, float]:
        """Return how many packets have been dropped, by reason."""
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://{self.ops}/metrics")).text
        found = re.findall(r'^cordboard_media_relay_drops_total{reason="(\w+)"} (\S+)$', text, re.MULTILINE)
        return {reason: float(count) for reason, count in found}

    async def dropped(self, reason: str, count: int = 1) -> None:
        """Wait until so many packets have been dropped for that reason."""
        async with asyncio.timeout(10):
            while await self.counted(f'drops_total{{reason="{reason}"}}') < count:
                await self.beats.get()

    async def readiness(self) -> int:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"http://{self.ops}/readyz")).status_code

    @staticmethod
    def envelope() -> dict[str, object]:
        return {"id": str(uuid4()), "expires_at": expiry()}


StartRelay = Callable[..., Awaitable[Relay]]


@pytest.fixture
async def start_relay(nats_url: str) -> AsyncIterator[StartRelay]:
    """Start a relay with settings of one's own."""
    async with AsyncExitStack() as stack:

        async def start(**settings: object) -> Relay:
            first = free_port_pairs(4)
            values = {
                "NATS_URL": nats_url,
                "POD": RELAY,
                "RELAY_BROWSER_HOST": "127.0.0.1",
                "RELAY_BROWSER_PORT": 0,
                "RELAY_ADDRESSES": "127.0.0.1",
                "RELAY_SIP_ADDRESS": "127.0.0.1",
                "RELAY_RTP_MIN": first,
                "RELAY_RTP_MAX": first + 7,
                "RELAY_QUARANTINE_SECONDS": 0,
                "RELAY_DRAIN_SECONDS": 0,  # tests leave sessions behind
            } | settings
            env = {f"CORDBOARD_{name}": str(value) for name, value in values.items()}
            bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod="test"))
            stack.push_async_callback(bus.aclose)
            beats: asyncio.Queue[Heartbeat] = asyncio.Queue()
            events: asyncio.Queue[Message] = asyncio.Queue()
            await bus.serve(heartbeats("relay"), _into(beats))
            measured: asyncio.Queue[Message] = asyncio.Queue()
            await bus.serve(agent_events(AGENT), _into(events, measured))
            process = await stack.enter_async_context(running("relay", (sys.executable, "-m", "media_relay"), env=env))
            ops = await process.wait_for_output(
                r'"address": "(\S+)", "event": "serving"|"serving".*?"address": "(\S+)"'
            )
            relay = Relay(process, bus, ops[1] or ops[2], beats, events, measured)
            await relay.beat(lambda beat: True)
            return relay

        yield start


def _into(
    queue: "asyncio.Queue[Any]", measured: "asyncio.Queue[Message] | None" = None
) -> Callable[[Message], Awaitable[Message | None]]:
    async def put(message: Message) -> None:
        is_apart = measured is not None and isinstance(message, MediaQuality)
        (measured if measured is not None and is_apart else queue).put_nowait(message)

    return put


@pytest.fixture
async def relay(start_relay: StartRelay) -> Relay:
    return await start_relay()


class Browser(WebRtcClient):
    """A browser that offers: it learns of the relay from the answer."""

    def learn(self, answer: SessionDescription) -> None:
        self._relay = ("127.0.0.1", answer.media[0].port)
        self.relay_ice = _ice(answer)


def _ice(description: SessionDescription) -> IceCredentials:
    audio = description.media[0]
    return IceCredentials(audio.value("ice-ufrag") or "", audio.value("ice-pwd") or "")


def fingerprint(description: SessionDescription) -> str:
    return (description.media[0].value("fingerprint") or "").removeprefix("sha-256 ")


@dataclass
class Ends:
    """The browser's end and the phone's, as sockets."""

    browser: Browser
    rtp: RtpSocket
    rtcp: RtpSocket

    def of_phone(self, text: str) -> str:
        """Put the phone's sockets into a description."""
        text = re.sub(r"^c=.*$", "c=IN IP4 127.0.0.1", text, flags=re.MULTILINE)
        text = re.sub(r"^a=rtcp:.*\n", "", text, flags=re.MULTILINE)
        line = rf"m=audio {self.rtp.address.port} \1\na=rtcp:{self.rtcp.address.port}"
        return re.sub(r"^m=audio \d+ (.*)$", line, text, flags=re.MULTILINE)

    def of_browser(self, text: str) -> str:
        """Put the browser's certificate into a description."""
        digest = self.browser.fingerprints[0][1]
        return re.sub(r"^a=fingerprint:.*$", f"a=fingerprint:sha-256 {digest}", text, flags=re.MULTILINE)

    async def connect(self, relay_sdp: str) -> None:
        """Check and shake hands with what the relay's description says."""
        description = parse(relay_sdp)
        self.browser.learn(description)
        await self.browser.connect(fingerprint(description))


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    _, browser = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Browser(0, IceCredentials("", "")), local_addr=("127.0.0.1", 0)
    )
    made = Ends(browser, await RtpSocket.open(), await RtpSocket.open())
    yield made
    for end in (made.browser, made.rtp, made.rtcp):
        end.close()


def payload_type(packet: bytes) -> int:
    return packet[1] & 0x7F


async def outgoing_call(relay: Relay, ends: Ends) -> int:
    """Connect a call that the browser starts; return the relay's RTP port."""
    allocated = await relay.allocate(browser_sdp=ends.of_browser(sdp("chromium_audio_video_offer")))
    answer = await relay.answer("sip", ends.of_phone(sdp("kamailio_opus_answer")))
    await ends.connect(answer)
    assert allocated.sip_sdp is not None
    return parse(allocated.sip_sdp).media[0].port
