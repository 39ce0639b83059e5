"""`a=crypto`: which are read, how ours are printed, and what an exchange of them agrees on."""

import base64
from collections.abc import Callable

import pytest
from tests.support.descriptions import SRTP

from media_relay.core.description.sdes import Crypto, FarSideKeys, OwnSrtp, read_cryptos
from media_relay.core.srtp_keys import PREFERENCE, SrtpKeys, SrtpProfile

KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"  # RFC 4568 §6.1's
CM = SrtpProfile.AES128_CM_SHA1_80


def test_what_the_rfc_shows_is_read() -> None:
    (crypto,) = read_cryptos([f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20"])
    assert crypto == Crypto(1, CM, base64.b64decode(KEY))


@pytest.mark.parametrize("profile", list(SrtpProfile))
def test_what_is_printed_is_read(profile: SrtpProfile) -> None:
    crypto = Crypto(7, profile, SRTP.keys[profile])
    assert read_cryptos([str(crypto.attribute.value)]) == (crypto,)


@pytest.mark.parametrize("rest", ["", "|2^48", "|1048576", " WSH=1024", " -UNHEARD_OF=1", "|2^31 WSH=64 -X"])
def test_what_changes_nothing_is_let_be(rest: str) -> None:
    assert len(read_cryptos([f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{rest}"])) == 1


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        "1 AES_CM_128_HMAC_SHA1_80",
        f"x AES_CM_128_HMAC_SHA1_80 inline:{KEY}",
        f"1234567890 AES_CM_128_HMAC_SHA1_80 inline:{KEY}",
        f"1 AES_192_CM_HMAC_SHA1_32 inline:{KEY}",
        f"1 AES_CM_128_HMAC_SHA1_80 uri:{KEY}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY[:-4]}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY[:-1]}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY[:-1]}é",
        f"1 AEAD_AES_256_GCM inline:{KEY}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4",  # a master key identifier in each packet
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4;inline:{KEY}|2^20|2:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNHEARD_OF",
    ],
)
def test_what_we_cannot_do_is_passed_over(value: str) -> None:
    good = f"2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"
    assert [crypto.tag for crypto in read_cryptos([value, good])] == [2]


def numbered() -> Callable[[int], bytes]:
    """Random bytes that are told apart: 1, 1, 1.. then 2, 2.."""
    calls = iter(range(1, 100))
    return lambda count: bytes([next(calls)]) * count


def test_each_suite_has_a_key_of_its_own() -> None:
    offered = OwnSrtp.generate("optional", numbered()).offer()
    assert [(crypto.tag, crypto.profile) for crypto in offered] == list(enumerate(PREFERENCE, 1))
    assert [(crypto.key[0], len(crypto.key)) for crypto in offered] == [(1, 28), (2, 44), (3, 30)]


def test_each_far_side_has_keys_of_its_own() -> None:
    random = numbered()
    generate = lambda: (OwnSrtp.generate("off", random),)  # noqa: E731
    first = generate()
    keys = FarSideKeys(first, generate)
    assert keys.of("bob") == first
    carols = keys.of("carol")[0].keys
    assert set(carols.values()).isdisjoint(first[0].keys.values())
    assert keys.of("carol")[0].keys == carols
    assert keys.of("bob") == first


def test_both_ends_have_each_others_keys() -> None:
    ours, theirs = OwnSrtp.generate("off", numbered()), Crypto(5, CM, b"theirs" * 5)
    answer = ours.answer(theirs)
    assert (answer.tag, answer.profile, answer.key) == (5, CM, ours.keys[CM])
    assert ours.keys_with(theirs) == SrtpKeys(CM, receive=theirs.key, send=answer.key)


def test_keys_are_not_printed_by_accident() -> None:
    assert KEY not in repr(read_cryptos([f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"]))
    assert "\\x01" not in repr(SRTP)
