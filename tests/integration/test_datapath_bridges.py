"""Two browsers of one relay that are each other's far side: what goes between them, and what does not go by sockets."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from tests.support.data_path import Call, Relay, audio, connect
from tests.support.rtp_packets import generic_nack, receiver_report, rtp_packet, sender_report
from tests.support.until import until_so

from media_relay.core.counters import Drop
from media_relay.core.packet import rtp
from media_relay.core.plan import Address, EventFormat
from media_relay.digits import DigitReceived
from media_relay.forwarding.forwarder import ForwarderFactory
from shared.errors import RemoteError

HOST = "127.0.0.1"


@dataclass
class Two:
    """Two calls, with a phone each, that can be sent to each other."""

    relay: Relay
    one: Call
    other: Call

    def send(self, media_id: str, far_side: Call | None, **changes: object) -> None:
        """Send a call to the other one; None: to its phone."""
        call = self.one if media_id == "m1" else self.other
        stream = call.plan.streams[0]
        if far_side is not None:
            stream = audio(Address(HOST, far_side.rtp_port), Address(HOST, far_side.rtcp_port))
        self.relay.path.apply(media_id, replace(call.plan, streams=(replace(stream, **changes),)))

    def join(self, **changes: object) -> None:
        self.send("m1", self.other)
        self.send("m2", self.one, **changes)

    def packets(self, media_id: str) -> dict[tuple[str, str], int]:
        return dict(self.relay.path.stats().sessions[media_id].packets)


@pytest.fixture
async def two(forwarder: ForwarderFactory) -> AsyncIterator[Two]:
    relay = Relay(forwarder)
    await relay.open(sip_address=HOST)
    async with relay.stack:
        yield Two(relay, await connect(relay, "m1"), await connect(relay, "m2"))


async def test_media_goes_from_browser_to_browser_and_is_counted_on_both(two: Two) -> None:
    two.join(to_sip={120: 96}, to_browser={96: 120})
    two.one.browser.send_rtp(rtp_packet(0x80 | 111, 7, 0xB1))
    assert await two.other.browser.receive_rtp() == rtp_packet(0x80 | 120, 7, 0xB1)
    two.other.browser.send_rtp(rtp_packet(120, 9, 0xB2))
    assert await two.one.browser.receive_rtp() == rtp_packet(111, 9, 0xB2)
    two.one.browser.send_rtcp(receiver_report(0xB1))
    assert await two.other.browser.receive_rtcp() == receiver_report(0xB1)
    both_ways = {("browser_to_sip", "audio"): 1, ("sip_to_browser", "audio"): 1}
    # What is sent is counted after that.
    await until_so(lambda: two.packets("m1") == {**both_ways, ("browser_to_sip", "rtcp"): 1})
    await until_so(lambda: two.packets("m2") == {**both_ways, ("sip_to_browser", "rtcp"): 1})


async def test_no_socket_is_in_between(two: Two) -> None:
    """On the ports nobody is listened to any more, not even who stands at the relay's own address."""
    two.join()
    stranger = await two.relay.phone()
    for sequence_number in range(10):
        stranger.send(rtp_packet(96, sequence_number, 0x51), two.one.rtp_port)
        stranger.send(sender_report(0x51), two.one.rtcp_port)
    two.one.phone.send(rtp_packet(96, 1, 0x52), two.one.rtp_port)
    two.other.browser.send_rtp(rtp_packet(111, 9, 0xB2))
    assert await two.one.browser.receive_rtp() == rtp_packet(111, 9, 0xB2)
    two.one.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    await two.other.browser.receive_rtp()
    while two.relay.drops(Drop.LATCH_REFUSED) < 21:
        two.one.browser.send_rtp(rtp_packet(111, 8, 0xB1))
        await two.other.browser.receive_rtp()
    assert stranger.received.empty()
    assert two.one.browser.rtp.empty()


@pytest.mark.parametrize("multiplexed", [False, True])
async def test_nor_who_was_named_for_the_rtcp_of_one_that_is_joined(two: Two, multiplexed: bool) -> None:
    """It is the RTP addresses alone that join two streams. His NACK would be answered over the bridge."""
    stranger = await two.relay.phone("127.0.0.9")
    video = {"kind": "video", "answers_nack": True, "sip_takes_nack": True}
    far_side = audio(Address(HOST, two.other.rtp_port), stranger.address)
    two.relay.path.apply("m1", replace(two.one.plan, streams=(replace(far_side, **video),)))  # type: ignore[arg-type]
    two.send("m2", two.one, **video)
    assert two.relay.path.bridged("m1") == {0}
    two.one.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    assert await two.other.browser.receive_rtp() == rtp_packet(111, 7, 0xB1)
    for number in range(20):
        stranger.send(
            generic_nack(0x51, 0xB1, (7, 0)) + sender_report(0x51) * (number % 3),
            two.one.rtp_port if multiplexed else two.one.rtcp_port,
        )
    while two.relay.drops(Drop.LATCH_REFUSED) < 20:
        two.other.browser.send_rtp(rtp_packet(111, 9 + two.relay.drops(Drop.LATCH_REFUSED), 0xB2))
        await two.one.browser.check()
    assert two.one.browser.rtcp.empty()
    assert not two.relay.path.stats().sessions["m1"].repairs
    assert two.other.browser.refused == []


async def test_hold_and_unknown_numbers_hold_back_over_a_bridge_too(two: Two) -> None:
    two.join(sip_sends=False)
    two.one.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    two.send("m2", two.one, to_browser={0: 0})
    two.one.browser.send_rtp(rtp_packet(111, 8, 0xB1))
    two.one.browser.send_rtp(rtp_packet(0, 9, 0xB1))
    assert await two.other.browser.receive_rtp() == rtp_packet(0, 9, 0xB1)
    counters = two.relay.path.stats().sessions["m2"]
    assert sum(counters.drops.values()) == 2
    assert counters.drops[Drop.UNKNOWN_PT] >= 1  # the first may have been overtaken by the second plan


async def test_one_that_is_sent_to_its_phone_again_hears_the_phone_alone(two: Two) -> None:
    two.join()
    assert two.relay.path.bridged("m1") == two.relay.path.bridged("m2") == {0}
    two.one.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    await two.other.browser.receive_rtp()
    two.send("m1", None)
    assert two.relay.path.bridged("m1") == two.relay.path.bridged("m2") == set()
    two.one.browser.send_rtp(rtp_packet(111, 8, 0xB1))
    assert (await two.one.phone.receive())[0] == rtp_packet(96, 8, 0xB1)
    two.other.browser.send_rtp(rtp_packet(111, 9, 0xB2))  # goes by the sockets now, to a port that is another's
    two.one.phone.send(rtp_packet(96, 1, 0x52), two.one.rtp_port)
    assert await two.one.browser.receive_rtp() == rtp_packet(111, 1, 0x52)
    while not two.relay.drops(Drop.LATCH_REFUSED):
        two.one.phone.send(rtp_packet(96, 2, 0x52), two.one.rtp_port)
        assert await two.one.browser.receive_rtp() == rtp_packet(111, 2, 0x52)


async def test_they_can_be_joined_again(two: Two) -> None:
    two.join()
    two.send("m1", None)
    two.send("m1", two.other)
    two.one.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    assert await two.other.browser.receive_rtp() == rtp_packet(111, 7, 0xB1)


async def test_the_end_of_one_leaves_the_other_with_nobody(two: Two) -> None:
    two.join()
    two.relay.path.release("m2")
    two.one.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    two.one.browser.send_rtcp(receiver_report(0xB1))
    await two.one.browser.check()
    third = await connect(two.relay, "m3")
    third.browser.send_rtp(rtp_packet(111, 7, 0xB3))
    assert (await third.phone.receive())[0] == rtp_packet(96, 7, 0xB3)
    assert two.packets("m1").get(("sip_to_browser", "audio")) is None
    two.relay.path.release("m1")


async def test_a_far_side_that_is_the_session_itself_is_refused(two: Two) -> None:
    with pytest.raises(RemoteError) as refused:
        two.send("m1", two.one)
    assert refused.value.status == 482
    two.one.browser.send_rtp(rtp_packet(111, 7, 0xB1))  # and nothing has changed
    assert (await two.one.phone.receive())[0] == rtp_packet(96, 7, 0xB1)


EVENTS = {"events_to_sip": EventFormat(101, 8000), "sip_events": {101: 8000}, "to_browser": {96: 111, 101: 126}}


async def test_a_digit_goes_over_the_bridge_and_is_told_on_the_other_side(two: Two) -> None:
    two.send("m1", two.other, **EVENTS)
    two.send("m2", two.one, **EVENTS)
    two.relay.path.send_digits("m1", "5", 40, 40)
    event = rtp.parse(await two.other.browser.receive_rtp())
    assert event is not None
    assert event.payload_type == 126
    told = await two.relay.event()
    assert isinstance(told, DigitReceived)
    assert (told.media_id, told.side, told.digit) == ("m2", "sip", "5")


async def test_a_picture_that_is_lost_to_a_browser_is_sent_again_by_the_relay(two: Two) -> None:
    video = {"kind": "video", "answers_nack": True, "sip_takes_nack": True}
    two.send("m1", two.other, **video)
    two.send("m2", two.one, **video)
    two.one.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    assert await two.other.browser.receive_rtp() == rtp_packet(111, 7, 0xB1)
    assert two.other.browser.srtp is not None
    nack = two.other.browser.srtp.protect_rtcp(generic_nack(0xB2, 0xB1, (7, 0)))
    two.other.browser.srtp = None  # it has the packet in truth, and would refuse the other one
    two.other.browser.send(nack)
    while two.packets("m2").get(("sip_to_browser", "video"), 0) < 2:
        await two.other.browser.check()
    assert two.one.browser.rtcp.empty()
