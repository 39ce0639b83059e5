"""Keys in the session description (RFC 4568): `a=crypto` read and printed, and what we protect one stream with.

Whoever offers lists what it can do, each suite under a tag and with a key of its own; the answer takes one under the
same tag. Each side sends with its own key and reads with the other's.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..srtp_keys import PREFERENCE, SrtpKeys, SrtpProfile
from .sdp import Attribute

# What we offer: "off", nothing; "optional", keys beside RTP/AVP, which may be ignored (RFC 8643); "required", RTP/SAVP
# alone, and nothing else is taken either. Keys that the far side offers are taken in any case.
SrtpPolicy = Literal["off", "optional", "required"]

_SUITES = {
    "AES_CM_128_HMAC_SHA1_80": SrtpProfile.AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": SrtpProfile.AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": SrtpProfile.AEAD_AES_128_GCM,  # RFC 7714 §14.2
    "AEAD_AES_256_GCM": SrtpProfile.AEAD_AES_256_GCM,
}
_NAMES = {profile: name for name, profile in _SUITES.items()}
_TAG = re.compile(r"[0-9]{1,9}")
_LIFETIME = re.compile(r"(2\^)?[0-9]{1,20}")
# What changes nothing for us: the size of the sender's window, and what says that it may be ignored (RFC 4568 §6.3).
_HARMLESS = re.compile(r"WSH=[0-9]+|-.+")


@dataclass(frozen=True)
class Crypto:
    """One `a=crypto`: a suite, and the master key and salt, joined, that its author sends with."""

    tag: int
    profile: SrtpProfile
    key: bytes = field(repr=False)

    @property
    def attribute(self) -> Attribute:
        """The attribute that says it."""
        inline = base64.b64encode(self.key).decode()
        return Attribute("crypto", f"{self.tag} {_NAMES[self.profile]} inline:{inline}")


def read_cryptos(values: Iterable[str]) -> tuple[Crypto, ...]:
    """Return those that we can do, the author's best first."""
    return tuple(crypto for value in values if (crypto := _read(value)) is not None)


def _read(value: str) -> Crypto | None:
    tag, suite, parameters, *session = (*value.split(), "", "", "")
    profile = _SUITES.get(suite)
    method, _, inline = parameters.partition(":")
    key, *rest = inline.split("|")
    if profile is None or method.lower() != "inline" or not _TAG.fullmatch(tag):
        return None
    if not all(_HARMLESS.fullmatch(parameter) for parameter in session if parameter):
        return None
    # A lifetime is its sender's to keep. But an MKI ("1:4") would stand in each packet, which nothing here reads.
    if not all(_LIFETIME.fullmatch(each) for each in rest):
        return None
    try:
        master = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(master) != profile.key_length + profile.salt_length:
        return None
    return Crypto(int(tag), profile, master)


@dataclass(frozen=True)
class OwnSrtp:
    """Our end of one stream towards one far side. Each suite has a key of its own, the same in every description: a far
    side that sees another one would begin anew (RFC 4568 §7.1.4)."""

    policy: SrtpPolicy = "off"
    keys: Mapping[SrtpProfile, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def generate(cls, policy: SrtpPolicy, random_bytes: Callable[[int], bytes]) -> "OwnSrtp":
        """Make keys that no other stream has (RFC 4568 §6.1)."""
        return cls(policy, {each: random_bytes(each.key_length + each.salt_length) for each in SrtpProfile})

    def offer(self) -> tuple[Crypto, ...]:
        """Return what we offer; what is weaker is taken of who offers nothing better."""
        return tuple(Crypto(tag, profile, self.keys[profile]) for tag, profile in enumerate(PREFERENCE, 1))

    def answer(self, offered: Crypto) -> Crypto:
        """Return our answer to it."""
        return Crypto(offered.tag, offered.profile, self.keys[offered.profile])

    def keys_with(self, theirs: Crypto) -> SrtpKeys:
        """Return the keys of both directions."""
        return SrtpKeys(theirs.profile, receive=theirs.key, send=self.keys[theirs.profile])


class FarSideKeys:
    """Our ends of a session's streams, towards each far side that it has had. Nobody gets a key that another has been
    told: who has left could read with it what is sent to who came."""

    def __init__(self, first: Sequence[OwnSrtp], generate: Callable[[], Sequence[OwnSrtp]]) -> None:
        self._first = first  # of whoever is named first
        self._generate = generate
        self._by_far_side: dict[str, Sequence[OwnSrtp]] = {}

    def of(self, far_side: str) -> Sequence[OwnSrtp]:
        """Return our ends towards this one, a stream each."""
        if far_side not in self._by_far_side:
            self._by_far_side[far_side] = self._generate() if self._by_far_side else self._first
        return self._by_far_side[far_side]
