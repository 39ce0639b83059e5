"""SRTP of one session with libsrtp: its errors become the reasons that drops are counted by."""

from collections.abc import Callable

import pylibsrtp
from pylibsrtp._binding import ffi

from ...core.counters import Drop
from ...core.srtp_keys import SrtpKeys, SrtpProfile

_PROFILES = {
    SrtpProfile.AEAD_AES_128_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    SrtpProfile.AEAD_AES_256_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    SrtpProfile.AES128_CM_SHA1_80: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    SrtpProfile.AES128_CM_SHA1_32: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
_DROPS = {
    "authentication failure": Drop.SRTP_AUTH,
    "cipher failure": Drop.SRTP_AUTH,  # an AEAD tag that does not match
    "replay check failed (bad index)": Drop.REPLAY,
    "replay check failed (index too old)": Drop.REPLAY,
}
# A video frame and its repairs come in bursts; libsrtp's own 128 packets are few for that.
_REPLAY_WINDOW = 1024
# Of its buffer pylibsrtp keeps 144 bytes free for the longest trailer there is, which leaves 1356 of its own 1500. Some
# phones fill their MTU with video. This is for all that Ethernet carries, and for less than the sockets read: a
# datagram that was cut off there is too long here.
_MAX_RTP = 1500
_BUFFER = _MAX_RTP + 144
# SSRCs of each direction. Callers know fewer at a time, but the SIP side's keys may outlive a browser's.
MAX_SSRCS = 1024


class SrtpRefused(Exception):
    """The packet is dropped; nothing was learned from it."""

    def __init__(self, drop: Drop) -> None:
        super().__init__(drop.value)
        self.drop = drop


class _RoomySession(pylibsrtp.Session):
    """libsrtp with a buffer of our length, which pylibsrtp has no public way to ask for; a test watches over it."""

    def __init__(self, policy: pylibsrtp.Policy) -> None:
        super().__init__(policy)
        self._cdata = ffi.new("char[]", _BUFFER)
        self._buffer = ffi.buffer(self._cdata)
        self._ssrcs: set[bytes] = set()

    def treat(self, how: Callable[[bytes], bytes], packet: bytes, ssrc: bytes) -> bytes:
        """Return what one of the session's methods makes of the packet, or raise `SrtpRefused`."""
        if len(self._ssrcs) == MAX_SSRCS and ssrc not in self._ssrcs:
            raise SrtpRefused(Drop.SSRC_LIMIT)
        try:
            treated = how(packet)
        except (pylibsrtp.Error, ValueError) as error:
            raise _refused(error) from error
        self._ssrcs.add(ssrc)
        return treated


class SrtpSession:
    """Both directions, RTP and RTCP. A direction that has the same key as `before` goes on where that one stands.

    A number that has been used is not encrypted with again: its keystream would serve two packets (RFC 3711 §9.1).
    """

    def __init__(self, keys: SrtpKeys, before: "SrtpSession | None" = None) -> None:
        self._keys = keys
        former = before if before is not None and before._keys.profile is keys.profile else None
        receives_on = former is not None and former._keys.receive == keys.receive
        sends_on = former is not None and former._keys.send == keys.send
        self._inbound: _RoomySession = former._inbound if former and receives_on else _inbound(keys)
        self._outbound: _RoomySession = former._outbound if former and sends_on else _outbound(keys)

    def unprotect_rtp(self, packet: bytes) -> bytes:
        """Authenticate and decrypt, or raise `SrtpRefused`."""
        return self._inbound.treat(self._inbound.unprotect, packet, packet[8:12])

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """Authenticate and decrypt, or raise `SrtpRefused`."""
        return self._inbound.treat(self._inbound.unprotect_rtcp, packet, packet[4:8])

    def protect_rtp(self, packet: bytes) -> bytes:
        """Encrypt and sign, or raise `SrtpRefused`."""
        return self._outbound.treat(self._outbound.protect, packet, packet[8:12])

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Encrypt and sign, or raise `SrtpRefused`."""
        return self._outbound.treat(self._outbound.protect_rtcp, packet, packet[4:8])


def _inbound(keys: SrtpKeys) -> _RoomySession:
    policy = pylibsrtp.Policy(keys.receive, pylibsrtp.Policy.SSRC_ANY_INBOUND, 0, _PROFILES[keys.profile])
    policy.window_size = _REPLAY_WINDOW
    return _RoomySession(policy)


def _outbound(keys: SrtpKeys) -> _RoomySession:
    policy = pylibsrtp.Policy(keys.send, pylibsrtp.Policy.SSRC_ANY_OUTBOUND, 0, _PROFILES[keys.profile])
    policy.window_size = _REPLAY_WINDOW
    return _RoomySession(policy)


def _refused(error: Exception) -> SrtpRefused:
    if isinstance(error, ValueError):
        return SrtpRefused(Drop.TOO_LONG)
    return SrtpRefused(_DROPS.get(str(error), Drop.MALFORMED))
