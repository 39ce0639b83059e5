"""Media through a lossy link: what goes in comes out, once, in the order in which it was received."""

from collections.abc import Awaitable, Callable, Sequence

import pytest
from tests.support.data_path import Call, Relay, connect
from tests.support.data_path import relay as relay
from tests.support.lossy_link import Faults, LossyLink, lossy_link
from tests.support.pace import turn
from tests.support.rtp_packets import rtp_packet

from media_relay.core.counters import Drop
from media_relay.core.plan import Address

HOST = "127.0.0.1"
BROWSER, PHONE = 0xB1, 0x51
FIRST, COUNT = 0xFF00, 600  # the sequence number wraps in the midst of it
MOST_AHEAD = 50
FAULTS = [
    pytest.param(Faults(loss=0.1), id="loss"),
    pytest.param(Faults(duplication=0.1), id="duplication"),
    pytest.param(Faults(reordering=0.1), id="reordering"),
    pytest.param(Faults(jitter=0.01), id="jitter"),
    pytest.param(Faults(0.05, 0.05, 0.05, 0.005), id="all"),
]


def packets(payload_type: int, ssrc: int) -> list[bytes]:
    numbers = [(FIRST + number) & 0xFFFF for number in range(COUNT)]
    return [rtp_packet(payload_type, number, ssrc, b"%05d" % at) for at, number in enumerate(numbers)]


def number_of(packet: bytes) -> bytes:
    """RTP and SRTP have the sequence number in the clear; here no two packets have the same."""
    return packet[2:4]


def once_each(delivered: Sequence[bytes]) -> list[bytes]:
    """Return the numbers of what a link delivered, in that order, without those that it delivered again."""
    return list(dict.fromkeys(number_of(packet) for packet in delivered))


async def heard(call: Call) -> Call:
    """Return the call once its phone has been heard: one that has not gets few packets."""
    call.phone.send(rtp_packet(96, 1, PHONE), call.rtp_port)
    await call.browser.receive_rtp()
    return call


async def turns() -> None:
    """Let those who receive have their turns."""
    for _ in range(3):
        await turn()


async def through(
    link: LossyLink, packets: Sequence[bytes], send: Callable[[bytes], None], receive: Callable[[], Awaitable[bytes]]
) -> list[bytes]:
    """Send them and return what comes out, never so far ahead of it that a queue of the kernel's runs over."""
    came: list[bytes] = []
    for packet in packets:
        send(packet)
        await turn()
        # Those that jitter holds count too: when time has been lost they leave all at once.
        while link.inward.taken - link.inward.lost > len(came) + MOST_AHEAD:
            came.append(await receive())
    await link.inward.carried(len(packets))
    while len(came) < len(packets) - link.inward.lost:
        came.append(await receive())
    return came


@pytest.mark.parametrize("faults", FAULTS)
async def test_what_a_browser_sends_through_it_comes_out_once_in_the_order_received(
    relay: Relay, faults: Faults
) -> None:
    with lossy_link(Address(HOST, relay.path.browser_port), faults, Faults()) as link:
        call = await heard(await connect(relay, browser_port=link.address.port))
        came = await through(link, packets(111, BROWSER), call.browser.send_rtp, call.phone.receive_packet)
    sent = {number_of(packet): packet for packet in packets(96, BROWSER)}
    assert came == [sent[number] for number in once_each(link.inward.delivered)]
    assert relay.drops(Drop.REPLAY) == len(link.inward.delivered) - len(came)
    assert call.phone.received.empty()


@pytest.mark.parametrize("faults", FAULTS)
async def test_what_a_phone_sends_through_it_reaches_the_browser_once_in_the_order_received(
    relay: Relay, faults: Faults
) -> None:
    call = await connect(relay)
    with lossy_link(Address(HOST, call.rtp_port), faults) as link:
        port = link.address.port
        came = await through(
            link, packets(96, PHONE), lambda packet: call.phone.send(packet, port), call.browser.receive_rtp
        )
    sent = {number_of(packet): packet for packet in packets(111, PHONE)}
    assert came == [sent[number] for number in once_each(link.inward.delivered)]
    assert relay.drops(Drop.REPLAY) == len(link.inward.delivered) - len(came)
    assert call.browser.refused == []


async def test_what_was_recorded_is_refused_before_and_after_the_sequence_number_wraps(relay: Relay) -> None:
    with lossy_link(Address(HOST, relay.path.browser_port), Faults()) as link:
        call = await heard(await connect(relay, browser_port=link.address.port))
        await through(link, packets(111, BROWSER), call.browser.send_rtp, call.phone.receive_packet)
        for recorded in list(link.inward.delivered):
            call.browser.send(recorded)
            await turns()
        call.browser.send_rtp(rtp_packet(111, FIRST + COUNT & 0xFFFF, BROWSER))
        assert (await call.phone.receive())[0] == rtp_packet(96, FIRST + COUNT & 0xFFFF, BROWSER)
    assert relay.drops(Drop.REPLAY) == COUNT
    assert call.phone.received.empty()
