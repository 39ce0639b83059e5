"""What the forwarders know of each source, from packets on real sockets."""

import asyncio
from dataclasses import replace

import pytest
from tests.support.data_path import Call, Relay, audio, browser_plan, connect, relay
from tests.support.pace import spend
from tests.support.rtp_packets import receiver_report_of, report_block, rtp_packet, sender_report_at

from media_relay.core.plan import Address, StreamPlan
from media_relay.core.statistics import SourceRecord, SourceStatistics
from media_relay.forwarding.forwarder import ForwarderFactory
from shared.messages.media import Side

__all__ = ["relay"]
NTP = 0x1122_3344_5566_7788


def source(relay: Relay, side: Side) -> SourceStatistics:
    (found,) = [each for each in relay.path.statistics("m1") if each.side == side]
    return found


async def exchange(call: Call, numbers: list[int]) -> None:
    """Send packets of these numbers both ways; return when the last have passed."""
    for number in numbers:
        call.browser.send_rtp(rtp_packet(111, number, 0xB1, b"opus" * 10))
        await call.phone.receive()
        call.phone.send(rtp_packet(96, number, 0x51), call.rtp_port)
        await call.browser.receive_rtp()


async def test_packets_that_did_not_come_are_told_by_their_numbers(relay: Relay) -> None:
    call = await connect(relay)
    await exchange(call, [65530, 65531, 65534, 65535, 1, 0, 2])
    for side, ssrc, octets in (("browser", 0xB1, 40), ("sip", 0x51, 160)):
        found = source(relay, side)
        assert (found.stream, found.ssrc, found.packets, found.octets) == (0, ssrc, 7, 7 * octets)
        assert (found.first_sequence, found.highest_sequence) == (65530, 65538)
        assert (found.sent_packets, found.sent_octets) == (7, 7 * octets)
        assert (found.sender_report, found.reported_at, found.round_trip) == (None, None, None)
        assert 0 <= asyncio.get_running_loop().time() - found.last_heard < 5


async def test_jitter_is_measured_by_the_clock_of_the_plan(relay: Relay) -> None:
    call = await connect(relay)
    loop = asyncio.get_running_loop()
    begun, sent = loop.time(), SourceRecord()
    for number in range(60):
        due = begun + 0.02 * number + (0.01 if number % 2 else 0)  # every other packet is late by 10 ms, 80 units
        await spend(due - loop.time())  # this is the sender's pace
        sent.hear(number, 160 * number, 160, loop.time(), 8000)  # a busy machine adds to it
        call.phone.send(rtp_packet(96, number, 0x51), call.rtp_port)
        await call.browser.receive_rtp()
    assert sent.jitter > 60
    assert source(relay, "sip").jitter == pytest.approx(sent.jitter, rel=0.35)


async def test_reports_that_pass_are_read_on_the_way(relay: Relay) -> None:
    call = await connect(relay)
    await exchange(call, [1, 2])
    begun = asyncio.get_running_loop().time()
    call.browser.send_rtcp(sender_report_at(0xB1, NTP, report_block(0x51, fraction_lost=64, jitter=80)))
    await call.phone_rtcp.receive()
    answer = receiver_report_of(0x51, report_block(0xB1, last_report=0x3344_5566, delay=0))
    await spend(0.05)  # the round trip
    call.phone_rtcp.send(answer, call.rtcp_port)
    assert await call.browser.receive_rtcp() == answer
    took = asyncio.get_running_loop().time() - begun
    browsers, phones = source(relay, "browser"), source(relay, "sip")
    assert browsers.sender_report is not None
    assert browsers.sender_report[0] == 0x3344_5566
    assert browsers.round_trip is not None
    assert 0.04 < browsers.round_trip < took + 0.01
    assert (phones.reported_loss, phones.reported_jitter, phones.round_trip) == (0.25, 80, None)


async def test_rtcp_made_here_reaches_either_side_and_its_answer_tells_the_round_trip(relay: Relay) -> None:
    call = await connect(relay)
    await exchange(call, [1])
    to_browser, to_phone = sender_report_at(0x51, NTP), sender_report_at(0xB1, NTP)
    relay.path.send_rtcp("m1", 0, "browser", to_browser)
    relay.path.send_rtcp("m1", 0, "sip", to_phone)
    assert await call.browser.receive_rtcp() == to_browser
    assert (await call.phone_rtcp.receive())[0] == to_phone
    call.browser.send_rtcp(receiver_report_of(0xB1, report_block(0x51, last_report=0x3344_5566)))
    await call.phone_rtcp.receive()
    found = source(relay, "sip")
    assert found.round_trip is not None
    assert 0 <= found.round_trip < 1


async def test_what_is_refused_and_what_is_held_is_not_counted(relay: Relay) -> None:
    call = await connect(relay)
    await exchange(call, [1])
    stranger = await relay.phone("127.0.0.2")
    stranger.send(rtp_packet(96, 30, 0x51), call.rtp_port)
    call.browser.send(rtp_packet(111, 30, 0xB1))  # forged
    await exchange(call, [2])
    assert [each.highest_sequence for each in relay.path.statistics("m1")] == [2, 2]


async def test_each_stream_has_its_own_sources(relay: Relay) -> None:
    allocation = relay.path.allocate("m1", 2)
    browser = await relay.browser(allocation.ice)
    sockets = [await relay.phone() for _ in range(4)]
    video = StreamPlan(
        "video", sockets[2].address, sockets[3].address, to_sip={98: 97}, to_browser={97: 98}, clock_rate=90000
    )
    relay.path.apply("m1", browser_plan(browser, audio(sockets[0].address, sockets[1].address), video))
    await browser.connect(relay.path.fingerprint)
    browser.send_rtp(rtp_packet(98, 1, 0xB2))
    await sockets[2].receive()
    browser.send_rtp(rtp_packet(111, 1, 0xB1))
    await sockets[0].receive()
    assert {(each.stream, each.side, each.ssrc) for each in relay.path.statistics("m1")} == {
        (0, "browser", 0xB1),
        (1, "browser", 0xB2),
    }


async def test_over_a_bridge_the_other_browser_is_the_far_side(forwarder: ForwarderFactory) -> None:
    relay = Relay(forwarder)
    await relay.open(sip_address="127.0.0.1")
    async with relay.stack:
        calls = {"m1": await connect(relay, "m1"), "m2": await connect(relay, "m2")}
        for media_id, other in (("m1", calls["m2"]), ("m2", calls["m1"])):
            far_side = audio(Address("127.0.0.1", other.rtp_port), Address("127.0.0.1", other.rtcp_port))
            relay.path.apply(media_id, replace(calls[media_id].plan, streams=(far_side,)))
        one, other = calls["m1"].browser, calls["m2"].browser
        for number in (1, 2, 4):
            one.send_rtp(rtp_packet(0, number, 0xB1))
            await other.receive_rtp()
        one.send_rtcp(sender_report_at(0xB1, NTP))
        await other.receive_rtcp()
        (heard,), (passed,) = relay.path.statistics("m1"), relay.path.statistics("m2")
        assert (heard.side, passed.side) == ("browser", "sip")
        for each in (heard, passed):
            assert (each.ssrc, each.packets, each.highest_sequence, each.sent_packets) == (0xB1, 3, 4, 3)
            assert each.sender_report is not None
            assert each.sender_report[0] == 0x3344_5566
