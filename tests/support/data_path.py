"""A data path on real sockets, in the test's own process: a browser's end on one side, a phone's on the other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from media_relay.core.counters import Drop
from media_relay.core.plan import Address, IceCredentials, SessionPlan, StreamPlan
from media_relay.datapath import DataPath
from media_relay.events import Connected, DataPathEvent
from media_relay.forwarding.forwarder import ForwarderFactory

from .sip_phone import RtpSocket
from .webrtc_client import WebRtcClient

PORT_RANGE = (42000, 42039)


@dataclass
class Relay:
    """A data path with its events in a queue."""

    forwarder: ForwarderFactory
    events: "asyncio.Queue[DataPathEvent]" = field(default_factory=asyncio.Queue)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    path: DataPath = field(init=False)

    async def open(self, **settings: object) -> None:
        chosen = {
            "browser_hosts": ("127.0.0.1",),
            "port_range": PORT_RANGE,
            "quarantine_seconds": 60.0,
            "forwarder": self.forwarder,
        } | settings
        self.path = await DataPath.open(rtp_host="127.0.0.1", on_event=self.events.put_nowait, **chosen)
        self.stack.push_async_callback(self.path.aclose)

    async def event(self) -> DataPathEvent:
        return await asyncio.wait_for(self.events.get(), 10)

    async def phone(self, host: str = "127.0.0.1") -> RtpSocket:
        phone = await RtpSocket.open(host)
        self.stack.callback(phone.close)
        return phone

    async def browser(self, ice: IceCredentials, port: int | None = None) -> WebRtcClient:
        browser = await WebRtcClient.open(port or self.path.browser_port, ice)
        self.stack.callback(browser.close)
        return browser

    def drops(self, reason: Drop) -> int:
        return self.path.stats().totals.drops[reason]


@pytest.fixture
async def relay(forwarder: ForwarderFactory) -> AsyncIterator[Relay]:
    opened = Relay(forwarder)
    await opened.open()
    async with opened.stack:
        yield opened


@dataclass
class Call:
    """A connected session: Opus 111 on the browser's side is 96 on the phone's."""

    browser: WebRtcClient
    phone: RtpSocket
    phone_rtcp: RtpSocket
    plan: SessionPlan
    rtp_port: int
    rtcp_port: int


def audio(phone: Address | None, phone_rtcp: Address | None) -> StreamPlan:
    return StreamPlan("audio", phone, phone_rtcp, to_sip={111: 96, 0: 0}, to_browser={96: 111, 0: 0})


def browser_plan(browser: WebRtcClient, *streams: StreamPlan) -> SessionPlan:
    return SessionPlan(IceCredentials("browser", "browser's password"), browser.fingerprints, "server", streams)


async def connect(
    relay: Relay,
    media_id: str = "m1",
    stream: Callable[[Address, Address], StreamPlan] = audio,
    browser_port: int | None = None,
) -> Call:
    """Connect a session of one stream; the browser's packets go to `browser_port` if it is another than the relay's."""
    allocation = relay.path.allocate(media_id, 1)
    browser = await relay.browser(allocation.ice, browser_port)
    phone, phone_rtcp = await relay.phone(), await relay.phone()
    plan = browser_plan(browser, stream(phone.address, phone_rtcp.address))
    relay.path.apply(media_id, plan)
    await browser.connect(relay.path.fingerprint)
    assert await relay.event() == Connected(media_id)
    return Call(browser, phone, phone_rtcp, plan, *allocation.ports[0])
