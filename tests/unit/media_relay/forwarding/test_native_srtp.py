"""The native SRTP against the RFCs' vectors, and against libsrtp with whatever a network does to packets."""

import random
from collections.abc import Callable

import pytest
from tests.support.native_parts import (
    NativeSrtpSession,
    derive,
    hmac_of,
    index_after,
    keystream,
    with_session_keys,
)
from tests.support.rtp_packets import receiver_report, rtp_packet

from media_relay.core.counters import Drop
from media_relay.core.srtp_keys import SrtpKeys, SrtpProfile
from media_relay.forwarding.python.srtp import SrtpRefused, SrtpSession

MASTER_KEY = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139")
MASTER_SALT = bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")


def keys_of(profile: SrtpProfile, seed: int = 0) -> tuple[SrtpKeys, SrtpKeys]:
    generator = random.Random(seed)
    one, other = (generator.randbytes(profile.key_length + profile.salt_length) for _ in range(2))
    return SrtpKeys(profile, one, other), SrtpKeys(profile, other, one)


def test_session_keys_are_those_of_rfc_3711_b3() -> None:
    derived = derive(SrtpProfile.AES128_CM_SHA1_80, MASTER_KEY + MASTER_SALT)
    assert derived["salt"].hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
    # The cipher key of B.3, told by what it encrypts: the vector's key is C61E7A93744F39EE10734AFE3FF7A087.
    assert derived["block"] == keystream(bytes.fromhex("C61E7A93744F39EE10734AFE3FF7A087"), bytes(16))
    # Of its authentication key HMAC-SHA1 has the first 160 bits.
    assert derived["hmac"] == hmac_of(bytes.fromhex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"))


def test_the_keystream_is_that_of_rfc_3711_b2() -> None:
    key = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
    counters = [bytes.fromhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD") + number.to_bytes(2, "big") for number in (0, 1, 2)]
    assert [keystream(key, counter).hex().upper() for counter in counters] == [
        "E03EAD0935C95E80E166B16DD92B4EB4",
        "D23513162B02D0F72A43A2FE4A5F97AB",
        "41E95B3BB0A2E8DD477901E4FCA894C0",
    ]


GALLIA = bytes.fromhex("8040f17b8041f8d35501a0b2") + b"Gallia est omnis divisa in partes tres"
MARS = bytes.fromhex(
    "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
)
MARS_INDEX = 0x5D4
QUID_PRO_QUO = b"Quid pro quo"
RFC_7714 = {
    SrtpProfile.AEAD_AES_128_GCM: (  # of 16.1.1 and 17.1
        "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
        "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b"
        "c84aa45896cf4d2fc5abf87245d9eade800005d4",
    ),
    SrtpProfile.AEAD_AES_256_GCM: (  # of 16.2.1 and 17.2
        "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
        "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad"
        "1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
    ),
}


@pytest.mark.parametrize("profile", list(RFC_7714), ids=lambda profile: profile.name)
def test_packets_are_those_of_rfc_7714_16_and_17(profile: SrtpProfile) -> None:
    """Whose keys are those of the session; libsrtp takes master keys alone, and must agree on others (below)."""
    rtp, rtcp = (bytes.fromhex(text) for text in RFC_7714[profile])
    session = with_session_keys(profile, bytes(range(profile.key_length)), QUID_PRO_QUO)
    assert session.protect_rtp(GALLIA) == GALLIA[:12] + rtp
    assert session.unprotect_rtp(GALLIA[:12] + rtp) == GALLIA
    protected = [session.protect_rtcp(MARS) for _ in range(MARS_INDEX)]
    assert protected[-1] == MARS[:8] + rtcp
    assert session.unprotect_rtcp(MARS[:8] + rtcp) == MARS


# What happens on the way; the packets are numbered as the sender sent them.
ORDERS: dict[str, Callable[[list[int], random.Random], list[int]]] = {
    "in order": lambda numbers, _: numbers,
    "each twice": lambda numbers, _: [number for number in numbers for _ in (0, 1)],
    "reordered": lambda numbers, chance: sorted(numbers, key=lambda number: number + chance.randrange(40)),
    "half lost": lambda numbers, chance: [number for number in numbers if chance.random() < 0.5],
    "old ones again, late": lambda numbers, chance: [
        each for at, number in enumerate(numbers) for each in (number, numbers[max(0, at - chance.randrange(300))])
    ],
}


@pytest.mark.parametrize("order", list(ORDERS))
@pytest.mark.parametrize("profile", list(SrtpProfile), ids=lambda profile: profile.name)
def test_it_reads_and_refuses_what_libsrtp_does_over_two_wraps(profile: SrtpProfile, order: str) -> None:
    chance = random.Random(order)
    keys, peer_keys = keys_of(profile)
    sender, native, libsrtp = NativeSrtpSession(peer_keys), NativeSrtpSession(keys), SrtpSession(keys)
    twin_sender = SrtpSession(peer_keys)
    protected = {}
    numbers = list(range(30_000, 30_000 + 140_000, 7))
    for number in numbers:
        packet = some_packet(number & 0xFFFF, chance)
        protected[number] = sender.protect_rtp(packet)
        assert twin_sender.protect_rtp(packet) == protected[number]
    for number in ORDERS[order](numbers, chance):
        assert outcome(native.unprotect_rtp, protected[number]) == outcome(libsrtp.unprotect_rtp, protected[number])


def some_packet(sequence_number: int, chance: random.Random) -> bytes:
    """With CSRCs, with an extension, with both or neither; from one of three sources."""
    csrcs, extension = chance.randrange(4), chance.random() < 0.5
    head = chance.randbytes(4 * csrcs)
    if extension:
        words = chance.randrange(3)
        head += b"\xbe\xde" + words.to_bytes(2, "big") + chance.randbytes(4 * words)
    first = 0x80 | csrcs | (0x10 if extension else 0)
    return rtp_packet(96, sequence_number, 0x51, head + chance.randbytes(chance.randrange(40)), first)


def outcome(unprotect: Callable[[bytes], bytes], packet: bytes) -> object:
    try:
        return unprotect(packet)
    except SrtpRefused as refused:
        return refused.drop


@pytest.mark.parametrize("profile", list(SrtpProfile), ids=lambda profile: profile.name)
def test_what_was_damaged_on_the_way_is_refused_as_by_libsrtp(profile: SrtpProfile) -> None:
    chance = random.Random(profile.name)
    keys, peer_keys = keys_of(profile)
    sender, native, libsrtp = SrtpSession(peer_keys), NativeSrtpSession(keys), SrtpSession(keys)
    for number in range(2000):
        report = bool(number & 1)
        whole = sender.protect_rtcp(receiver_report(7)) if report else sender.protect_rtp(some_packet(number, chance))
        damaged = bytearray(whole)
        if number & 2:
            del damaged[chance.randrange(len(damaged)) :]
        else:
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        for packet in (bytes(damaged), whole):
            ours, theirs = (
                outcome(end.unprotect_rtcp if report else end.unprotect_rtp, packet) for end in (native, libsrtp)
            )
            # Of what is no RTP packet at all libsrtp says that its tag is wrong, too.
            assert ours == theirs or {ours, theirs} == {Drop.MALFORMED, Drop.SRTP_AUTH}, (number, packet.hex())


@pytest.mark.parametrize(
    ("highest", "sequence_number", "index"),
    [
        (0, 0, 0),
        (0, 65535, 65535),  # before the first wrap there is none to be behind
        (65535, 0, 65536),
        (65536, 65535, 65535),
        (65536 + 32767, 65535, 65535 + 65536),
        (3 * 65536 + 40000, 10, 4 * 65536 + 10),
    ],
)
def test_the_index_is_guessed_as_in_rfc_3711_appendix_a(highest: int, sequence_number: int, index: int) -> None:
    assert index_after(highest, sequence_number) == index
