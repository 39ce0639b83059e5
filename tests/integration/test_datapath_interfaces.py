"""A relay with several addresses for browsers: each is answered from the one that it asked."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.data_path import Relay, audio, browser_plan
from tests.support.rtp_packets import rtp_packet
from tests.support.webrtc_client import WebRtcClient

from media_relay.core.counters import Drop
from media_relay.core.plan import Address, IceCredentials
from media_relay.events import Connected
from media_relay.forwarding.forwarder import ForwarderFactory
from shared.errors import LocalError

HOSTS = ("127.0.0.1", "127.0.0.2")


class Browser(WebRtcClient):
    """One that keeps where datagrams come from, and can ask at another address of the relay."""

    def __init__(self, relay_port: int, relay_ice: IceCredentials) -> None:
        super().__init__(relay_port, relay_ice)
        self.heard: list[str] = []

    def ask_at(self, host: str) -> None:
        self._relay = (host, self._relay[1])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(addr[0])
        super().datagram_received(data, addr)


@pytest.fixture
async def relay(forwarder: ForwarderFactory) -> AsyncIterator[Relay]:
    opened = Relay(forwarder)
    await opened.open(browser_hosts=HOSTS)
    async with opened.stack:
        yield opened


async def browser_of(relay: Relay, media_id: str = "m1") -> tuple[Browser, Address, int]:
    """Return a browser whose plan is known, its phone's address, and the relay's port for that."""
    allocation = relay.path.allocate(media_id, 1)
    _, browser = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Browser(relay.path.browser_port, allocation.ice), local_addr=("127.0.0.1", 0)
    )
    relay.stack.callback(browser.close)
    phone = await relay.phone()
    relay.path.apply(media_id, browser_plan(browser, audio(phone.address, None)))
    return browser, phone.address, allocation.ports[0][0]


@pytest.mark.parametrize("host", HOSTS)
async def test_everything_comes_from_the_address_that_was_asked(relay: Relay, host: str) -> None:
    browser, phone, port = await browser_of(relay)
    browser.ask_at(host)
    await browser.connect(relay.path.fingerprint)
    assert await relay.event() == Connected("m1")
    other = await relay.phone()
    other.send(rtp_packet(96, 9, 0x51), port)  # another port of the phone's host
    assert await browser.receive_rtp() == rtp_packet(111, 9, 0x51)
    assert set(browser.heard) == {host}
    assert phone != other.address


async def test_one_address_of_a_browser_that_asks_at_two_of_ours_is_two_paths(relay: Relay) -> None:
    """Media follows the nomination; what is asked elsewhere is still answered there."""
    browser, _, port = await browser_of(relay)
    phone = await relay.phone()
    await browser.connect(relay.path.fingerprint)
    browser.ask_at(HOSTS[1])
    await browser.check(use_candidate=False)
    browser.ask_at(HOSTS[0])
    await browser.check(use_candidate=False)
    assert browser.heard[-2:] == [HOSTS[1], HOSTS[0]]
    phone.send(rtp_packet(96, 1, 0x51), port)
    await browser.receive_rtp()
    assert browser.heard[-1] == HOSTS[0]
    browser.ask_at(HOSTS[1])
    await browser.check(use_candidate=True)
    phone.send(rtp_packet(96, 2, 0x51), port)
    await browser.receive_rtp()
    assert browser.heard[-1] == HOSTS[1]


async def test_an_address_is_proved_for_the_path_that_was_checked_alone(relay: Relay) -> None:
    browser, _, _ = await browser_of(relay)
    await browser.connect(relay.path.fingerprint)
    browser.ask_at(HOSTS[1])
    browser.send_rtp(rtp_packet(111, 1, 0xB1))
    await browser.check()  # comes by the same socket, so behind it
    assert relay.drops(Drop.UNKNOWN_SOURCE) == 1


async def test_all_addresses_are_bound_or_none(relay: Relay) -> None:
    with pytest.raises(LocalError):
        await Relay(relay.forwarder).open(
            browser_hosts=("127.0.0.3", "127.0.0.2"), browser_port=relay.path.browser_port
        )
    again = Relay(relay.forwarder)
    async with again.stack:
        await again.open(browser_hosts=("127.0.0.3",), browser_port=relay.path.browser_port)
