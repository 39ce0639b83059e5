"""Video is repaired leg by leg: by NACKs that the relay answers, and by those that it sends."""

import asyncio
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from tests.support.data_path import Call, Relay, connect
from tests.support.data_path import relay as relay
from tests.support.lossy_link import Faults, lossy_link
from tests.support.pace import spend, turn
from tests.support.rtp_packets import (
    generic_nack,
    picture_loss_indication,
    receiver_report,
    rtp_packet,
    sender_report,
)
from tests.support.until import until_so

from media_relay.core.counters import Drop, Repair
from media_relay.core.plan import Address, StreamPlan
from media_relay.core.send_buffer import MAX_RESENT, RESEND_PAUSE
from media_relay.events import KeyframeWanted

BROWSER, PHONE, OURS = 0xB2, 0x52, 1
COUNT = 300
AT_ONCE = 50  # a socket holds that many, however long the relay has no processor


def video(rtp: Address, rtcp: Address, **changes: object) -> StreamPlan:
    plan = StreamPlan("video", rtp, rtcp, to_sip={96: 97}, to_browser={97: 96}, answers_nack=True, sip_takes_nack=True)
    return replace(plan, **changes)  # type: ignore[arg-type]


async def video_call(relay: Relay, browser_port: int | None = None, **changes: object) -> Call:
    """Connect a call; both sides have been heard: the phone's packet 1, and the browser's."""
    call = await connect(relay, stream=partial(video, **changes), browser_port=browser_port)
    call.phone.send(rtp_packet(97, 1, PHONE), call.rtp_port)
    await call.browser.receive_rtp()
    call.browser.send_rtp(rtp_packet(96, 1, BROWSER))
    await call.phone.receive()
    return call


async def nothing_more_came_to_the_phone(call: Call) -> None:
    """What the browser sends last comes next."""
    call.browser.send_rtcp(sender_report(BROWSER))
    assert await call.phone_rtcp.receive_packet() == sender_report(BROWSER)


async def nothing_more_came_to_the_browser(call: Call) -> None:
    call.phone_rtcp.send(sender_report(PHONE), call.rtcp_port)
    assert await call.browser.receive_rtcp() == sender_report(PHONE)


async def test_what_is_lost_on_the_way_to_the_browser_is_sent_again(relay: Relay) -> None:
    with lossy_link(Address("127.0.0.1", relay.path.browser_port), Faults(), Faults(loss=0.2)) as link:
        call = await connect(relay, stream=video, browser_port=link.address.port)
        for number in range(1, COUNT + 1):
            call.phone.send(rtp_packet(97, number, PHONE), call.rtp_port)
            await turn()
            if number % AT_ONCE == 0:
                await link.outward.carried(number)
        received = {await call.browser.receive_rtp() for _ in link.outward.delivered}
        missing = {rtp_packet(96, number, PHONE) for number in range(1, COUNT + 1)} - received
        assert len(missing) == link.outward.lost > COUNT / 10
        link.outward.faults = Faults()
        lost = [(int.from_bytes(packet[2:4], "big"), 0) for packet in missing]
        call.browser.send_rtcp(receiver_report(BROWSER) + generic_nack(BROWSER, PHONE, *lost))
        assert {await call.browser.receive_rtp() for _ in missing} == missing
    assert call.browser.refused == []
    sent = COUNT + len(missing)  # which is counted after it
    await until_so(lambda: relay.path.stats().sessions["m1"].packets["sip_to_browser", "video"] == sent)
    assert relay.path.stats().sessions["m1"].repairs == {Repair.RESENT_TO_BROWSER: len(missing)}


async def test_a_nack_goes_on_for_what_the_relay_never_had(relay: Relay) -> None:
    call = await video_call(relay)
    call.browser.send_rtcp(receiver_report(BROWSER) + generic_nack(BROWSER, PHONE, (1, 0b101), (90, 0)))
    assert await call.phone_rtcp.receive_packet() == (
        receiver_report(BROWSER) + generic_nack(BROWSER, PHONE, (2, 0b10), (90, 0))
    )
    await spend(2 * RESEND_PAUSE)
    call.browser.send_rtcp(generic_nack(BROWSER, PHONE, (1, 0)))
    await nothing_more_came_to_the_phone(call)
    assert call.browser.refused == [Drop.REPLAY] * 2  # it had that packet


async def test_a_phone_that_reads_no_nack_gets_none(relay: Relay) -> None:
    call = await video_call(relay, sip_takes_nack=False)
    call.browser.send_rtcp(receiver_report(BROWSER) + generic_nack(BROWSER, PHONE, (1, 1)))
    assert await call.phone_rtcp.receive_packet() == receiver_report(BROWSER)


async def test_what_is_lost_on_the_way_to_the_phone_is_sent_again_and_the_browser_is_not_asked(relay: Relay) -> None:
    call = await video_call(relay)
    call.phone_rtcp.send(receiver_report(PHONE) + generic_nack(PHONE, BROWSER, (1, 1)), call.rtcp_port)
    assert await call.phone.receive() == (rtp_packet(97, 1, BROWSER), Address("127.0.0.1", call.rtp_port))
    assert await call.browser.receive_rtcp() == receiver_report(PHONE)
    await spend(2 * RESEND_PAUSE)
    call.phone_rtcp.send(generic_nack(PHONE, BROWSER, (1, 0)), call.rtcp_port)
    assert await call.phone.receive_packet() == rtp_packet(97, 1, BROWSER)
    await nothing_more_came_to_the_browser(call)


async def test_a_browser_that_answers_is_asked_for_what_is_missing(relay: Relay) -> None:
    call = await video_call(relay)
    call.browser.send_rtp(rtp_packet(96, 4, BROWSER))
    assert await call.phone.receive_packet() == rtp_packet(97, 4, BROWSER)
    assert await call.browser.receive_rtcp() == receiver_report(OURS) + generic_nack(OURS, BROWSER, (2, 1))
    call.browser.send_rtp(rtp_packet(96, 3, BROWSER))
    call.browser.send_rtp(rtp_packet(96, 2, BROWSER))
    assert [await call.phone.receive_packet() for _ in range(2)] == [
        rtp_packet(97, number, BROWSER) for number in (3, 2)
    ]
    assert relay.path.stats().sessions["m1"].repairs == {Repair.ASKED_OF_BROWSER: 2}


async def test_a_browser_that_did_not_negotiate_it_is_neither_asked_nor_answered(relay: Relay) -> None:
    call = await video_call(relay, answers_nack=False)
    call.browser.send_rtp(rtp_packet(96, 4, BROWSER))
    await call.phone.receive()
    await nothing_more_came_to_the_browser(call)
    call.browser.send_rtcp(receiver_report(BROWSER) + generic_nack(BROWSER, PHONE, (1, 0)))
    assert await call.phone_rtcp.receive_packet() == receiver_report(BROWSER) + generic_nack(BROWSER, PHONE, (1, 0))


async def test_all_of_it_arrives_through_a_link_that_loses_both_ways(relay: Relay) -> None:
    with lossy_link(Address("127.0.0.1", relay.path.browser_port), Faults()) as link:
        call = await video_call(relay, link.address.port)
        link.inward.faults = link.outward.faults = Faults(loss=0.1)
        sent: dict[int, bytes] = {}
        arrived: set[bytes] = set()
        assert call.browser.srtp is not None
        async with asyncio.timeout(20):
            number = 1
            while len(arrived) < COUNT:
                number += 1
                sent[number] = call.browser.srtp.protect_rtp(rtp_packet(96, number, BROWSER))
                call.browser.send(sent[number])
                await spend(0.001)  # the pace of video
                while not call.browser.rtcp.empty():
                    for lost in asked_for(call.browser.rtcp.get_nowait()):
                        call.browser.send(sent[lost])
                while not call.phone.received.empty():
                    packet = call.phone.received.get_nowait()[0]
                    if int.from_bytes(packet[2:4], "big") <= COUNT + 1:
                        arrived.add(packet)
    assert arrived == {rtp_packet(97, number, BROWSER) for number in range(2, COUNT + 2)}
    assert link.inward.lost > COUNT / 20


def asked_for(compound: bytes) -> list[int]:
    """Return the numbers in a NACK of the relay, which stands behind an empty report."""
    groups = [compound[at : at + 4] for at in range(20, len(compound), 4)]
    pairs = [(int.from_bytes(group[:2], "big"), int.from_bytes(group[2:], "big")) for group in groups]
    return [first + bit for first, bits in pairs for bit in range(17) if (bits << 1 | 1) >> bit & 1]


async def test_a_browser_gets_a_packet_again_no_more_often_than_it_needs(relay: Relay) -> None:
    call = await video_call(relay)
    for _ in range(MAX_RESENT + 5):
        call.browser.send_rtcp(receiver_report(BROWSER) + generic_nack(BROWSER, PHONE, (1, 0)))
        assert await call.phone_rtcp.receive_packet() == receiver_report(BROWSER)
        await spend(2 * RESEND_PAUSE)
    await nothing_more_came_to_the_browser(call)
    assert call.browser.refused == [Drop.REPLAY] * MAX_RESENT


async def test_one_nack_makes_no_burst(relay: Relay) -> None:
    """However often it names a packet: as a datagram of this size can name thousands."""
    call = await video_call(relay)
    groups = [(1 - first, 0xFFFF) for first in range(17)] * 21
    call.browser.send_rtcp(generic_nack(BROWSER, PHONE, *((first & 0xFFFF, bits) for first, bits in groups)))
    call.phone_rtcp.send(
        generic_nack(PHONE, BROWSER, *((first & 0xFFFF, bits) for first, bits in groups)), call.rtcp_port
    )
    assert await call.phone.receive_packet() == rtp_packet(97, 1, BROWSER)
    await nothing_more_came_to_the_browser(call)
    assert call.browser.refused == [Drop.REPLAY]
    repairs = relay.path.stats().sessions["m1"].repairs
    assert (repairs[Repair.RESENT_TO_BROWSER], repairs[Repair.RESENT_TO_SIP]) == (1, 1)


async def test_a_plan_that_is_applied_again_changes_nothing_of_what_is_kept(relay: Relay) -> None:
    call = await video_call(relay)
    relay.path.apply("m1", call.plan)
    call.browser.send_rtcp(receiver_report(BROWSER) + generic_nack(BROWSER, PHONE, (1, 0)))
    assert await call.phone_rtcp.receive_packet() == receiver_report(BROWSER)
    await nothing_more_came_to_the_browser(call)
    assert call.browser.refused == [Drop.REPLAY]


@pytest.mark.parametrize("compound", [generic_nack(PHONE, BROWSER), generic_nack(PHONE, BROWSER, (1, 0)) * 40])
async def test_nacks_of_any_shape_are_stood(relay: Relay, compound: bytes) -> None:
    call = await video_call(relay)
    call.phone_rtcp.send(compound, call.rtcp_port)
    await nothing_more_came_to_the_browser(call)
    assert "m1" in relay.path.stats().sessions


def full_intra_request(sender: int, about: int, number: int) -> bytes:
    return struct.pack("!BBHIIIB3x", 0x84, 206, 4, sender, 0, about, number)


WISHES = [
    pytest.param(lambda sender, about: picture_loss_indication(sender, about), id="PLI"),
    pytest.param(lambda sender, about: full_intra_request(sender, about, 7), id="FIR"),
]
Wish = Callable[[int, int], bytes]


@pytest.mark.parametrize("wish", WISHES)
async def test_a_phone_that_wants_a_picture_gets_the_browser_asked_once_in_a_while(relay: Relay, wish: Wish) -> None:
    call = await video_call(relay)
    for _ in range(3):
        call.phone_rtcp.send(receiver_report(PHONE) + wish(PHONE, BROWSER), call.rtcp_port)
    received = [await call.browser.receive_rtcp() for _ in range(4)]
    assert sorted(received) == sorted(
        [receiver_report(PHONE)] * 3 + [receiver_report(OURS) + picture_loss_indication(OURS, BROWSER)]
    )
    await nothing_more_came_to_the_browser(call)
    async with asyncio.timeout(5):
        while call.browser.rtcp.empty():
            call.phone_rtcp.send(wish(PHONE, BROWSER), call.rtcp_port)
            await spend(0.05)
    assert await call.browser.receive_rtcp() == receiver_report(OURS) + picture_loss_indication(OURS, BROWSER)


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize(
    ("reads", "asked"),
    [
        ({"sip_takes_pli": True, "sip_takes_fir": True}, [picture_loss_indication(OURS, PHONE)]),
        ({"sip_takes_fir": True}, [full_intra_request(OURS, PHONE, 1)]),
        ({}, []),
    ],
)
async def test_a_browser_that_wants_a_picture_gets_the_phone_asked_in_the_way_that_it_reads(
    relay: Relay, wish: Wish, reads: dict[str, bool], asked: list[bytes]
) -> None:
    call = await video_call(relay, **reads)
    for _ in range(3):
        call.browser.send_rtcp(receiver_report(BROWSER) + wish(BROWSER, PHONE))
    received = [await call.phone_rtcp.receive_packet() for _ in range(3 + len(asked))]
    assert sorted(received) == sorted([receiver_report(BROWSER)] * 3 + [receiver_report(OURS) + one for one in asked])
    await nothing_more_came_to_the_phone(call)
    if not asked:
        assert await relay.event() == KeyframeWanted("m1")
    assert relay.path.stats().sessions["m1"].repairs == {Repair.PICTURES_OF_SIP: 1}
    assert relay.events.empty()
