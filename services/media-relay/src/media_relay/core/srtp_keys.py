"""SRTP keys, and how they are cut out of a DTLS handshake (RFC 5764 §4.2, AEAD: RFC 7714 §12)."""

from dataclasses import dataclass, field
from enum import Enum

EXPORTER_LABEL = b"EXTRACTOR-dtls_srtp"


class SrtpProfile(Enum):
    """Protection profiles: OpenSSL's name, master key and master salt length."""

    AEAD_AES_128_GCM = ("SRTP_AEAD_AES_128_GCM", 16, 12)
    AEAD_AES_256_GCM = ("SRTP_AEAD_AES_256_GCM", 32, 12)
    AES128_CM_SHA1_80 = ("SRTP_AES128_CM_SHA1_80", 16, 14)
    AES128_CM_SHA1_32 = ("SRTP_AES128_CM_SHA1_32", 16, 14)  # of RTP; the tag of RTCP has 80 bits (RFC 3711 §5.2)

    def __init__(self, openssl_name: str, key_length: int, salt_length: int) -> None:
        self.openssl_name = openssl_name
        self.key_length = key_length
        self.salt_length = salt_length

    @property
    def material_length(self) -> int:
        """How many bytes the exporter is asked for."""
        return 2 * (self.key_length + self.salt_length)


# What we offer; as DTLS server our order decides. AEAD first: it authenticates with the full 128-bit tag and costs the
# same as CM + HMAC-SHA1. 128-bit keys, because the DTLS handshake under them is AES-128 as well. No tag of 32 bits.
PREFERENCE = (SrtpProfile.AEAD_AES_128_GCM, SrtpProfile.AEAD_AES_256_GCM, SrtpProfile.AES128_CM_SHA1_80)

_BY_OPENSSL_NAME = {profile.openssl_name: profile for profile in SrtpProfile}


@dataclass(frozen=True)
class SrtpKeys:
    """What a forwarder needs: master key and salt, joined, of each direction."""

    profile: SrtpProfile
    receive: bytes = field(repr=False)
    send: bytes = field(repr=False)


def profile_named(openssl_name: str) -> SrtpProfile | None:
    """Return the negotiated profile, None if use_srtp was not negotiated."""
    return _BY_OPENSSL_NAME.get(openssl_name)


def split(profile: SrtpProfile, material: bytes, is_server: bool) -> SrtpKeys:
    """Cut the exported material: client key, server key, client salt, server salt."""
    key, salt = profile.key_length, profile.salt_length
    client = material[:key] + material[2 * key : 2 * key + salt]
    server = material[key : 2 * key] + material[2 * key + salt : 2 * key + 2 * salt]
    return SrtpKeys(profile, client, server) if is_server else SrtpKeys(profile, server, client)
