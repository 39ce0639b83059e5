"""Sessions without a browser through both forwarders on real sockets: two phones that are joined, and sounds."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from tests.support.bus_seats import eventually
from tests.support.data_path import Relay
from tests.support.data_path import relay as relay
from tests.support.rtp_packets import receiver_report, rtp_packet
from tests.support.sip_phone import RtpSocket
from tests.support.until import until_so

from media_relay.core.counters import Drop
from media_relay.core.packet import rtp, telephone_event
from media_relay.core.packet.telephone_event import DIGITS, TelephoneEvent
from media_relay.core.plan import EventFormat, SessionPlan, StreamPlan
from media_relay.core.sound import EncodedSound
from media_relay.core.srtp_keys import SrtpKeys, SrtpProfile
from media_relay.digits import DigitReceived
from media_relay.forwarding.python.srtp import SrtpSession
from media_relay.sounds.player import SoundDone

PCMU = StreamPlan(
    "audio",
    encoding="pcmu",
    media_to_sip=0,
    to_sip={0: 0},
    to_browser={0: 0, 101: 101},
    browser_events={101: 8000},
    sip_events={101: 8000},
    events_to_sip=EventFormat(101, 8000),
)
BELL = EncodedSound(8000, [b"ding", b"dang", b"dong"], is_complete=True)


@dataclass
class Phone:
    """Somebody on the SIP side, and the ports that the relay has for him."""

    rtp: RtpSocket
    rtcp: RtpSocket
    rtp_port: int
    rtcp_port: int
    plan: StreamPlan

    def say(self, number: int, ssrc: int = 0x51, payload_type: int = 0) -> bytes:
        packet = rtp_packet(payload_type, number, ssrc)
        self.rtp.send(packet, self.rtp_port)
        return packet

    async def hear(self) -> bytes:
        return (await self.rtp.receive())[0]


async def connect(relay: Relay, media_id: str, partner: str = "", plan: StreamPlan = PCMU) -> Phone:
    allocation = relay.path.allocate_headless(media_id, partner)
    sockets = await relay.phone(), await relay.phone()
    whole = replace(plan, sip_rtp=sockets[0].address, sip_rtcp=sockets[1].address)
    relay.path.apply(media_id, SessionPlan(streams=(whole,)))
    return Phone(*sockets, *allocation.ports[0], whole)


@dataclass
class Two:
    """Two phones that are joined."""

    relay: Relay
    one: Phone
    other: Phone


@pytest.fixture
async def two(relay: Relay) -> AsyncIterator[Two]:
    numbered = replace(PCMU, media_to_sip=96, to_sip={0: 96}, to_browser={96: 0, 101: 101})
    yield Two(relay, await connect(relay, "m1"), await connect(relay, "m2", "m1", numbered))


async def test_what_one_phone_says_the_other_hears_in_its_own_numbers(two: Two) -> None:
    said = two.one.say(7)
    assert await two.other.hear() == rtp.with_payload_type(said, 96)
    said = two.other.say(9, 0x52, payload_type=96)
    assert await two.one.hear() == rtp.with_payload_type(said, 0)
    report = receiver_report(0x52)
    two.other.rtcp.send(report, two.other.rtcp_port)
    assert (await two.one.rtcp.receive())[0] == report
    counted = {("sip_to_browser", "audio"): 1, ("browser_to_sip", "audio"): 1, ("browser_to_sip", "rtcp"): 1}
    await until_so(lambda: two.relay.path.stats().sessions["m1"].packets == counted)  # which is after they are sent


async def test_what_comes_back_to_where_it_was_sent_does_not_go_round_for_ever(relay: Relay) -> None:
    one, other = await connect(relay, "m1"), await connect(relay, "m2", "m1")
    other.say(0, 0x52)  # one who has not spoken gets less
    await one.hear()

    async def lead_back() -> None:  # as two sessions of another relay would
        while True:
            packet, _ = await other.rtp.received.get()
            one.rtp.send(packet, one.rtp_port)

    async with asyncio.TaskGroup() as group:
        circle = group.create_task(lead_back())
        for number in range(20):
            one.say(number)
        await eventually(lambda: relay.drops(Drop.TOO_MANY) == 20)
        circle.cancel()
    assert relay.path.stats().sessions["m1"].packets["sip_to_browser", "audio"] > 1000


async def test_a_codec_that_the_other_one_has_not_goes_nowhere(two: Two) -> None:
    relay_plan = replace(two.one.plan, to_browser={0: 0, 8: 8})
    two.relay.path.apply("m1", SessionPlan(streams=(relay_plan,)))
    two.one.say(7, payload_type=8)
    two.one.say(8)
    assert rtp.parse(await two.other.hear())[1] == 8  # type: ignore[index]
    assert two.relay.path.stats().sessions["m2"].drops[Drop.UNKNOWN_PT] == 1


async def test_a_digit_of_one_is_told_and_made_anew_for_the_other(two: Two) -> None:
    payload = telephone_event.build(TelephoneEvent(DIGITS.index("7"), True, 800))
    two.one.rtp.send(rtp.build(101, 8, 8000, 0x51, payload), two.one.rtp_port)
    digit = DigitReceived("m1", "sip", "7", 100)
    assert await two.relay.event() == digit
    header = rtp.parse(await two.other.hear())
    assert header is not None
    assert header.payload_type == 101


async def test_hold_is_silence_both_ways(two: Two) -> None:
    held = replace(two.other.plan, browser_sends=False, sip_sends=False)
    two.relay.path.apply("m2", SessionPlan(streams=(held,)))
    two.one.say(7)
    two.other.say(8, 0x52, payload_type=96)
    await eventually(lambda: two.relay.drops(Drop.ON_HOLD) == 2)
    assert two.one.rtp.received.empty()
    assert two.other.rtp.received.empty()


async def test_the_end_of_one_leaves_the_other_with_nobody_until_it_is_joined_anew(two: Two) -> None:
    two.one.say(7)
    await two.other.hear()
    two.relay.path.release("m2")
    third = await connect(two.relay, "m3", "m1")
    said = two.one.say(8)
    assert await third.hear() == said
    assert two.other.rtp.received.empty()


async def test_nobody_hears_a_phone_that_is_alone_but_its_digits_are_told(relay: Relay) -> None:
    phone = await connect(relay, "m1")
    phone.say(7)
    payload = telephone_event.build(TelephoneEvent(DIGITS.index("3"), True, 800))
    phone.rtp.send(rtp.build(101, 8, 8000, 0x51, payload), phone.rtp_port)
    assert await relay.event() == DigitReceived("m1", "sip", "3", 100)
    (source,) = relay.path.statistics("m1")
    assert (source.side, source.packets) == ("sip", 2)
    assert sum(relay.path.stats().sessions["m1"].drops.values()) == 0


async def test_a_phone_hears_a_sound_frame_by_frame_and_its_end_is_told(relay: Relay) -> None:
    phone = await connect(relay, "m1")
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    relay.path.sound_of("m1").play("p-1", "bell", BELL, is_looped=False)
    packets = [await phone.hear() for _ in range(3)]
    assert loop.time() - began_at > 0.03
    headers = [rtp.parse(packet) for packet in packets]
    assert [header and rtp.payload_of(packet, header) for packet, header in zip(packets, headers, strict=True)] == (
        BELL.payloads
    )
    first = headers[0]
    assert first is not None
    assert [header and header.timestamp - first.timestamp for header in headers] == [0, 160, 320]
    assert [header and header.sequence_number - first.sequence_number for header in headers] == [0, 1, 2]
    assert [rtp.has_marker(packet) for packet in packets] == [True, False, False]
    assert await relay.event() == SoundDone("m1", "p-1", "bell", "finished")


async def test_a_sound_is_heard_in_the_place_of_the_partner_and_after_it_the_partner_again(two: Two) -> None:
    two.one.say(100)
    before = rtp.parse(await two.other.hear())
    two.relay.path.sound_of("m2").play("p-1", "bell", BELL, is_looped=False)
    two.one.say(101)
    during = [rtp.parse(await two.other.hear()) for _ in range(3)]
    await two.relay.event()
    two.one.say(120)
    after = rtp.parse(await two.other.hear())
    heard = [header for header in (before, *during, after) if header is not None]
    assert [header.sequence_number for header in heard] == [100, 101, 102, 103, 104]
    assert {(header.ssrc, header.payload_type) for header in heard} == {(0x51, 96)}
    assert two.relay.drops(Drop.DURING_EVENT) == 1


async def test_a_sound_is_protected_where_the_far_side_wants_it(relay: Relay) -> None:
    ours, theirs = (bytes([one]) * 30 for one in (1, 2))
    keys = SrtpKeys(SrtpProfile.AES128_CM_SHA1_80, receive=theirs, send=ours)
    phone = await connect(relay, "m1", plan=replace(PCMU, sip_srtp=keys))
    relay.path.sound_of("m1").play("p-1", "bell", BELL, is_looped=False)
    opened = SrtpSession(SrtpKeys(keys.profile, receive=ours, send=theirs)).unprotect_rtp(await phone.hear())
    assert opened[12:] == b"ding"
