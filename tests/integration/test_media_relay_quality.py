"""The quality of a call's legs as the real media-relay measures it, with either forwarder."""

import asyncio
import statistics
from collections.abc import AsyncIterator

import pytest
from tests.support.media_relay import Ends, Relay, StartRelay, ends, outgoing_call, start_relay
from tests.support.pace import spend
from tests.support.rtp_packets import receiver_report_of, report_block, rtp_packet, sender_report_at

from media_relay.core.packet import rtcp
from media_relay.core.quality import mean_opinion_score
from shared.messages import LegQuality, MediaConnected, MediaQuality
from shared.messages.media import Side

__all__ = ["ends", "start_relay"]  # fixtures

BROWSER, PHONE = 0xB1, 0x51
NTP = 0x1122_3344_5566_7788
SAMPLE = 960  # RTP units in 20 ms of Opus


@pytest.fixture(params=["python", "native"])
async def relay(request: pytest.FixtureRequest, start_relay: StartRelay) -> AsyncIterator[Relay]:
    yield await start_relay(RELAY_FORWARDER=request.param, RELAY_QUALITY_SECONDS=1)


def audio(payload_type: int, number: int, ssrc: int) -> bytes:
    packet = bytearray(rtp_packet(payload_type, number & 0xFFFF, ssrc, b"opus" * 10))
    packet[4:8] = (SAMPLE * number).to_bytes(4, "big")
    return bytes(packet)


class Talk:
    """Both ends send 50 packets a second; the phone's link loses each tenth and delays every other one by 8 ms."""

    def __init__(self, ends: Ends, port: int) -> None:
        self.ends = ends
        self.port = port
        self.number = 65500  # so that the number wraps
        self.browser_is_heard = True
        self._loop = asyncio.get_running_loop()

    async def go_on(self, until: asyncio.Event) -> None:
        begun, first = self._loop.time(), self.number
        while not until.is_set():
            due = begun + 0.02 * (self.number - first)
            await spend(due - self._loop.time())  # the pace of a sender
            if self.browser_is_heard:
                self.ends.browser.send_rtp(audio(111, self.number, BROWSER))
            if self.number % 10:
                late = 0.008 if self.number % 2 else 0.0
                self._loop.call_later(late, self.ends.rtp.send, audio(111, self.number, PHONE), self.port)
            self.number += 1


def leg(event: MediaQuality, side: Side) -> LegQuality:
    (found,) = [each for each in event.legs if (each.side, each.kind) == (side, "audio")]
    return found


async def quality(relay: Relay) -> MediaQuality:
    event = await asyncio.wait_for(relay.measured.get(), 10)
    assert isinstance(event, MediaQuality)
    return event


async def round_trip_told(relay: Relay, side: Side) -> LegQuality:
    """Return a leg as it is first told with a round trip: one measured before may be on its way."""
    async with asyncio.timeout(10):
        while (found := leg(await quality(relay), side)).round_trip is None:
            pass
    return found


async def test_a_lossy_link_is_measured_right_and_the_other_leg_is_not_blamed(relay: Relay, ends: Ends) -> None:
    talk, over = Talk(ends, await outgoing_call(relay, ends)), asyncio.Event()
    assert await relay.event() == MediaConnected(media_id="m1", call_id="call-m1")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(talk.go_on(over))
        events = [await quality(relay) for _ in range(4)]
        over.set()
    for event in events:
        assert (event.media_id, event.call_id, event.unheard) == ("m1", "call-m1", ())
        phone, browser = leg(event, "sip"), leg(event, "browser")
        assert browser.loss == 0.0
        assert phone.round_trip is None and phone.mos is None  # nobody has reported
    # A second has 5 of them, and one or two more on its edges.
    assert statistics.mean(leg(event, "sip").loss or 0 for event in events) == pytest.approx(0.1, abs=0.04)
    delayed, steady = (leg(events[-1], side).jitter for side in ("sip", "browser"))
    assert delayed is not None and steady is not None
    assert delayed > 0.004  # 8 ms every other time, and what a busy machine adds
    assert delayed > steady
    assert await relay.metric('loss_ratio_count{kind="audio",side="sip"}') >= 4
    assert await relay.metric('loss_ratio_bucket{kind="audio",le="0.001",side="browser"}') >= 4
    assert await relay.metric('loss_ratio_bucket{kind="audio",le="0.05",side="sip"}') <= 1
    assert await relay.counted('mos_count{kind="audio",side="sip"}') == 0


async def test_answers_to_sender_reports_give_a_round_trip_and_a_score(relay: Relay, ends: Ends) -> None:
    talk, over = Talk(ends, await outgoing_call(relay, ends)), asyncio.Event()
    await relay.event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(talk.go_on(over))
        await quality(relay)
        ends.browser.send_rtcp(sender_report_at(BROWSER, NTP))
        packet, source = await ends.rtcp.receive()
        assert rtcp.parse(packet) is not None
        await spend(0.1)  # the way there and back
        block = report_block(BROWSER, fraction_lost=64, jitter=480, last_report=0x3344_5566)
        ends.rtcp.send(receiver_report_of(PHONE, block), source.port)
        await ends.browser.receive_rtcp()
        phone = await round_trip_told(relay, "sip")
        over.set()
    assert phone.round_trip is not None and phone.loss is not None and phone.jitter is not None
    assert 0.09 < phone.round_trip < 1
    assert (phone.reported_loss, phone.reported_jitter) == (0.25, 0.01)
    delay = phone.round_trip / 2 + 2 * phone.jitter
    assert phone.mos == pytest.approx(mean_opinion_score(phone.loss, delay, "opus"))
    assert await relay.metric('round_trip_seconds_count{kind="audio",side="sip"}') >= 1
    assert await relay.metric('mos_count{kind="audio",side="sip"}') >= 1


async def test_a_phone_and_a_browser_without_rtcp_get_the_relays_and_a_silent_side_is_found(
    relay: Relay, ends: Ends
) -> None:
    talk, over = Talk(ends, await outgoing_call(relay, ends)), asyncio.Event()
    await relay.event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(talk.go_on(over))
        async with asyncio.timeout(20):
            to_browser, (to_phone, _) = await ends.browser.rtcp.get(), await ends.rtcp.received.get()
        assert rtcp.parse(to_browser) == (PHONE, (BROWSER,))
        assert rtcp.parse(to_phone) == (BROWSER, (PHONE,))
        (block,) = rtcp.read_reports(to_phone).blocks
        assert block.fraction_lost / 256 == pytest.approx(0.1, abs=0.04)
        assert block.highest_sequence > 65536
        await spend(0.05)  # the way there and back
        answer = report_block(PHONE, last_report=rtcp.read_reports(to_browser).sent[0][1])
        ends.browser.send_rtcp(receiver_report_of(BROWSER, answer))
        round_trip = (await round_trip_told(relay, "browser")).round_trip
        assert round_trip is not None
        assert 0.03 < round_trip < 2

        talk.browser_is_heard = False
        async with asyncio.timeout(15):
            while (await quality(relay)).unheard != ("browser",):
                pass
        over.set()
    assert await relay.metric('one_way_audio_total{side="browser"}') == 1
    assert await relay.metric('own_reports_total{to="browser"}') >= 1
    async with asyncio.timeout(15):
        while (await quality(relay)).unheard != ("browser", "sip"):
            pass
    assert await relay.metric("silence_total") == 1
