"""Cutting exported keying material into SRTP keys."""

import pytest

from media_relay.core.srtp_keys import PREFERENCE, SrtpProfile, profile_named, split


@pytest.mark.parametrize("profile", list(SrtpProfile))
def test_both_ends_cut_the_material_to_each_others_keys(profile: SrtpProfile) -> None:
    key, salt = profile.key_length, profile.salt_length
    material = b"K" * key + b"L" * key + b"s" * salt + b"t" * salt
    assert len(material) == profile.material_length
    server, client = split(profile, material, is_server=True), split(profile, material, is_server=False)
    assert server.receive == client.send == b"K" * key + b"s" * salt
    assert server.send == client.receive == b"L" * key + b"t" * salt


def test_keys_do_not_show_in_logs() -> None:
    assert "KKKK" not in repr(split(SrtpProfile.AEAD_AES_128_GCM, b"K" * 56, is_server=True))


def test_every_profile_but_that_with_short_tags_is_offered_and_all_are_found_by_name() -> None:
    assert set(PREFERENCE) == set(SrtpProfile) - {SrtpProfile.AES128_CM_SHA1_32}
    assert all(profile_named(profile.openssl_name) is profile for profile in SrtpProfile)
    assert profile_named("") is None
