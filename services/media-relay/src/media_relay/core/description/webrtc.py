"""The browser side's session description (RFC 8829): everything bundled on one ICE-lite, DTLS-SRTP transport.

What a browser insists on: rtcp-mux, `a=setup` of active or passive in an answer, every m-line in its place, one
BUNDLE group, at least one candidate. Its own candidates are not needed: they are learnt from its checks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from shared.errors import RemoteError

from ..plan import Address, DtlsRole, IceCredentials, StreamKind
from .codecs import Codec, Direction, read_codecs, read_direction, stream_kind
from .rtp_avp import PACKET_TIME, connection_to
from .sdp import Attribute, Level, Media, SessionDescription

Setup = Literal["actpass", "active", "passive"]
PROTOCOL = "UDP/TLS/RTP/SAVPF"
# RTP/SAVPF is what old pages offer for the same thing (RFC 8829 §5.1.2).
_PROTOCOLS = (PROTOCOL, "RTP/SAVPF")
# goog-remb: bandwidth estimation by the receiver, which browsers use where transport-wide feedback is not offered.
FEEDBACK = frozenset({"ccm fir", "goog-remb", "nack", "nack pli"})
# Chromium begins with 300 kbit/s and takes half a minute to where it sends 1280x720 whole. It knows this parameter, in
# kbit/s; others pass over it. What is too much for the way it takes back within a second.
_START_BIT_RATE = 1_200_000


@dataclass(frozen=True)
class BrowserStream:
    """An m-line of the browser that can be forwarded."""

    mid: str
    kind: StreamKind
    codecs: tuple[Codec, ...]
    direction: Direction
    packet_time: tuple[Attribute, ...] = ()


@dataclass(frozen=True)
class BrowserDescription:
    """What a browser said."""

    ice: IceCredentials
    fingerprints: tuple[tuple[str, str], ...]
    setup: Setup
    streams: tuple[BrowserStream | None, ...]  # one for each m-line, None where it is rejected or not for us


@dataclass(frozen=True)
class BrowserLine:
    """An m-line of ours for the browser."""

    mid: str
    kind: StreamKind
    codecs: tuple[Codec, ...]
    direction: Direction
    packet_time: tuple[Attribute, ...] = ()
    bit_rate: int = 0  # that the SIP side has said it takes


@dataclass(frozen=True)
class BrowserTransport:
    """Our end of the one transport."""

    ice: IceCredentials
    fingerprint: str  # sha-256
    candidates: tuple[Address, ...]
    tcp_candidates: tuple[Address, ...] = ()


def read_description(description: SessionDescription) -> BrowserDescription:
    """Read an offer or answer; raise `RemoteError` 488 if nothing in it can be forwarded."""
    bundle = bundled(description)
    streams: list[BrowserStream | None] = []
    taken: list[tuple[BrowserStream, Media]] = []
    for media in description.media:
        stream = _read_stream(description, media)
        # Only one of a kind: streams are told apart by payload type, which two of a kind share. And only what is
        # bundled with the first: there is one transport.
        if stream and any(s.kind == stream.kind or not {s.mid, stream.mid} <= bundle for s, _ in taken):
            stream = None
        if stream:
            taken.append((stream, media))
        streams.append(stream)
    if not taken:
        raise RemoteError(488, "Not Acceptable Here")
    # RFC 8829 §5.2.2: a bundled m-line may leave the transport to be described by another one of its group.
    group = [media for media in description.media if media.value("mid") in bundle]
    levels: tuple[Level, ...] = (taken[0][1], *group, description)
    return BrowserDescription(
        ice=IceCredentials(_required(levels, "ice-ufrag"), _required(levels, "ice-pwd")),
        fingerprints=_fingerprints(levels),
        setup=_setup(levels),
        streams=tuple(streams),
    )


def bundled(description: SessionDescription) -> set[str]:
    """Return the mids of the first BUNDLE group (RFC 9143 §7)."""
    groups = (value.split(" ") for value in description.values("group"))
    return set(next((mids for semantics, *mids in groups if semantics == "BUNDLE"), []))


def _read_stream(description: SessionDescription, media: Media) -> BrowserStream | None:
    kind, codecs = stream_kind(media), read_codecs(media)
    # RFC 9143 §6: a bundle-only m-line has port 0 and is not rejected.
    rejected = media.port == 0 and not media.has("bundle-only")
    if kind is None or not codecs or rejected or media.protocol not in _PROTOCOLS or not media.has("rtcp-mux"):
        return None
    return BrowserStream(
        mid=media.value("mid") or "",
        kind=kind,
        codecs=codecs,
        direction=read_direction(media.attributes, description.attributes),
        packet_time=tuple(a for a in media.attributes if a.name in PACKET_TIME),
    )


def _required(levels: Sequence[Level], name: str) -> str:
    value = next((value for level in levels if (value := level.value(name))), None)
    if value is None:
        raise RemoteError(488, f"No a={name} In The Session Description")
    return value


def _fingerprints(levels: Sequence[Level]) -> tuple[tuple[str, str], ...]:
    _required(levels, "fingerprint")
    values = next(found for level in levels if (found := level.values("fingerprint")))
    pairs = (value.partition(" ") for value in values)
    return tuple((algorithm.lower(), digest.strip().upper()) for algorithm, _, digest in pairs)


def _setup(levels: Sequence[Level]) -> Setup:
    value = _required(levels, "setup")
    if value not in ("actpass", "active", "passive"):
        raise RemoteError(488, f"a=setup:{value} Is Not Acceptable Here")
    return cast(Setup, value)


def our_role(theirs: Setup) -> DtlsRole:
    """Return our part in the handshake: the server wherever we may, for then the browser drives retransmission.

    RFC 5763 §5: the active end is the client; actpass leaves the choice to the answerer.
    """
    return "client" if theirs == "passive" else "server"


def describe_answer(
    offer: SessionDescription, lines: Sequence[BrowserLine | None], transport: BrowserTransport, setup: Setup
) -> SessionDescription:
    """Return our answer to a browser's offer, its origin still to be set; None rejects the m-line in that place."""
    media = [
        _print_line(line, transport, setup) if line else _print_rejected(theirs)
        for theirs, line in zip(offer.media, lines, strict=True)
    ]
    group = bundled(offer)
    return _describe([line.mid for line in lines if line and line.mid in group], media)


def describe_offer(lines: Sequence[BrowserLine], transport: BrowserTransport) -> SessionDescription:
    """Return our offer to a browser, its origin still to be set."""
    return _describe([line.mid for line in lines], [_print_line(line, transport, "actpass") for line in lines])


def video_direction(theirs: Direction) -> Direction:
    """Return what a browser is told of video that the SIP side describes as `theirs`: that some may come, always.

    Of streams whose SSRC was not told Chromium (seen in 156) takes none in a bundle that has a video line of which
    nothing will come: the call would have no audio. Video that does not come is a track that stays muted.
    """
    return theirs | Direction.SENDONLY


def _describe(mids: Sequence[str], media: Sequence[Media]) -> SessionDescription:
    group = (Attribute("group", f"BUNDLE {' '.join(mids)}"),) if mids else ()
    return SessionDescription(attributes=(*group, Attribute("ice-lite")), media=tuple(media))


def _print_line(line: BrowserLine, transport: BrowserTransport, setup: Setup) -> Media:
    attributes = [Attribute("mid", line.mid)] if line.mid else []
    attributes += [
        line.direction.attribute,
        Attribute("rtcp-mux"),
        Attribute("ice-ufrag", transport.ice.ufrag),
        Attribute("ice-pwd", transport.ice.pwd),
        Attribute("fingerprint", f"sha-256 {transport.fingerprint}"),
        Attribute("setup", setup),
    ]
    for codec in line.codecs:
        attributes.append(Attribute("rtpmap", codec.rtpmap))
        fmtp = ";".join(part for part in (codec.fmtp, _start(line) if line.kind == "video" else "") if part)
        if fmtp:
            attributes.append(Attribute("fmtp", f"{codec.payload_type} {fmtp}"))
        if line.kind == "video":
            attributes += [Attribute("rtcp-fb", f"{codec.payload_type} {what}") for what in sorted(codec.feedback)]
    attributes += line.packet_time
    attributes += [Attribute("candidate", text) for text in _candidates(transport)]
    attributes.append(Attribute("end-of-candidates"))
    default = transport.candidates[0]
    return Media(
        kind=line.kind,
        port=default.port,
        protocol=PROTOCOL,
        formats=tuple(str(codec.payload_type) for codec in line.codecs),
        connection=connection_to(default.host),
        attributes=tuple(attributes),
    )


def _start(line: BrowserLine) -> str:
    return f"x-google-start-bitrate={min(_START_BIT_RATE, line.bit_rate or _START_BIT_RATE) // 1000}"


def _print_rejected(theirs: Media) -> Media:
    mid = theirs.value("mid")
    return Media(
        kind=theirs.kind,
        port=0,
        protocol=theirs.protocol,
        formats=theirs.formats,
        connection=connection_to("0.0.0.0"),
        attributes=(*((Attribute("mid", mid),) if mid else ()), Attribute("inactive")),
    )


def _candidates(transport: BrowserTransport) -> list[str]:
    """RFC 8839 §5.1: host candidates of component 1; each has a local preference of its own (RFC 8445 §5.1.2.1).

    TCP comes after all UDP. Passive (RFC 6544 §4.2): the browser connects to us.
    """
    udp_preference, tcp_preference, passive = 126, 90, 4
    udp = [
        f"{number} 1 udp {udp_preference << 24 | (65535 - number) << 8 | 255} {host} {port} typ host"
        for number, (host, port) in enumerate(transport.candidates, 1)
    ]
    tcp = [
        f"{len(udp) + number} 1 tcp {tcp_preference << 24 | (passive << 13 | 8191 - number) << 8 | 255} {host} {port} "
        "typ host tcptype passive"
        for number, (host, port) in enumerate(transport.tcp_candidates, 1)
    ]
    return udp + tcp
