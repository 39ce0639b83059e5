"""A phone that protects its media by keys in the descriptions (RFC 4568)."""

import base64
from dataclasses import dataclass

from media_relay.core.srtp_keys import SrtpKeys, SrtpProfile
from media_relay.forwarding.python.srtp import SrtpSession

_SUITE = "AES_CM_128_HMAC_SHA1_80"
_KEY = bytes(range(30))


@dataclass(frozen=True)
class Agreed:
    """What the phone's answer says, and what it protects and reads with."""

    crypto: str
    srtp: SrtpSession


def answer(offered: list[str]) -> Agreed | None:
    """Take the suite that every phone has; None where there is none."""
    for crypto in offered:
        tag, suite, key, *_ = crypto.split()
        if suite == _SUITE:
            theirs = base64.b64decode(key.removeprefix("inline:").partition("|")[0])
            keys = SrtpKeys(SrtpProfile.AES128_CM_SHA1_80, receive=theirs, send=_KEY)
            return Agreed(f"{tag} {_SUITE} inline:{base64.b64encode(_KEY).decode()}", SrtpSession(keys))
    return None
