"""The Python forwarder without sockets: what one packet costs, SRTP and rules included."""

import struct

from media_relay.core.latch import LatchPolicy
from media_relay.core.plan import Address, BrowserPath, StreamPlan
from media_relay.core.srtp_keys import SrtpProfile, split
from media_relay.forwarding.python.session import PythonSession
from media_relay.forwarding.python.srtp import SrtpSession
from media_relay.forwarding.python.stream import PythonStream

from .measure import Figure, measure

PACKETS = 5000
BROWSER, PHONE = BrowserPath("198.51.100.1", 50000), Address("192.0.2.1", 4000)


class Nowhere:
    """A socket that takes everything."""

    def sendto(self, data: bytes, address: tuple[str, int], /) -> int:
        """Count it as sent."""
        return len(data)


def rtp(payload_type: int, sequence_number: int) -> bytes:
    """Return 20 ms of G.711."""
    return struct.pack("!BBHII", 0x80, payload_type, sequence_number & 0xFFFF, 160 * sequence_number, 1) + b"x" * 160


def figures() -> list[Figure]:
    """Return the cost of each direction, for each profile that browsers choose."""
    return [
        figure for profile in (SrtpProfile.AEAD_AES_128_GCM, SrtpProfile.AES128_CM_SHA1_80) for figure in _of(profile)
    ]


def _of(profile: SrtpProfile) -> list[Figure]:
    material = bytes(range(profile.material_length))
    ours, theirs = (split(profile, material, is_server) for is_server in (True, False))
    stream = PythonStream(Nowhere(), Nowhere(), LatchPolicy(), frozenset())
    session = PythonSession([Nowhere()], [stream])
    session.set_streams([StreamPlan("audio", PHONE, None, to_sip={111: 96}, to_browser={96: 111})], 0.0)
    session.destination = BROWSER
    clear = [rtp(96, number) for number in range(PACKETS)]
    browser = SrtpSession(theirs)
    protected = [browser.protect_rtp(rtp(111, number)) for number in range(PACKETS)]

    def to_browser() -> None:
        session.set_keys(ours)
        for packet in clear:
            session.receive_sip_rtp(stream, packet, PHONE, 0.0)

    def to_sip() -> None:
        session.set_keys(ours)
        for packet in protected:
            session.receive_browser_rtp(packet, 0.0)

    figures = [
        measure(f"media, Python forwarder: SIP to browser, {profile.name}", PACKETS, to_browser),
        measure(f"media, Python forwarder: browser to SIP, {profile.name}", PACKETS, to_sip),
    ]
    sent = sum(session.counters.packets.values())
    if session.counters.drops or not sent:
        raise RuntimeError(f"the bench measured drops: {dict(session.counters.drops)}")
    return figures
