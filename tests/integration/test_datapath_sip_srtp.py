"""SRTP towards the SIP side (RFC 4568): a phone's end that protects and reads it, on real sockets."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.data_path import Call, Relay, audio, connect
from tests.support.data_path import relay as relay
from tests.support.rtp_packets import picture_loss_indication, receiver_report, rtp_packet, sender_report

from media_relay.core.counters import Drop
from media_relay.core.plan import Address, StreamPlan
from media_relay.core.srtp_keys import SrtpKeys, SrtpProfile
from media_relay.forwarding.python.sources import MAX_SSRCS
from media_relay.forwarding.python.srtp import SrtpSession

EACH_PROFILE = pytest.mark.parametrize("profile", list(SrtpProfile), ids=lambda profile: profile.name)


def master(profile: SrtpProfile, seed: int) -> bytes:
    return bytes([seed]) * (profile.key_length + profile.salt_length)


def keys(profile: SrtpProfile, theirs: int = 1, ours: int = 2) -> SrtpKeys:
    return SrtpKeys(profile, receive=master(profile, theirs), send=master(profile, ours))


def of_phone(relays: SrtpKeys) -> SrtpSession:
    """The phone's end of what the relay has these keys for."""
    return SrtpSession(SrtpKeys(relays.profile, receive=relays.send, send=relays.receive))


def encrypted(sip_srtp: SrtpKeys) -> Callable[[Address, Address], StreamPlan]:
    return lambda phone, phone_rtcp: replace(audio(phone, phone_rtcp), sip_srtp=sip_srtp)


def give_keys(relay: Relay, call: Call, sip_srtp: SrtpKeys | None) -> None:
    """Apply the call's plan with these keys."""
    relay.path.apply("m1", replace(call.plan, streams=(replace(call.plan.streams[0], sip_srtp=sip_srtp),)))


@EACH_PROFILE
async def test_the_sip_sides_media_is_protected_both_ways(relay: Relay, profile: SrtpProfile) -> None:
    call, phone = await connect(relay, stream=encrypted(keys(profile))), of_phone(keys(profile))
    call.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    assert phone.unprotect_rtp((await call.phone.receive())[0]) == rtp_packet(96, 7, 0xB1)
    call.phone.send(phone.protect_rtp(rtp_packet(96, 9, 0x51)), call.rtp_port)
    assert await call.browser.receive_rtp() == rtp_packet(111, 9, 0x51)
    call.browser.send_rtcp(receiver_report(0xB1))
    assert phone.unprotect_rtcp((await call.phone_rtcp.receive())[0]) == receiver_report(0xB1)
    call.phone_rtcp.send(phone.protect_rtcp(sender_report(0x51)), call.rtcp_port)
    assert await call.browser.receive_rtcp() == sender_report(0x51)
    call.phone.send(phone.protect_rtcp(sender_report(0x51)), call.rtp_port)
    assert await call.browser.receive_rtcp() == sender_report(0x51)


@EACH_PROFILE
async def test_what_is_not_the_phones_moves_no_latch(relay: Relay, profile: SrtpProfile) -> None:
    call, phone = await connect(relay, stream=encrypted(keys(profile))), of_phone(keys(profile))
    stranger = await relay.phone()  # another port of the phone's host, which plain RTP would be believed from
    for sequence_number in range(10):
        stranger.send(rtp_packet(96, sequence_number, 0x51), call.rtp_port)
        stranger.send(rtp_packet(96, sequence_number, 0x51) + bytes(16), call.rtp_port)
        stranger.send(sender_report(0x51) + b"\x80\0\0\1" + bytes(16), call.rtcp_port)
    call.phone.send(phone.protect_rtp(rtp_packet(96, 9, 0x51)), call.rtp_port)
    assert await call.browser.receive_rtp() == rtp_packet(111, 9, 0x51)
    call.phone_rtcp.send(phone.protect_rtcp(sender_report(0x51)), call.rtcp_port)
    assert await call.browser.receive_rtcp() == sender_report(0x51)
    call.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    await call.phone.receive()
    assert stranger.received.empty()
    assert relay.drops(Drop.SRTP_AUTH) + relay.drops(Drop.MALFORMED) == 30
    assert relay.drops(Drop.LATCH_REFUSED) == 0


async def test_a_replayed_packet_of_the_phone_passes_once(relay: Relay) -> None:
    profile = SrtpProfile.AES128_CM_SHA1_80
    call, phone = await connect(relay, stream=encrypted(keys(profile))), of_phone(keys(profile))
    protected = phone.protect_rtp(rtp_packet(96, 9, 0x51))
    call.phone.send(protected, call.rtp_port)
    call.phone.send(protected, call.rtp_port)
    call.phone.send(phone.protect_rtp(rtp_packet(96, 10, 0x51)), call.rtp_port)
    assert [await call.browser.receive_rtp() for _ in range(2)] == [rtp_packet(111, 9 + i, 0x51) for i in range(2)]
    assert relay.drops(Drop.REPLAY) == 1


@EACH_PROFILE
async def test_the_same_keys_go_on_where_they_stood(relay: Relay, profile: SrtpProfile) -> None:
    """Also after another description without them: a keystream must never serve two packets."""
    call, phone = await connect(relay, stream=encrypted(keys(profile))), of_phone(keys(profile))
    for sequence_number in (65535, 0):  # from here on the rollover counter is 1
        call.browser.send_rtp(rtp_packet(111, sequence_number, 0xB1))
        assert phone.unprotect_rtp((await call.phone.receive())[0]) == rtp_packet(96, sequence_number, 0xB1)
        call.phone.send(phone.protect_rtp(rtp_packet(96, sequence_number, 0x51)), call.rtp_port)
        await call.browser.receive_rtp()
    other = next(each for each in SrtpProfile if each is not profile)
    another_far_sides = keys(profile, theirs=4, ours=5)
    for each in (keys(profile), None, keys(other), another_far_sides, keys(profile, theirs=3), keys(profile, theirs=3)):
        give_keys(relay, call, each)
    call.browser.send_rtp(rtp_packet(111, 1, 0xB1))
    assert phone.unprotect_rtp((await call.phone.receive())[0]) == rtp_packet(96, 1, 0xB1)
    renewed = of_phone(keys(profile, theirs=3))
    call.phone.send(renewed.protect_rtp(rtp_packet(96, 1, 0x51)), call.rtp_port)
    assert await call.browser.receive_rtp() == rtp_packet(111, 1, 0x51)


async def test_a_replay_is_known_after_a_description_with_the_same_keys(relay: Relay) -> None:
    profile = SrtpProfile.AEAD_AES_128_GCM
    call, phone = await connect(relay, stream=encrypted(keys(profile))), of_phone(keys(profile))
    protected = phone.protect_rtp(rtp_packet(96, 9, 0x51))
    call.phone.send(protected, call.rtp_port)
    await call.browser.receive_rtp()
    give_keys(relay, call, keys(profile))
    call.phone.send(protected, call.rtp_port)
    call.phone.send(phone.protect_rtp(rtp_packet(96, 10, 0x51)), call.rtp_port)
    assert await call.browser.receive_rtp() == rtp_packet(111, 10, 0x51)
    assert relay.drops(Drop.REPLAY) == 1


async def test_a_browser_has_as_many_sources_of_rtcp_as_of_rtp(relay: Relay) -> None:
    """Also where what a packet begins with is answered here, so that another sender stands first: each costs state."""
    profile = SrtpProfile.AES128_CM_SHA1_80
    call, phone = await connect(relay, stream=encrypted(keys(profile))), of_phone(keys(profile))
    call.phone.send(phone.protect_rtp(rtp_packet(96, 9, 0x51)), call.rtp_port)
    await call.browser.receive_rtp()
    wish, passed = picture_loss_indication(0xB1, 0x51), MAX_SSRCS - 1  # one is the wish's
    for sender in range(passed):
        call.browser.send_rtcp(wish + receiver_report(1000 + sender))
        assert phone.unprotect_rtcp((await call.phone_rtcp.receive())[0]) == receiver_report(1000 + sender)
    for sender in range(10):
        call.browser.send_rtcp(wish + receiver_report(5000 + sender))
    call.browser.send_rtcp(wish + receiver_report(1000))
    assert phone.unprotect_rtcp((await call.phone_rtcp.receive())[0]) == receiver_report(1000)
    assert relay.drops(Drop.SSRC_LIMIT) == 10


async def test_plain_rtp_again_where_a_description_says_so(relay: Relay) -> None:
    call = await connect(relay, stream=encrypted(keys(SrtpProfile.AEAD_AES_128_GCM)))
    give_keys(relay, call, None)
    call.browser.send_rtp(rtp_packet(111, 7, 0xB1))
    assert (await call.phone.receive())[0] == rtp_packet(96, 7, 0xB1)
    call.phone.send(rtp_packet(96, 9, 0x51), call.rtp_port)
    assert await call.browser.receive_rtp() == rtp_packet(111, 9, 0x51)
