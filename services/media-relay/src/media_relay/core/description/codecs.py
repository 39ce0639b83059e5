"""Which codecs are passed through, and when two descriptions mean the same one (RFC 3264 §6.1).

Nothing is transcoded, so what is not in `_TAKEN` (retransmission and redundancy, comfort noise, video codecs that no
phone has) is left out of what the other side gets to see.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Flag

from ..plan import StreamKind
from .sdp import Attribute, Media


class Direction(Flag):
    """RFC 8866 §6.7, from the point of view of whoever says it."""

    INACTIVE = 0
    SENDONLY = 1
    RECVONLY = 2
    SENDRECV = 3

    @property
    def reverse(self) -> "Direction":
        """The same seen from the other end."""
        return _REVERSE[self]

    @property
    def attribute(self) -> Attribute:
        """The attribute that says it."""
        return Attribute(str(self.name).lower())


_REVERSE = {
    Direction.INACTIVE: Direction.INACTIVE,
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
    Direction.SENDRECV: Direction.SENDRECV,
}
_DIRECTIONS = {str(direction.name).lower(): direction for direction in _REVERSE}


def read_direction(*levels: Iterable[Attribute]) -> Direction:
    """Return the direction of the first level that says one: the m-line's, then the session's (RFC 8866 §6.7)."""
    for attributes in levels:
        for attribute in attributes:
            if attribute.name in _DIRECTIONS:
                return _DIRECTIONS[attribute.name]
    return Direction.SENDRECV


@dataclass(frozen=True)
class Codec:
    """An RTP payload format under the number that one description gives it."""

    payload_type: int
    encoding: str  # as written; compared without case (RFC 4855 §3)
    clock_rate: int
    channels: int = 1
    fmtp: str = ""
    feedback: frozenset[str] = frozenset()  # a=rtcp-fb (RFC 4585 §4.2)

    @property
    def rtpmap(self) -> str:
        """The value of its a=rtpmap."""
        channels = f"/{self.channels}" if self.channels != 1 else ""
        return f"{self.payload_type} {self.encoding}/{self.clock_rate}{channels}"

    @property
    def is_media(self) -> bool:
        """Whether it can stand alone: events cannot."""
        return self.encoding.lower() != "telephone-event"

    @property
    def is_static(self) -> bool:
        """Whether its number is the one that RFC 3551 §6 fixed for it."""
        fixed = _STATIC.get(self.payload_type)
        return fixed is not None and (fixed[0].lower(), fixed[1]) == (self.encoding.lower(), self.clock_rate)


# G722's clock rate is 8000 by an old mistake that is kept (RFC 3551 §4.5.2).
_STATIC = {0: ("PCMU", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000)}
_TAKEN: dict[StreamKind, set[tuple[str, int, int]]] = {
    "audio": {
        ("opus", 48000, 2),
        ("g722", 8000, 1),
        ("pcmu", 8000, 1),
        ("pcma", 8000, 1),
        ("telephone-event", 8000, 1),
        ("telephone-event", 48000, 1),
    },
    "video": {("vp8", 90000, 1), ("h264", 90000, 1)},
}
# What we offer of ourselves, before anybody knows what the other side has. G.711 comes first: every phone has it, and
# RFC 7874 §3 makes browsers have it.
AUDIO = (
    Codec(0, "PCMU", 8000),
    Codec(8, "PCMA", 8000),
    Codec(111, "opus", 48000, 2, "minptime=10;useinbandfec=1"),
    Codec(9, "G722", 8000),
    Codec(101, "telephone-event", 8000, fmtp="0-16"),
)
MAX_CODECS = 24  # of a section; two sections then always fit into the free payload types
# RFC 5761 §4: 64 to 95 are not for RTP where RTCP is multiplexed; browsers use 35 to 63 when 96 to 127 are full.
DYNAMIC = (*range(96, 128), *range(35, 64))
FEEDBACK = frozenset({"nack", "nack pli", "ccm fir", "goog-remb"})  # what two relays may say to each other


def stream_kind(media: Media) -> StreamKind | None:
    """Return the kind of a section that is forwarded at all."""
    if media.kind == "audio":
        return "audio"
    return "video" if media.kind == "video" else None


def read_codecs(media: Media) -> tuple[Codec, ...]:
    """Return the codecs of a section that can be passed through, preferred ones first; none if no media codec is."""
    kind = stream_kind(media)
    if kind is None:
        return ()
    maps = _by_payload_type(media.values("rtpmap"))
    parameters = _by_payload_type(media.values("fmtp"))
    feedback = _feedback(media.values("rtcp-fb"))
    everywhere = feedback.get("*", frozenset())
    found: dict[int, Codec] = {}
    for text in media.formats:
        number = _payload_type(text)
        if number is None or number in found or len(found) == MAX_CODECS:
            continue
        name, rate, channels = _read_rtpmap(maps.get(text), number)
        if (name.lower(), rate, channels) in _TAKEN[kind]:
            wanted = feedback.get(text, frozenset()) | everywhere
            found[number] = Codec(number, name, rate, channels, parameters.get(text, ""), wanted)
    return tuple(found.values()) if any(codec.is_media for codec in found.values()) else ()


def _payload_type(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) < 128 else None


def _by_payload_type(values: Iterable[str]) -> dict[str, str]:
    return {number: rest.strip() for number, _, rest in (value.partition(" ") for value in values)}


def _feedback(values: Iterable[str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for value in values:
        number, _, rest = value.partition(" ")
        found[number] = found.get(number, frozenset()) | {rest.strip()}
    return found


def _read_rtpmap(rtpmap: str | None, number: int) -> tuple[str, int, int]:
    if rtpmap is None:
        return (*_STATIC.get(number, ("", 0)), 1)
    name, rate, channels, *_ = (*rtpmap.split("/"), "", "")
    if not (_is_number(rate) and (channels == "" or _is_number(channels))):
        return "", 0, 0
    return name, int(rate), int(channels or 1)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 6


def match(codec: Codec, among: Sequence[Codec]) -> Codec | None:
    """Return the one of `among` that is the same codec as `codec`.

    Where several are, the one under the same number wins (an answer keeps the offer's), then the one nearest in
    profile.
    """
    same = [other for other in among if _identity(other) == _identity(codec)]
    if codec.encoding.lower() == "h264":
        same = [other for other in same if _packetization_mode(other) == _packetization_mode(codec)]
        exact = [other for other in same if h264_profile(other.fmtp) == h264_profile(codec.fmtp)]
        # Constrained Baseline is the part of Baseline that everybody implements, and phones mix the two names up.
        same = exact or [o for o in same if {h264_profile(o.fmtp), h264_profile(codec.fmtp)} <= _BASELINES]
    return next((o for o in same if o.payload_type == codec.payload_type), same[0] if same else None)


def _identity(codec: Codec) -> tuple[str, int, int]:
    return codec.encoding.lower(), codec.clock_rate, codec.channels


def fmtp_parameter(fmtp: str, name: str) -> str | None:
    """Return the value of one of a codec's parameters."""
    for part in fmtp.split(";"):
        key, _, value = part.partition("=")
        if key.strip().lower() == name:
            return value.strip()
    return None


def _packetization_mode(codec: Codec) -> str:
    return fmtp_parameter(codec.fmtp, "packetization-mode") or "0"  # RFC 6184 §8.1


_BASELINES = {"baseline", "constrained-baseline"}
# RFC 6184 table 5: profile_idc, the bits of profile-iop that count, their value, the sub-profile.
_PROFILES = (
    (0x42, 0x4F, 0x40, "constrained-baseline"),
    (0x4D, 0x8F, 0x80, "constrained-baseline"),
    (0x58, 0xCF, 0xC0, "constrained-baseline"),
    (0x42, 0x4F, 0x00, "baseline"),
    (0x58, 0xCF, 0x80, "baseline"),
    (0x4D, 0xAF, 0x00, "main"),
    (0x58, 0xCF, 0x00, "extended"),
    (0x64, 0xFF, 0x00, "high"),
    (0x64, 0xFF, 0x0C, "constrained-high"),
)


def h264_profile(fmtp: str) -> str:
    """Return the sub-profile that `profile-level-id` names, without its level (RFC 6184 §8.1, table 5)."""
    text = fmtp_parameter(fmtp, "profile-level-id") or "420010"
    try:
        idc, iop = bytes.fromhex(text)[:2]
    except ValueError:
        return text.lower()
    return next((name for code, mask, bits, name in _PROFILES if code == idc and iop & mask == bits), f"{idc}/{iop}")
