"""Telephone-events through both forwarders on real sockets: what is made of the browser's, and what of the phone's."""

import asyncio
from dataclasses import replace
from typing import NamedTuple

import pytest
from tests.support.data_path import Call, Relay, connect
from tests.support.data_path import relay as relay
from tests.support.rtp_packets import receiver_report, sender_report

from media_relay.core.counters import Drop
from media_relay.core.packet import rtp, telephone_event
from media_relay.core.packet.telephone_event import DIGITS, TelephoneEvent
from media_relay.core.plan import Address, EventFormat, StreamPlan
from media_relay.core.srtp_keys import SrtpKeys, SrtpProfile
from media_relay.digits import DigitReceived
from media_relay.forwarding.forwarder import ForwarderFactory
from media_relay.forwarding.python.srtp import SrtpSession
from shared.errors import RemoteError

OPUS, EVENT, EVENT_48000 = 111, 126, 110  # the browser's numbers; the phone's are 96 and 101


def audio(phone: Address | None, phone_rtcp: Address | None) -> StreamPlan:
    return StreamPlan(
        "audio",
        phone,
        phone_rtcp,
        clock_rate=48000,
        to_sip={OPUS: 96},
        to_browser={96: OPUS, 101: EVENT},
        browser_events={EVENT: 8000, EVENT_48000: 48000},
        sip_events={101: 8000},
        events_to_sip=EventFormat(101, 8000),
    )


def opus(number: int, ssrc: int = 0xB1) -> bytes:
    """A packet of the browser, of 20 ms."""
    return rtp.build(OPUS, number, 960 * number, ssrc, b"opus")


def end_of(digit: str, payload_type: int, number: int, timestamp: int, duration: int, ssrc: int = 0xB1) -> bytes:
    """The last packet of a digit."""
    payload = telephone_event.build(TelephoneEvent(DIGITS.index(digit), True, duration))
    return rtp.build(payload_type, number, timestamp, ssrc, payload)


class Heard(NamedTuple):
    """A packet that the phone got."""

    header: rtp.RtpHeader
    marker: bool
    event: TelephoneEvent | None


async def heard(call: Call) -> Heard:
    packet, _ = await call.phone.receive()
    header = rtp.parse(packet)
    assert header is not None
    event = telephone_event.parse(rtp.payload_of(packet, header)) if header.payload_type == 101 else None
    return Heard(header, rtp.has_marker(packet), event)


async def heard_until_third_end(call: Call) -> list[Heard]:
    packets = [await heard(call)]
    while sum(packet.event is not None and packet.event.is_end for packet in packets) < 3:
        packets.append(await heard(call))
    return packets


def said(packets: list[Heard]) -> list[TelephoneEvent]:
    return [packet.event for packet in packets if packet.event is not None]


async def test_a_digit_takes_the_place_of_the_media_in_its_numbering(relay: Relay) -> None:
    loop = asyncio.get_running_loop()
    call = await connect(relay, stream=audio)
    sent_at = loop.time()
    call.browser.send_rtp(opus(65530))
    before = await heard(call)
    relay.path.send_digits("m1", "5", 300, 70)
    first = await heard(call)
    elapsed = loop.time() - sent_at
    call.browser.send_rtp(opus(65531))  # while the digit lasts
    digit = [first, *await heard_until_third_end(call)]
    assert said(digit) == [
        *[TelephoneEvent(5, False, duration) for duration in range(160, 2400, 160)],
        *[TelephoneEvent(5, True, 2400)] * 3,
    ]
    assert [packet.marker for packet in digit] == [True, *[False] * 16]
    assert {packet.header.timestamp for packet in digit} == {first.header.timestamp}
    assert 0 <= first.header.timestamp - before.header.timestamp <= 48000 * elapsed
    call.browser.send_rtp(opus(4))
    call.browser.send_rtp(opus(2))  # late: it was sent while the digit lasted
    call.browser.send_rtp(opus(5))
    after = [await heard(call), await heard(call)]
    everything = [packet.header for packet in (before, *digit, *after)]
    assert [header.sequence_number for header in everything] == [(65530 + place) % 65536 for place in range(20)]
    assert [packet.header.timestamp for packet in after] == [960 * 4, 960 * 5]
    assert {header.ssrc for header in everything} == {0xB1}
    assert relay.drops(Drop.DURING_EVENT) == 2


async def test_a_new_source_of_the_browser_keeps_its_own_numbers(relay: Relay) -> None:
    call = await connect(relay, stream=audio)
    call.browser.send_rtp(opus(7))
    relay.path.send_digits("m1", "1", 40, 70)
    await heard(call)
    await heard_until_third_end(call)
    call.browser.send_rtp(opus(300, ssrc=0xB2))
    assert (await heard(call)).header[1:3] == (300, 0xB2)


async def test_digits_go_out_from_a_browser_that_sends_nothing(relay: Relay) -> None:
    call = await connect(relay, stream=audio)
    relay.path.send_digits("m1", "#9", 40, 60)
    digits = [*await heard_until_third_end(call), *await heard_until_third_end(call)]
    assert [event.code for event in said(digits)] == [11] * 4 + [9] * 4
    assert [packet.marker for packet in digits] == [True, False, False, False] * 2
    assert [packet.header.sequence_number for packet in digits] == list(range(1, 9))
    times = [packet.header.timestamp for packet in digits]
    assert len(set(times)) == 2
    assert 0 < (times[4] - times[0]) & 0xFFFFFFFF < 0x80000000  # how much depends on how busy the machine is


async def test_what_the_browser_sends_is_made_again_whole(relay: Relay) -> None:
    """Chromium and Firefox beside Opus: three ends, counted in the clock of Opus."""
    call = await connect(relay, stream=audio)
    for number in (1, 2, 3):
        call.browser.send_rtp(end_of("7", EVENT, number, 480000, 960))
    digit = await heard_until_third_end(call)
    assert [event.code for event in said(digit)] == [7] * 8
    assert [event.duration for event in said(digit)] == [160, 320, 480, 640, 800, 960, 960, 960]
    call.browser.send_rtp(opus(4))
    assert (await heard(call)).event is None  # and once
    assert relay.events.empty()


async def test_reports_of_the_browser_count_the_digits_in_its_name(relay: Relay) -> None:
    call = await connect(relay, stream=audio)
    call.browser.send_rtp(opus(1))
    await heard(call)
    reports = sender_report(0xB1) + receiver_report(0xB1)
    call.browser.send_rtcp(reports)
    assert await call.phone_rtcp.receive_packet() == reports
    relay.path.send_digits("m1", "1", 40, 70)
    await heard_until_third_end(call)
    call.browser.send_rtcp(reports)
    told = await call.phone_rtcp.receive_packet()
    packets, octets = 1 + 4, len(b"opus") + 4 * 4
    assert told == reports[:20] + packets.to_bytes(4, "big") + octets.to_bytes(4, "big") + reports[28:]
    (browser,) = [each for each in relay.path.statistics("m1") if each.side == "browser"]
    assert (browser.packets, browser.sent_packets, browser.sent_octets) == (1, packets, octets)


async def test_a_digit_of_the_phone_reaches_the_browser_and_is_told_once(relay: Relay) -> None:
    call = await connect(relay, stream=audio)
    for number in (1, 2, 3):
        call.phone.send(end_of("*", 101, number, 8000, 800, ssrc=0x51), call.rtp_port)
        assert (rtp.parse(await call.browser.receive_rtp()) or pytest.fail("no RTP")).payload_type == EVENT
    assert await relay.event() == DigitReceived("m1", "sip", "*", 100)
    call.phone.send(end_of("A", 101, 4, 16000, 400, ssrc=0x51), call.rtp_port)
    assert await relay.event() == DigitReceived("m1", "sip", "A", 50)


async def test_a_stranger_sends_no_digits(relay: Relay) -> None:
    call = await connect(relay, stream=audio)
    call.phone.send(end_of("1", 101, 1, 8000, 800, ssrc=0x51), call.rtp_port)
    assert await relay.event() == DigitReceived("m1", "sip", "1", 100)
    stranger = await relay.phone("127.0.0.2")
    stranger.send(end_of("2", 101, 1, 8000, 800, ssrc=0x52), call.rtp_port)
    call.phone.send(end_of("3", 101, 2, 9000, 800, ssrc=0x51), call.rtp_port)
    assert await relay.event() == DigitReceived("m1", "sip", "3", 100)
    assert relay.drops(Drop.LATCH_REFUSED) == 1


async def test_a_far_side_without_events_is_not_sent_any_and_the_browsers_are_told(relay: Relay) -> None:
    call = await connect(relay, stream=lambda *phone: replace(audio(*phone), events_to_sip=None))
    with pytest.raises(RemoteError) as refused:
        relay.path.send_digits("m1", "1", 100, 70)
    assert refused.value.status == 501
    call.browser.send_rtp(end_of("8", EVENT_48000, 1, 480000, 4800))
    assert await relay.event() == DigitReceived("m1", "browser", "8", 100)


async def test_a_hold_ends_the_digits_that_wait_and_the_media_goes_on_after_it(relay: Relay) -> None:
    call = await connect(relay, stream=audio)
    call.browser.send_rtp(opus(1))
    await heard(call)
    relay.path.send_digits("m1", "123", 1000, 70)
    assert (await heard(call)).header.sequence_number == 2
    held = replace(call.plan, streams=(replace(call.plan.streams[0], browser_sends=False),))
    relay.path.apply("m1", held)
    with pytest.raises(RemoteError):
        relay.path.send_digits("m1", "4", 100, 70)
    relay.path.apply("m1", call.plan)
    call.browser.send_rtp(opus(50))
    while (after := await heard(call)).event is not None:
        last = after  # one that was on its way
        assert last.event.code == 1
    assert after.header.timestamp == 960 * 50


async def test_of_a_flood_of_events_a_part_is_handed_up(relay: Relay) -> None:
    call = await connect(relay, stream=lambda *phone: replace(audio(*phone), events_to_sip=None))
    for number in range(1000):
        call.browser.send_rtp(end_of("1", EVENT, number, 8000 * number, 960))
    call.browser.send_rtp(opus(1001))
    await heard(call)
    assert relay.drops(Drop.DURING_EVENT) > 500
    told = [await relay.event() for _ in range(20)]
    assert set(told) == {DigitReceived("m1", "browser", "1", 120)}


async def test_digits_go_over_a_bridge_of_two_browsers(forwarder: ForwarderFactory) -> None:
    relay = Relay(forwarder)
    await relay.open(sip_address="127.0.0.1")
    async with relay.stack:
        one, other = await connect(relay, "m1", audio), await connect(relay, "m2", audio)
        for media_id, call, far_side in (("m1", one, other), ("m2", other, one)):
            stream = audio(Address("127.0.0.1", far_side.rtp_port), Address("127.0.0.1", far_side.rtcp_port))
            events = replace(stream, to_browser={96: OPUS, 101: EVENT}, to_sip={OPUS: 96})
            relay.path.apply(media_id, replace(call.plan, streams=(events,)))
        one.browser.send_rtp(opus(1))
        assert rtp.parse(await other.browser.receive_rtp()) == (OPUS, 1, 0xB1, 960, 12)
        relay.path.send_digits("m1", "6", 40, 70)
        headers = [rtp.parse(await other.browser.receive_rtp()) for _ in range(4)]
        assert [header and header[:3] for header in headers] == [(EVENT, number, 0xB1) for number in (2, 3, 4, 5)]
        assert await relay.event() == DigitReceived("m2", "sip", "6", 40)
        one.browser.send_rtp(opus(9))
        assert rtp.parse(await other.browser.receive_rtp()) == (OPUS, 6, 0xB1, 960 * 9, 12)
        assert one.phone.received.empty() and other.phone.received.empty()


async def test_digits_are_protected_where_the_phones_media_is(relay: Relay) -> None:
    profile = SrtpProfile.AEAD_AES_128_GCM
    length = profile.key_length + profile.salt_length
    keys = SrtpKeys(profile, receive=bytes([1]) * length, send=bytes([2]) * length)
    phone = SrtpSession(SrtpKeys(profile, receive=keys.send, send=keys.receive))
    call = await connect(relay, stream=lambda *address: replace(audio(*address), sip_srtp=keys))
    relay.path.send_digits("m1", "0", 40, 70)
    sent = [phone.unprotect_rtp((await call.phone.receive())[0]) for _ in range(4)]
    assert [packet[12:].hex() for packet in sent] == ["000a00a0", "008a0140", "008a0140", "008a0140"]
    call.phone.send(phone.protect_rtp(end_of("0", 101, 1, 8000, 800, ssrc=0x51)), call.rtp_port)
    assert await relay.event() == DigitReceived("m1", "sip", "0", 100)
