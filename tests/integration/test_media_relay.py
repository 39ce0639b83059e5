"""The real media-relay as a process: commands on a real bus, media through both of its sides."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tests.support.processes import Process, free_ports, running
from tests.support.rtp_packets import rtp_packet
from tests.support.sip_phone import RtpSocket
from tests.support.webrtc_client import WebRtcClient

from media_relay.core.description.sdp import SessionDescription, parse
from media_relay.core.plan import IceCredentials
from shared.bus import Bus, expiry
from shared.errors import NoOwner, RemoteError
from shared.messages import (
    AllocateMedia,
    AnswerMedia,
    Command,
    Done,
    HangupCall,
    Heartbeat,
    MediaAllocated,
    MediaConnected,
    MediaFailed,
    MediaSdp,
    Message,
    OfferMedia,
    ReleaseMedia,
)
from shared.settings import CommonSettings
from shared.subjects import agent_commands, heartbeats, relay_commands

DATA = Path(__file__).parents[1] / "unit" / "media_relay" / "data"
RELAY, AGENT = "relay-under-test", "agent-of-the-test"


def sdp(name: str) -> str:
    return (DATA / f"{name}.sdp").read_text()


@dataclass
class Relay:
    """The process, and the ends of the bus that a sip-agent and signaling have."""

    process: Process
    bus: Bus
    ops: str
    beats: "asyncio.Queue[Heartbeat]"
    events: "asyncio.Queue[Message]"

    async def allocate(self, media_id: str = "m1", **offer: str) -> MediaAllocated:
        command = AllocateMedia(**self.envelope(), media_id=media_id, call_id=f"call-{media_id}", agent=AGENT, **offer)
        return await self.bus.request(relay_commands(RELAY), command, MediaAllocated)

    async def answer(
        self, side: str, text: str, media_id: str = "m1", epoch: int = 1, provisional: bool = False
    ) -> str:
        command = AnswerMedia(
            **self.envelope(), media_id=media_id, side=side, sdp=text, epoch=epoch, provisional=provisional
        )
        return (await self.bus.request(relay_commands(RELAY), command, MediaSdp)).sdp

    async def offer(self, text: str, media_id: str = "m1", epoch: int = 1) -> str:
        command = OfferMedia(**self.envelope(), media_id=media_id, side="sip", sdp=text, epoch=epoch)
        return (await self.bus.request(relay_commands(RELAY), command, MediaSdp)).sdp

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
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://{self.ops}/metrics")).text
        found = re.search(rf"^cordboard_media_relay_{re.escape(name)} (\S+)$", text, re.MULTILINE)
        assert found, f"no {name} in\n{text}"
        return float(found[1])

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
            first = free_ports(8)
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
            } | settings
            env = {f"CORDBOARD_{name}": str(value) for name, value in values.items()}
            bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod="test"))
            stack.push_async_callback(bus.aclose)
            beats: asyncio.Queue[Heartbeat] = asyncio.Queue()
            events: asyncio.Queue[Message] = asyncio.Queue()
            await bus.serve(heartbeats("relay"), _into(beats))
            await bus.serve(agent_commands(AGENT), _into(events))
            process = await stack.enter_async_context(running("relay", (sys.executable, "-m", "media_relay"), env=env))
            ops = await process.wait_for_output(
                r'"address": "(\S+)", "event": "serving"|"serving".*?"address": "(\S+)"'
            )
            relay = Relay(process, bus, ops[1] or ops[2], beats, events)
            await relay.beat(lambda beat: True)
            return relay

        yield start


def _into(queue: "asyncio.Queue[Message]") -> Callable[[Message], Awaitable[Message | None]]:
    async def put(message: Message) -> None:
        queue.put_nowait(message)

    return put


@pytest.fixture
async def relay(start_relay: StartRelay) -> Relay:
    return await start_relay()


class Browser(WebRtcClient):
    """A browser that offers: it learns of the relay from the answer."""

    def learn(self, answer: SessionDescription) -> None:
        self._relay = ("127.0.0.1", answer.media[0].port)
        self._relay_ice = _ice(answer)


def _ice(description: SessionDescription) -> IceCredentials:
    audio = description.media[0]
    return IceCredentials(audio.value("ice-ufrag") or "", audio.value("ice-pwd") or "")


def _fingerprint(description: SessionDescription) -> str:
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
        await self.browser.connect(_fingerprint(description))


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


async def test_an_outgoing_call_carries_audio_both_ways_under_the_numbers_of_each_side(
    relay: Relay, ends: Ends
) -> None:
    port = await outgoing_call(relay, ends)
    assert await relay.event() == MediaConnected(media_id="m1", call_id="call-m1")

    ends.browser.send_rtp(rtp_packet(111, 1, payload=b"from the browser"))
    packet, source = await ends.rtp.receive()
    assert (payload_type(packet), packet[12:], source.port) == (107, b"from the browser", port)

    ends.rtp.send(rtp_packet(111, 1, 0x2222, b"from the phone"), port)
    packet = await ends.browser.receive_rtp()
    assert (payload_type(packet), packet[12:]) == (111, b"from the phone")

    assert await relay.metric('packets_total{direction="browser_to_sip",kind="audio"}') == 1
    assert await relay.metric('packets_total{direction="sip_to_browser",kind="audio"}') == 1
    assert await relay.metric("dtls_handshakes_total") == 1
    assert await relay.metric('setup_duration_seconds_count{stage="connect"}') == 1


async def test_an_incoming_call_carries_audio_both_ways(relay: Relay, ends: Ends) -> None:
    allocated = await relay.allocate(sip_sdp=ends.of_phone(sdp("linphone_audio_video_offer")))
    assert allocated.browser_sdp is not None
    answer = await relay.answer("browser", ends.of_browser(sdp("chromium_audio_video_answer")))
    await ends.connect(allocated.browser_sdp)
    await relay.event()
    port = parse(answer).media[0].port

    ends.rtp.send(rtp_packet(0, 1, 0x2222, b"from the phone"), port)
    assert payload_type(await ends.browser.receive_rtp()) == 0
    ends.browser.send_rtp(rtp_packet(96, 1, payload=b"from the browser"))
    packet, _ = await ends.rtp.receive()
    assert (payload_type(packet), packet[12:]) == (96, b"from the browser")


async def test_hold_stops_the_media_and_resume_lets_it_flow_again(relay: Relay, ends: Ends) -> None:
    await outgoing_call(relay, ends)
    held = await relay.offer(ends.of_phone(sdp("kamailio_opus_answer")).replace("a=sendrecv", "a=inactive"))
    assert parse(held).media[0].has("inactive")
    ends.browser.send_rtp(rtp_packet(111, 1, payload=b"unheard"))
    while not await relay.metric('drops_total{reason="on_hold"}'):
        await asyncio.wait_for(ends.browser.check(), 5)

    resumed = await relay.offer(ends.of_phone(sdp("kamailio_opus_answer")))
    assert parse(resumed).media[0].has("sendrecv")
    ends.browser.send_rtp(rtp_packet(111, 2, payload=b"heard"))
    packet, _ = await ends.rtp.receive()
    assert packet[12:] == b"heard"


async def test_release_gives_back_the_ports_and_may_be_repeated(relay: Relay) -> None:
    free = await relay.metric("ports_free")
    await relay.allocate(browser_sdp=sdp("chromium_audio_video_offer"))
    assert await relay.metric("ports_used") == 2
    assert (await relay.beat(lambda beat: beat.load == 1)).capacity == await relay.metric("session_capacity")
    await relay.release()
    await relay.release()
    assert (await relay.metric("ports_used"), await relay.metric("sessions_active")) == (0, 0)
    assert await relay.metric("ports_free") + await relay.metric("ports_quarantined") == free


async def test_a_repeated_allocation_gets_the_same_reply(relay: Relay) -> None:
    first = await relay.allocate(sip_sdp=sdp("baresip_audio_offer"))
    assert await relay.allocate(sip_sdp=sdp("baresip_audio_offer")) == first
    assert await relay.metric("sessions_active") == 1
    with pytest.raises(RemoteError, match="409"):
        await relay.allocate(sip_sdp=sdp("wcs_audio_offer"))


async def test_what_is_more_than_the_capacity_is_refused(start_relay: StartRelay) -> None:
    relay = await start_relay(RELAY_CAPACITY=2)
    await relay.allocate("a", sip_sdp=sdp("baresip_audio_offer"))
    await relay.allocate("b", sip_sdp=sdp("baresip_audio_offer"))
    with pytest.raises(RemoteError, match="503"):
        await relay.allocate("c", sip_sdp=sdp("baresip_audio_offer"))

    await relay.release("a")
    await relay.allocate("c", sip_sdp=sdp("baresip_audio_offer"))


async def test_without_ports_an_allocation_is_refused_and_leaves_nothing(relay: Relay) -> None:
    await relay.allocate("a", browser_sdp=sdp("chromium_audio_video_offer"))
    await relay.allocate("b", browser_sdp=sdp("chromium_audio_video_offer"))
    with pytest.raises(RemoteError, match="503"):
        await relay.allocate("c", browser_sdp=sdp("chromium_audio_video_offer"))
    assert await relay.metric("sessions_active") == 2
    assert await relay.metric("ports_free") == 0


async def test_an_owner_of_a_lower_epoch_is_refused(relay: Relay, ends: Ends) -> None:
    await relay.allocate(browser_sdp=sdp("chromium_audio_video_offer"))
    await relay.answer("sip", sdp("rtpengine_audio_answer"), epoch=7)
    with pytest.raises(RemoteError, match="409 Stale Epoch"):
        await relay.answer("sip", sdp("kamailio_opus_answer"), epoch=6)
    with pytest.raises(RemoteError, match="409 Stale Epoch"):
        await relay.release(epoch=6)
    await relay.release(epoch=7)


async def test_bad_commands_are_refused_and_the_relay_goes_on(relay: Relay) -> None:
    with pytest.raises(RemoteError, match="481"):
        await relay.answer("sip", sdp("rtpengine_audio_answer"), "unknown")
    with pytest.raises(RemoteError, match="400 Bad Session Description: line 1"):
        await relay.allocate("x", sip_sdp="v=1\r\n")
    with pytest.raises(RemoteError, match="488"):
        await relay.allocate("x", sip_sdp=sdp("baresip_audio_offer").replace("RTP/AVP", "RTP/SAVP"))
    with pytest.raises(RemoteError, match="400"):
        await relay.allocate("x", browser_sdp=sdp("chromium_audio_video_offer"), sip_sdp=sdp("baresip_audio_offer"))
    with pytest.raises(RemoteError, match="501"):
        await relay.request(HangupCall(**Relay.envelope(), session_id="s", call_id="c"))
    await relay.allocate("x", sip_sdp=sdp("baresip_audio_offer"))


async def test_a_session_that_no_agent_commands_ends(start_relay: StartRelay) -> None:
    relay = await start_relay(RELAY_UNCLAIMED_SECONDS=0.1)
    await relay.allocate(browser_sdp=sdp("chromium_audio_video_offer"))
    await relay.beat(lambda beat: beat.load == 1)
    await relay.beat(lambda beat: beat.load == 0)
    assert await relay.metric("sessions_expired_total") == 1
    with pytest.raises(RemoteError, match="481"):
        await relay.answer("sip", sdp("rtpengine_audio_answer"))


async def test_a_browser_with_another_certificate_than_promised_is_told_to_the_agent(relay: Relay, ends: Ends) -> None:
    await relay.allocate(browser_sdp=sdp("chromium_audio_video_offer"))
    description = parse(await relay.answer("sip", ends.of_phone(sdp("rtpengine_audio_answer"))))
    ends.browser.learn(description)
    await ends.browser.check()
    ends.browser.start_dtls(_fingerprint(description))
    assert await relay.event() == MediaFailed(media_id="m1", call_id="call-m1", reason="fingerprint")
    assert await relay.metric('browsers_lost_total{reason="fingerprint"}') == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_ends_all_sessions_and_exits_cleanly(
    relay: Relay, ends: Ends, number: signal.Signals
) -> None:
    await outgoing_call(relay, ends)
    assert await relay.readiness() == 200
    relay.process.send_signal(number)
    await relay.beat(lambda beat: beat.draining)
    await asyncio.wait_for(ends.browser.ended.wait(), 5)
    assert await relay.process.wait() == 0
    assert re.search(r'"tasks": 0\b.*"stopped"|"stopped".*"tasks": 0\b', relay.process.log)
    with pytest.raises(NoOwner):
        await relay.release()


async def test_a_relay_that_never_finds_nats_still_ends_on_a_signal() -> None:
    env = {"CORDBOARD_NATS_URL": f"nats://127.0.0.1:{free_ports()}", "CORDBOARD_POD": RELAY}
    async with running("relay", (sys.executable, "-m", "media_relay"), env=env) as process:
        await process.wait_for_output("starting")
        assert await process.stop() == 0


async def test_a_setting_that_is_none_is_named(nats_url: str) -> None:
    env = {"CORDBOARD_NATS_URL": nats_url, "CORDBOARD_RELAY_CAPACITY": "many"}
    async with running("relay", (sys.executable, "-m", "media_relay"), env=env) as process:
        await process.wait_for_output("CORDBOARD_RELAY_CAPACITY")
        assert await process.wait() == 2
