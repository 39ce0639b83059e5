"""SRTP with every profile that may be negotiated."""

import pytest
from tests.support.native_parts import NativeSrtpSession
from tests.support.rtp_packets import receiver_report, rtp_packet

from media_relay.core.counters import Drop
from media_relay.core.srtp_keys import SrtpKeys, SrtpProfile, split
from media_relay.srtp import SrtpRefused, SrtpSession

Srtp = SrtpSession | NativeSrtpSession
Pair = tuple[Srtp, Srtp]
# Each with itself, and each with the other: what one protects, the other must read.
ENDS: dict[str, tuple[type[Srtp], type[Srtp]]] = {
    "libsrtp": (SrtpSession, SrtpSession),
    "native": (NativeSrtpSession, NativeSrtpSession),
    "libsrtp-native": (SrtpSession, NativeSrtpSession),
    "native-libsrtp": (NativeSrtpSession, SrtpSession),
}


def session_pair(profile: SrtpProfile, ends: str) -> Pair:
    material = bytes(range(profile.material_length))
    one, other = ENDS[ends]
    return one(split(profile, material, is_server=True)), other(split(profile, material, is_server=False))


@pytest.fixture(params=list(ENDS))
def ends(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=list(SrtpProfile), ids=lambda profile: profile.name)
def pair(request: pytest.FixtureRequest, ends: str) -> Pair:
    return session_pair(request.param, ends)


def refusal(session: Srtp, packet: bytes, *, rtcp: bool = False) -> Drop:
    with pytest.raises(SrtpRefused) as refused:
        session.unprotect_rtcp(packet) if rtcp else session.unprotect_rtp(packet)
    return refused.value.drop


def test_rtp_and_rtcp_go_through_both_ways(pair: Pair) -> None:
    for sender, receiver in (pair, pair[::-1]):
        assert receiver.unprotect_rtp(sender.protect_rtp(rtp_packet())) == rtp_packet()
        assert receiver.unprotect_rtcp(sender.protect_rtcp(receiver_report(1))) == receiver_report(1)


def test_a_packet_that_was_changed_is_refused_and_the_true_one_still_passes(pair: Pair) -> None:
    sender, receiver = pair
    protected = sender.protect_rtp(rtp_packet())
    assert refusal(receiver, protected[:-1] + bytes([protected[-1] ^ 1])) is Drop.SRTP_AUTH
    assert receiver.unprotect_rtp(protected) == rtp_packet()


def test_a_replay_is_refused_as_such(pair: Pair) -> None:
    sender, receiver = pair
    protected, report = sender.protect_rtp(rtp_packet()), sender.protect_rtcp(receiver_report(1))
    receiver.unprotect_rtp(protected)
    receiver.unprotect_rtcp(report)
    assert refusal(receiver, protected) is Drop.REPLAY
    assert refusal(receiver, report, rtcp=True) is Drop.REPLAY


def test_a_retransmission_with_the_old_sequence_number_may_be_sent(pair: Pair) -> None:
    sender, _ = pair
    assert sender.protect_rtp(rtp_packet()) == sender.protect_rtp(rtp_packet())


def test_a_packet_that_fills_an_ethernet_frame_goes_through(pair: Pair) -> None:
    sender, receiver = pair
    packet = rtp_packet(payload=bytes(1500 - 12))
    assert receiver.unprotect_rtp(sender.protect_rtp(packet)) == packet


def test_what_is_too_long_or_too_short_is_refused(pair: Pair) -> None:
    sender, receiver = pair
    with pytest.raises(SrtpRefused) as refused:
        sender.protect_rtp(rtp_packet(payload=bytes(1500)))
    assert refused.value.drop is Drop.TOO_LONG
    assert refusal(receiver, bytes(2000)) is Drop.TOO_LONG
    assert refusal(receiver, receiver_report(1), rtcp=True) is Drop.MALFORMED


def test_keys_of_another_session_open_nothing(ends: str) -> None:
    profile = SrtpProfile.AEAD_AES_128_GCM
    stranger = ENDS[ends][1](SrtpKeys(profile, b"a" * 28, b"b" * 28))
    assert refusal(session_pair(profile, ends)[0], stranger.protect_rtp(rtp_packet())) is Drop.SRTP_AUTH
