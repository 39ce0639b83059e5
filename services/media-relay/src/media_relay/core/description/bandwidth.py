"""How much of a stream somebody takes, in bit/s, by what is said of it; 0: nothing is said."""

from .codecs import Codec, fmtp_parameter
from .sdp import Level

# AS counts the headers of IP and UDP too (RFC 8866 §5.8), about so much of packets as long as those of video.
_HEADERS = 0.05
_TIAS, _AS = "TIAS", "AS"  # RFC 3890 counts none of them
_MOST_DIGITS = 10

# ITU-T H.264 table A-1: MaxBR, in kbit/s, by level_idc; 9 is level 1b.
_H264_LEVELS = {
    9: 128,
    10: 64,
    11: 192,
    12: 384,
    13: 768,
    20: 2_000,
    21: 4_000,
    22: 4_000,
    30: 10_000,
    31: 14_000,
    32: 20_000,
    40: 20_000,
    41: 50_000,
    42: 50_000,
    50: 135_000,
    51: 240_000,
    52: 240_000,
}
_CONSTRAINT_SET_3 = 0x10
_HIGH = 100


def described_bit_rate(*levels: Level) -> int:
    """Return what the first level that has a b= says: the m-line's; or the session's, which is for all media together
    and so bounds each."""
    for level in levels:
        values = dict(bandwidth.partition(":")[::2] for bandwidth in level.bandwidths)
        if exactly := _number(values.get(_TIAS, "")):
            return exactly
        if roughly := _number(values.get(_AS, "")):
            return int(roughly * 1000 * (1 - _HEADERS))
    return 0


def level_bit_rate(codec: Codec) -> int:
    """Return what H.264 may have at the level that is named, or what is named beside it (RFC 6184 §8.1)."""
    if codec.encoding.lower() != "h264":
        return 0
    more = _number(fmtp_parameter(codec.fmtp, "max-br") or "")
    return 1000 * max(_H264_LEVELS.get(_level(codec.fmtp), 0), more)


def _level(fmtp: str) -> int:
    """Return level_idc. Without a name it would be level 1, of 64 kbit/s, which no phone means that leaves it out."""
    try:
        profile, constraints, level = bytes.fromhex(fmtp_parameter(fmtp, "profile-level-id") or "")
    except ValueError:
        return 0
    is_1b = level == 11 and constraints & _CONSTRAINT_SET_3 and profile < _HIGH
    return 9 if is_1b else level


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else 0
