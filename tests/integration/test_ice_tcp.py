"""A browser that has TCP alone, and what strangers get who connect."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import uvloop
from tests.support.data_path import Relay, audio, browser_plan
from tests.support.descriptions import sdp
from tests.support.media_relay import StartRelay, start_relay
from tests.support.processes import free_ports
from tests.support.rtp_packets import rtp_packet
from tests.support.until import until_so
from tests.support.webrtc_client import WebRtcClient, binding_request

from media_relay.browser import ice_tcp
from media_relay.browser.ice_tcp import IceTcp
from media_relay.core.counters import Drop
from media_relay.core.description.sdp import parse
from media_relay.core.packet.framing import Deframer, frame
from media_relay.core.plan import Address, IceCredentials
from media_relay.events import Connected, Failed
from media_relay.forwarding.forwarder import ForwarderFactory
from shared.errors import LocalError
from shared.tasks import Tasks

__all__ = ["start_relay"]  # a fixture

HOST = "127.0.0.1"
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, no time


class TcpBrowser(WebRtcClient):
    """A browser whose datagrams go through a connection."""

    def __init__(self, ice: IceCredentials, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(0, ice)
        self.closed = asyncio.Event()
        self._reader, self._writer = reader, writer
        self._tasks = Tasks("browser")
        self._tasks.spawn(self._read(), "tcp")

    def send(self, datagram: bytes) -> None:
        self.write(frame(datagram))

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    @property
    def end(self) -> tuple[str, int]:
        """Our end of the connection."""
        host, port = self._writer.get_extra_info("sockname")
        return host, port

    async def aclose(self) -> None:
        await self._tasks.aclose()
        if self._timer is not None:
            self._timer.cancel()
        self._writer.close()

    async def _read(self) -> None:
        deframer = Deframer(2048)
        try:
            while data := await self._reader.read(65536):
                for datagram in deframer.feed(data):
                    self.datagram_received(datagram, (HOST, 0))
        except ConnectionResetError:
            pass  # the same end, said roughly
        self.closed.set()


class TcpRelay(Relay):
    """A data path that listens."""

    port: int

    async def listen(self) -> None:
        self.port = free_ports()
        await self.open(browser_tcp_port=self.port)

    async def connect(self, ice: IceCredentials) -> TcpBrowser:
        browser = TcpBrowser(ice, *await asyncio.open_connection(HOST, self.port))
        self.stack.push_async_callback(browser.aclose)
        return browser


@pytest.fixture
async def relay(forwarder: ForwarderFactory) -> AsyncIterator[TcpRelay]:
    opened = TcpRelay(forwarder)
    await opened.listen()
    async with opened.stack:
        yield opened


async def test_a_call_over_tcp(relay: TcpRelay) -> None:
    allocation = relay.path.allocate("m1", 1)
    browser, phone = await relay.connect(allocation.ice), await relay.phone()
    relay.path.apply("m1", browser_plan(browser, audio(phone.address, None)))
    await browser.connect(relay.path.fingerprint)
    assert await relay.event() == Connected("m1")
    browser.send_rtp(rtp_packet(111, 7, 0xB1))
    assert (await phone.receive())[0] == rtp_packet(96, 7, 0xB1)
    for sequence_number in range(100):
        phone.send(rtp_packet(96, sequence_number, 0x51), allocation.ports[0][0])
    assert [await browser.receive_rtp() for _ in range(100)] == [rtp_packet(111, n, 0x51) for n in range(100)]
    browser.close_dtls()
    assert await relay.event() == Failed("m1", "closed")


async def test_a_browser_is_told_its_own_end_of_the_connection(relay: TcpRelay) -> None:
    allocation = relay.path.allocate("m1", 1)
    first, second = await relay.connect(allocation.ice), await relay.connect(allocation.ice)
    for browser in (first, second, first):
        assert (await browser.check()).attributes["XOR-MAPPED-ADDRESS"] == browser.end


def test_who_is_gone_before_he_is_taken_costs_nothing() -> None:
    """On the service's own loop: asyncio's still knows who it was, uvloop's does not."""
    assert uvloop.run(errors_by_strangers_who_are_gone()) == []


async def errors_by_strangers_who_are_gone() -> list[object]:
    loop, errors = asyncio.get_running_loop(), list[object]()
    loop.set_exception_handler(lambda _, context: errors.append(context))
    async with AsyncExitStack() as stack:
        data_path = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        data_path.bind((HOST, 0))
        data_path.setblocking(False)
        port = free_ports()
        listening = await IceTcp.open([HOST], port, Address(*data_path.getsockname()))
        stack.push_async_callback(listening.aclose)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            with socket.create_connection((HOST, port)) as stranger:  # which blocks the loop that would accept it
                stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        _, browser = await asyncio.open_connection(HOST, port)  # behind them in the queue
        browser.write(frame(b"a datagram"))
        assert await asyncio.wait_for(loop.sock_recv(data_path, 1500), 5) == b"a datagram"
        browser.close()
        await until_so(lambda: len(os.listdir("/proc/self/fd")) <= before)
    return errors


async def test_a_browser_may_move_from_udp_to_tcp(relay: TcpRelay) -> None:
    allocation = relay.path.allocate("m1", 1)
    udp, phone = await relay.browser(allocation.ice), await relay.phone()
    relay.path.apply("m1", browser_plan(udp, audio(phone.address, None)))
    await udp.connect(relay.path.fingerprint)
    tcp = await relay.connect(allocation.ice)
    await tcp.check()  # nominated
    tcp.srtp = udp.srtp
    phone.send(rtp_packet(96, 1, 0x51), allocation.ports[0][0])
    assert await tcp.receive_rtp() == rtp_packet(111, 1, 0x51)
    assert udp.rtp.empty()


async def test_who_does_not_prove_itself_gets_nothing_and_is_closed(
    relay: TcpRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ice_tcp, "QUIET_SECONDS", 0.3)
    allocation = relay.path.allocate("m1", 1)
    stranger = await relay.connect(allocation.ice)
    stranger.send(rtp_packet(111))
    stranger.send_check(pwd="not the password")
    stranger.send(binding_request("nobody-1", allocation.ice.pwd))
    await asyncio.wait_for(stranger.closed.wait(), 5)
    assert stranger.stun.empty()
    assert (relay.drops(Drop.UNKNOWN_SOURCE), relay.drops(Drop.STUN_AUTH)) == (2, 1)


async def test_a_broken_frame_closes_the_connection(relay: TcpRelay) -> None:
    stranger = await relay.connect(relay.path.allocate("m1", 1).ice)
    stranger.write(b"GET / HTTP/1.1\r\n\r\n")
    await asyncio.wait_for(stranger.closed.wait(), 5)


async def test_strangers_make_room_for_each_other_but_browsers_stay(
    relay: TcpRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ice_tcp, "MAX_CONNECTIONS", 2)
    ice = relay.path.allocate("m1", 1).ice
    browser = await relay.connect(ice)
    await browser.check()
    first, second = await relay.connect(ice), await relay.connect(ice)
    await asyncio.wait_for(first.closed.wait(), 5)
    await second.check()
    third = await relay.connect(ice)  # no stranger is left to go
    await asyncio.wait_for(third.closed.wait(), 5)
    await browser.check()
    assert not browser.closed.is_set() and not second.closed.is_set()


async def test_the_service_takes_connections_with_the_loop_that_it_runs(start_relay: StartRelay) -> None:
    port = free_ports()
    relay = await start_relay(RELAY_BROWSER_TCP_PORT=port)
    await relay.allocate(browser_sdp=sdp("chromium_audio_video_offer"))
    described = parse(await relay.answer("sip", sdp("kamailio_opus_answer"))).media[0]
    assert any(f"{HOST} {port} typ host tcptype passive" in each for each in described.values("candidate"))
    ice = IceCredentials(described.value("ice-ufrag") or "", described.value("ice-pwd") or "")
    browser = TcpBrowser(ice, *await asyncio.open_connection(HOST, port))
    await browser.check()
    await browser.aclose()


async def test_the_port_must_be_free(relay: TcpRelay) -> None:
    with pytest.raises(LocalError):
        await Relay(relay.forwarder).open(browser_tcp_port=relay.port, browser_port=0)


async def test_the_end_of_the_data_path_closes_the_connections(forwarder: ForwarderFactory) -> None:
    relay = TcpRelay(forwarder)
    await relay.listen()
    async with AsyncExitStack() as stack:
        browser = TcpBrowser(relay.path.allocate("m1", 1).ice, *await asyncio.open_connection(HOST, relay.port))
        stack.push_async_callback(browser.aclose)
        await browser.check()
        await relay.path.aclose()
        await asyncio.wait_for(browser.closed.wait(), 5)
