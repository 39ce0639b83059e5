"""SRTP with every profile that may be negotiated."""

import pytest
from tests.support.native_parts import NativeSrtpSession
from tests.support.rtp_packets import receiver_report, rtp_packet

from media_relay.core.counters import Drop
from media_relay.core.srtp_keys import SrtpKeys, SrtpProfile, split
from media_relay.forwarding.python.srtp import MAX_SSRCS, SrtpRefused, SrtpSession

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


RTP, RTCP = "800f1234decafbadcafebabe", "81c8000bcafebabe"  # which sixteen bytes follow
# Those that libsrtp is checked with (`srtp_validate`, `srtp_validate_gcm`), RTP and RTCP under one master key.
REFERENCES = {
    SrtpProfile.AES128_CM_SHA1_80: (
        "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6",
        "4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
        "7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798",
    ),
    SrtpProfile.AEAD_AES_128_GCM: (
        "000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab",
        "c5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392",
        "c98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001",
    ),
}


@pytest.mark.parametrize("srtp", [SrtpSession, NativeSrtpSession])
@pytest.mark.parametrize("profile", list(REFERENCES), ids=lambda profile: profile.name)
def test_reference_packets_are_made_and_read(srtp: type[Srtp], profile: SrtpProfile) -> None:
    master, *protected = (bytes.fromhex(text) for text in REFERENCES[profile])
    session = srtp(SrtpKeys(profile, master, master))
    rtp, rtcp = (bytes.fromhex(header) for header in (RTP, RTCP))
    assert session.protect_rtp(rtp + b"\xab" * 16) == rtp + protected[0]
    assert session.unprotect_rtp(rtp + protected[0]) == rtp + b"\xab" * 16
    assert session.protect_rtcp(rtcp + b"\xab" * 16) == rtcp + protected[1]
    assert session.unprotect_rtcp(rtcp + protected[1]) == rtcp + b"\xab" * 16


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


def test_a_number_that_was_used_is_not_encrypted_with_again(pair: Pair) -> None:
    """Also behind others, over a wrap, and where it is too old to be known; late ones that were not used are sent."""
    sender, receiver = pair
    used = [65000, 65534, 65535, 1, 0, 65533, 900]
    for number in used:
        receiver.unprotect_rtp(sender.protect_rtp(rtp_packet(sequence_number=number)))
    for number in used:
        with pytest.raises(SrtpRefused) as refused:
            sender.protect_rtp(rtp_packet(sequence_number=number, payload=b"another"))
        assert refused.value.drop is Drop.REPLAY
    receiver.unprotect_rtp(sender.protect_rtp(rtp_packet(sequence_number=899)))


def test_sources_of_either_direction_are_bounded(ends: str) -> None:
    sender, receiver = session_pair(SrtpProfile.AEAD_AES_128_GCM, ends)
    other_sender, _ = session_pair(SrtpProfile.AEAD_AES_128_GCM, ends)
    for ssrc in range(MAX_SSRCS):
        receiver.unprotect_rtp(sender.protect_rtp(rtp_packet(ssrc=ssrc)))
    for protect in (sender.protect_rtcp, sender.protect_rtp):
        with pytest.raises(SrtpRefused) as refused:
            protect(rtp_packet(0, 2, MAX_SSRCS) if protect == sender.protect_rtp else receiver_report(MAX_SSRCS))
        assert refused.value.drop is Drop.SSRC_LIMIT
    assert refusal(receiver, other_sender.protect_rtp(rtp_packet(ssrc=MAX_SSRCS))) is Drop.SSRC_LIMIT
    assert refusal(receiver, other_sender.protect_rtcp(receiver_report(MAX_SSRCS)), rtcp=True) is Drop.SSRC_LIMIT
    assert receiver.unprotect_rtp(sender.protect_rtp(rtp_packet(0, 2, 7))) == rtp_packet(0, 2, 7)


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
