"""The SIP side's session description: RTP, in the clear or with keys beside it, and RTCP on a port of its own or not.

Read into `SipStream`s and printed from `SipLine`s; nothing of ICE or DTLS ever gets here.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..plan import Address, StreamKind
from .bandwidth import described_bit_rate
from .codecs import FEEDBACK, Codec, Direction, read_codecs, read_direction, stream_kind
from .sdes import Crypto, SrtpPolicy, read_cryptos
from .sdp import Attribute, Connection, Media, SessionDescription

_PLAIN = ("RTP/AVP", "RTP/AVPF")
SECURE = ("RTP/SAVP", "RTP/SAVPF")  # with `a=crypto`; DTLS is for the browser's side alone
PACKET_TIME = ("ptime", "maxptime")  # RFC 8866 §6.4, §6.5: passed through like the codecs


@dataclass(frozen=True)
class SipStream:
    """An m-line of the SIP side that can be forwarded."""

    kind: StreamKind
    protocol: str
    codecs: tuple[Codec, ...]
    direction: Direction
    rtp: Address | None  # None where the address is the unspecified one: the old way to hold (RFC 3264 §8.4)
    rtcp: Address | None
    packet_time: tuple[Attribute, ...] = ()
    cryptos: tuple[Crypto, ...] = ()  # one at most, once it is agreed on
    muxes: bool = False  # RTCP comes and goes on the RTP port (RFC 5761)
    bit_rate: int = 0  # that it takes; 0: it does not say

    @property
    def crypto(self) -> Crypto | None:
        """What protects it, None: nothing."""
        return self.cryptos[0] if self.cryptos else None


@dataclass(frozen=True)
class SipLine:
    """An m-line of ours for the SIP side."""

    kind: StreamKind
    codecs: tuple[Codec, ...]
    direction: Direction
    ports: tuple[int, int]
    protocol: str = "RTP/AVP"
    packet_time: tuple[Attribute, ...] = ()
    cryptos: tuple[Crypto, ...] = ()
    muxes: bool = False


def as_offered(stream: SipStream | None, policy: SrtpPolicy) -> SipStream | None:
    """Return what we take of an offered stream: the first suite that both know is its author's best."""
    if stream is None or (policy == "required" and stream.crypto is None):
        return None
    return replace(stream, cryptos=stream.cryptos[:1])


def as_answered(stream: SipStream | None, offered: SipLine) -> SipStream | None:
    """Return an answered stream without what was not offered (RFC 4568 §5.1.3); None where SRTP alone would do."""
    if stream is None:
        return None
    tags = {(crypto.tag, crypto.profile) for crypto in offered.cryptos}
    chosen = next((crypto for crypto in stream.cryptos if (crypto.tag, crypto.profile) in tags), None)
    if chosen is None and not {stream.protocol, offered.protocol}.isdisjoint(SECURE):
        return None
    return replace(stream, cryptos=(chosen,) if chosen else (), muxes=stream.muxes and offered.muxes)


def read_streams(description: SessionDescription) -> tuple[SipStream | None, ...]:
    """Return one entry for each m-line, None where it is rejected or not for us."""
    return tuple(_read_stream(description, media) for media in description.media)


def _read_stream(description: SessionDescription, media: Media) -> SipStream | None:
    kind, codecs = stream_kind(media), read_codecs(media)
    connection = media.connection or description.connection
    if kind is None or not codecs or media.port == 0 or connection is None:
        return None
    cryptos = read_cryptos(media.values("crypto"))
    if media.protocol not in _PLAIN and not (media.protocol in SECURE and cryptos):
        return None
    try:
        address = ipaddress.ip_address(connection.address)
        rtcp = _read_rtcp(media, str(address))
    except ValueError:
        return None  # a host name, a multicast group with its TTL, or no number: nowhere to send to
    if address.is_multicast:
        return None
    direction = read_direction(media.attributes, description.attributes)
    rtp: Address | None = Address(str(address), media.port)
    if address.is_unspecified:
        rtp = rtcp = None
        direction &= Direction.SENDONLY
    packet_time = tuple(a for a in media.attributes if a.name in PACKET_TIME)
    bit_rate = described_bit_rate(media, description)
    muxes = media.has("rtcp-mux")
    return SipStream(kind, media.protocol, codecs, direction, rtp, rtcp, packet_time, cryptos, muxes, bit_rate)


def _read_rtcp(media: Media, host: str) -> Address | None:
    """RFC 3605 §2.1: `a=rtcp:port`, or with an address of its own; else the port after RTP's (RFC 3550 §11)."""
    value = media.value("rtcp")
    if value is None:
        return Address(host, media.port + 1) if media.port < 65535 else None
    port, *rest = value.split(" ")
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536):
        raise ValueError("a=rtcp without a port")
    address = ipaddress.ip_address(rest[2] if len(rest) == 3 else host)
    if address.is_multicast:
        raise ValueError("a=rtcp to many")
    return None if address.is_unspecified else Address(str(address), int(port))


def connection_to(host: str) -> Connection:
    """Return the c= line's content for an IP address."""
    return Connection(host, "IP6" if ":" in host else "IP4")


def print_line(line: SipLine) -> Media:
    """Return the m-line."""
    attributes = [Attribute("rtcp", str(line.ports[1]))]
    if line.muxes:
        attributes.append(Attribute("rtcp-mux"))
    attributes += [crypto.attribute for crypto in line.cryptos]
    for codec in line.codecs:
        attributes.append(Attribute("rtpmap", codec.rtpmap))
        if codec.fmtp:
            attributes.append(Attribute("fmtp", f"{codec.payload_type} {codec.fmtp}"))
        if line.kind == "video":
            # Not in RFC 4585 for RTP/AVP, but phones read it there, and so does another relay: PLI and NACK then pass.
            wanted = sorted(codec.feedback & FEEDBACK)
            attributes += [Attribute("rtcp-fb", f"{codec.payload_type} {what}") for what in wanted]
    return Media(
        kind=line.kind,
        port=line.ports[0],
        protocol=line.protocol,
        formats=tuple(str(codec.payload_type) for codec in line.codecs),
        attributes=(*attributes, *line.packet_time, line.direction.attribute),
    )


def rejected(media: Media) -> Media:
    """Return the answer to an m-line that is not taken: port 0, in its place (RFC 3264 §6)."""
    return Media(kind=media.kind, port=0, protocol=media.protocol, formats=media.formats)


def describe(host: str, media: Sequence[Media]) -> SessionDescription:
    """Return our description for the SIP side, its origin still to be set."""
    return SessionDescription(connection=connection_to(host), media=tuple(media))
