"""What becomes of the packets of one session, without sockets."""

from dataclasses import replace

import pytest
from tests.support.rtp_packets import picture_loss_indication, receiver_report, rtp_packet, sender_report

from media_relay.core.counters import Drop
from media_relay.core.latch import LatchPolicy
from media_relay.core.plan import Address, BrowserPath, StreamPlan
from media_relay.core.srtp_keys import SrtpProfile, split
from media_relay.forwarding.python import sources
from media_relay.forwarding.python.session import PythonSession
from media_relay.forwarding.python.srtp import SrtpSession
from media_relay.forwarding.python.stream import PythonStream

BROWSER = BrowserPath("198.51.100.1", 50000)
PHONE, PHONE_RTCP = Address("192.0.2.1", 4000), Address("192.0.2.1", 4001)
PHONE_VIDEO, PHONE_VIDEO_RTCP = Address("192.0.2.1", 4002), Address("192.0.2.1", 4003)
AUDIO = StreamPlan("audio", PHONE, PHONE_RTCP, to_sip={111: 96}, to_browser={96: 111})
VIDEO = StreamPlan("video", PHONE_VIDEO, PHONE_VIDEO_RTCP, to_sip={100: 97}, to_browser={97: 100})


class Sent(list[tuple[bytes, Address]]):
    """A socket that keeps what is sent."""

    error: OSError | None = None

    def sendto(self, data: bytes, address: tuple[str, int], /) -> int:
        if self.error is not None:
            raise self.error
        self.append((data, Address(*address)))
        return len(data)


class World:
    """A session of an audio and a video stream, with keys, and the browser's SRTP."""

    def __init__(self) -> None:
        material = bytes(range(SrtpProfile.AEAD_AES_128_GCM.material_length))
        keys = [split(SrtpProfile.AEAD_AES_128_GCM, material, is_server) for is_server in (True, False)]
        self.to_browser, self.rtp, self.rtcp, self.video_rtp, self.video_rtcp = (Sent() for _ in range(5))
        self.audio = PythonStream(self.rtp, self.rtcp, LatchPolicy(), frozenset())
        self.video = PythonStream(self.video_rtp, self.video_rtcp, LatchPolicy(), frozenset())
        self.events: list[tuple[int, str, bytes]] = []
        self.session = PythonSession([self.to_browser], [self.audio, self.video], on_event=self.handed_up)
        self.session.set_streams([AUDIO, VIDEO], 0.0)
        self.keys = keys[0]
        self.session.set_keys(self.keys)
        self.session.outbox.destination = BROWSER
        self.browser = SrtpSession(keys[1])

    def handed_up(self, stream: int, side: str, packet: bytes) -> None:
        self.events.append((stream, side, packet))

    def browser_rtp(self, packet: bytes) -> None:
        self.session.receive_browser_rtp(self.browser.protect_rtp(packet), 0.0)

    def browser_rtcp(self, packet: bytes) -> None:
        self.session.receive_browser_rtcp(self.browser.protect_rtcp(packet), 0.0)

    def sip_rtp(self, packet: bytes, source: Address = PHONE) -> None:
        self.session.receive_sip_rtp(self.audio, packet, source, 0.0)

    def dropped(self) -> dict[Drop, int]:
        return dict(self.session.outbox.counters.drops)


@pytest.fixture
def world() -> World:
    return World()


def test_the_payload_type_tells_the_stream(world: World) -> None:
    world.browser_rtp(rtp_packet(111, 1, 0xB1))
    world.browser_rtp(rtp_packet(100, 1, 0xB2))
    assert world.rtp == [(rtp_packet(96, 1, 0xB1), PHONE)]
    assert world.video_rtp == [(rtp_packet(97, 1, 0xB2), PHONE_VIDEO)]
    assert world.session.outbox.counters.bytes == {("browser_to_sip", "audio"): 172, ("browser_to_sip", "video"): 172}


def test_sip_media_is_protected_for_the_browser(world: World) -> None:
    world.sip_rtp(rtp_packet(96, 1, 0x51))
    ((protected, destination),) = world.to_browser
    assert destination == BROWSER.address
    assert world.browser.unprotect_rtp(protected) == rtp_packet(111, 1, 0x51)
    assert world.session.outbox.counters.packets == {("sip_to_browser", "audio"): 1}


def test_nothing_goes_anywhere_without_keys_but_the_latch_learns(world: World) -> None:
    world.session.set_keys(None)
    moved = Address(PHONE.host, 5000)
    world.browser_rtp(rtp_packet(111))
    world.browser_rtcp(receiver_report(1))
    world.sip_rtp(rtp_packet(96), moved)
    world.sip_rtp(sender_report(1), moved)
    assert world.dropped() == {Drop.NOT_CONNECTED: 4}
    assert world.audio.rtp_latch.destination == moved


def test_an_unknown_far_side_is_not_sent_to(world: World) -> None:
    world.session.set_streams([replace(AUDIO, sip_rtp=None, sip_rtcp=None)], 0.0)
    world.browser_rtp(rtp_packet(111))
    world.sip_rtp(rtp_packet(96))
    world.browser_rtp(rtp_packet(100, 2))  # the plan has no video any more
    assert world.dropped() == {Drop.NOT_CONNECTED: 1, Drop.LATCH_REFUSED: 1, Drop.UNKNOWN_PT: 1}


def test_a_side_on_hold_is_not_heard_but_its_rtcp_is(world: World) -> None:
    world.session.set_streams([replace(AUDIO, browser_sends=False, sip_sends=False)], 0.0)
    world.browser_rtp(rtp_packet(111))
    world.sip_rtp(rtp_packet(96))
    world.browser_rtcp(receiver_report(1))
    assert world.dropped() == {Drop.ON_HOLD: 2}
    assert world.rtcp == [(receiver_report(1), PHONE_RTCP)]


def test_unknown_payload_types_are_dropped_and_move_no_latch(world: World) -> None:
    world.browser_rtp(rtp_packet(55))
    world.sip_rtp(rtp_packet(55), Address(PHONE.host, 5000))
    assert world.dropped() == {Drop.UNKNOWN_PT: 2}
    assert world.audio.rtp_latch.source is None


@pytest.mark.parametrize("packet", [b"", b"\x80", rtp_packet()[:11], rtp_packet(first=0xA0, payload=b"\0")])
def test_malformed_packets_are_dropped(world: World, packet: bytes) -> None:
    world.sip_rtp(packet)
    world.session.receive_sip_rtcp(world.audio, packet, PHONE_RTCP, 0.0)
    assert world.dropped() == {Drop.MALFORMED: 2}
    world.session.receive_browser_rtp(packet[:11], 0.0)
    world.session.receive_browser_rtcp(packet[:7], 0.0)
    assert world.dropped() == {Drop.MALFORMED: 4}


def test_rtcp_from_the_browser_follows_the_sender_then_the_sources_spoken_of(world: World) -> None:
    world.browser_rtp(rtp_packet(100, 1, 0xB2))
    world.sip_rtp(rtp_packet(96, 1, 0x51))
    world.browser_rtcp(sender_report(0xB2, (0x51,)))
    assert world.video_rtcp == [(sender_report(0xB2, (0x51,)), PHONE_VIDEO_RTCP)]
    world.browser_rtcp(receiver_report(0xB9, (0x51,)))
    assert world.rtcp == [(receiver_report(0xB9, (0x51,)), PHONE_RTCP)]
    world.browser_rtcp(picture_loss_indication(0xB8, 0xFFFF))
    assert (len(world.rtcp), len(world.video_rtcp)) == (2, 2)


def test_rtcp_goes_to_the_rtp_port_where_the_phone_multiplexes(world: World) -> None:
    world.session.set_streams([replace(AUDIO, sip_rtcp=PHONE)], 0.0)
    world.browser_rtcp(receiver_report(1))
    assert world.rtp == [(receiver_report(1), PHONE)]
    assert world.rtcp == []


def test_multiplexed_rtcp_is_taken_only_from_where_rtp_comes_from(world: World) -> None:
    world.sip_rtp(sender_report(1), Address(PHONE.host, 5000))
    assert world.dropped() == {Drop.LATCH_REFUSED: 1}
    world.sip_rtp(sender_report(1), PHONE)
    assert world.browser.unprotect_rtcp(world.to_browser[0][0]) == sender_report(1)


def test_forged_srtp_leaves_no_trace(world: World) -> None:
    world.session.receive_browser_rtp(rtp_packet(100, 1, 0xB1), 0.0)
    world.session.receive_browser_rtcp(receiver_report(0xB1) + bytes(16) + b"\x80\0\0\x01", 0.0)
    assert world.dropped() == {Drop.SRTP_AUTH: 2}
    world.browser_rtp(rtp_packet(111, 1, 0xB1))
    assert len(world.rtp) == 1
    assert world.session.sources.by_side["browser"] == {0xB1: world.audio}


def test_one_ssrc_on_two_streams_is_refused_because_they_share_a_key(world: World) -> None:
    world.sip_rtp(rtp_packet(96, 1, 0x51))
    world.session.receive_sip_rtp(world.video, rtp_packet(97, 1, 0x51), PHONE_VIDEO, 0.0)
    assert world.dropped() == {Drop.SSRC_LIMIT: 1}


def test_sources_are_bounded_on_both_sides(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_SSRCS", 2)
    for number, ssrc in enumerate((1, 2, 3, 1)):
        world.browser_rtp(rtp_packet(111, number, ssrc))
        world.sip_rtp(rtp_packet(96, number, ssrc))
    world.browser_rtcp(receiver_report(4))
    world.session.receive_sip_rtcp(world.audio, sender_report(4), PHONE_RTCP, 0.0)
    assert world.dropped()[Drop.SSRC_LIMIT] == 4
    assert len(world.to_browser) == 3


def test_video_that_fills_the_phones_mtu_reaches_the_browser(world: World) -> None:
    packet = rtp_packet(96, payload=bytes(1440))  # the most that mediastreamer sends with its default MTU
    world.sip_rtp(packet)
    assert world.browser.unprotect_rtp(world.to_browser[0][0])[12:] == packet[12:]
    assert world.dropped() == {}


def test_a_packet_too_long_for_srtp_is_dropped(world: World) -> None:
    world.sip_rtp(rtp_packet(96, payload=bytes(1500)))
    assert world.dropped() == {Drop.TOO_LONG: 1}


def test_no_rtcp_of_the_phone_makes_srtcp_keep_an_ssrc_that_is_not_counted(world: World) -> None:
    world.session.receive_sip_rtcp(world.audio, bytes.fromhex("80c90000") + receiver_report(1), PHONE_RTCP, 0.0)
    assert world.dropped() == {Drop.MALFORMED: 1}
    assert world.to_browser == []


def test_a_socket_that_refuses_costs_the_packet_only(world: World) -> None:
    world.rtp.error = BlockingIOError()
    world.browser_rtp(rtp_packet(111, 1))
    world.rtp.error = None
    world.browser_rtp(rtp_packet(111, 2))
    assert world.dropped() == {Drop.SEND_FAILED: 1}
    assert len(world.rtp) == 1


def test_who_was_heard_is_known_at_the_end(world: World) -> None:
    world.sip_rtp(rtp_packet(96))
    world.session.receive_sip_rtcp(world.audio, sender_report(1), PHONE_RTCP, 0.0)
    assert world.audio.peers() == {PHONE, PHONE_RTCP}
    assert world.video.peers() == frozenset()


def test_a_whole_picture_is_asked_of_the_video_that_was_seen_last(world: World) -> None:
    world.session.request_keyframe("browser", 0.0)
    for ssrc in (0xB2, 0xB3):
        world.browser_rtp(rtp_packet(100, 1, ssrc))
    world.browser_rtp(rtp_packet(111, 1, 0xB1))
    world.session.request_keyframe("browser", 0.0)
    ((protected, destination),) = world.to_browser
    assert destination == BROWSER.address
    assert world.browser.unprotect_rtcp(protected) == receiver_report(1) + picture_loss_indication(1, 0xB3)

    world.session.set_streams([AUDIO, replace(VIDEO, sip_takes_pli=True)], 0.0)
    world.session.request_keyframe("sip", 0.0)
    world.session.receive_sip_rtp(world.video, rtp_packet(97, 1, 0x52), PHONE_VIDEO, 0.0)
    world.session.request_keyframe("sip", 0.0)
    assert world.video_rtcp == [(receiver_report(1) + picture_loss_indication(1, 0x52), PHONE_VIDEO_RTCP)]
    assert world.rtcp == []


def test_new_keys_forget_what_went_out_under_the_old_ones(world: World) -> None:
    world.session.set_streams([AUDIO, replace(VIDEO, answers_nack=True)], 0.0)
    world.session.receive_sip_rtp(world.video, rtp_packet(97, 1, 0x52), PHONE_VIDEO, 0.0)
    world.session.set_keys(world.keys)
    assert world.video.repair.to_browser.find(0x52, 1, 1.0) is None


def test_without_keys_no_picture_is_asked_for(world: World) -> None:
    world.browser_rtp(rtp_packet(100, 1, 0xB2))
    world.session.set_keys(None)
    world.session.request_keyframe("browser", 0.0)
    assert world.to_browser == []
