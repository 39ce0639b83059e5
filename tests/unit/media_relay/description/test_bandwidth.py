"""How much a description says that its author takes."""

import pytest

from media_relay.core.description.bandwidth import described_bit_rate, level_bit_rate
from media_relay.core.description.codecs import Codec
from media_relay.core.description.sdp import Level


@pytest.mark.parametrize(
    ("media", "session", "rate"),
    [
        ((), (), 0),
        (("AS:512",), (), 486_400),
        (("TIAS:500000", "AS:600"), (), 500_000),
        (("CT:128", "RS:0"), ("AS:1000",), 950_000),
        (("AS:512",), ("AS:2000",), 486_400),
        (("AS:0",), (), 0),
        (("AS:-1", "TIAS:", "AS"), (), 0),
        (("TIAS:99999999999",), (), 0),
        (("AS:٣",), (), 0),
    ],
)
def test_the_nearest_level_that_says_one(media: tuple[str, ...], session: tuple[str, ...], rate: int) -> None:
    assert described_bit_rate(Level(bandwidths=media), Level(bandwidths=session)) == rate


@pytest.mark.parametrize(
    ("fmtp", "rate"),
    [
        ("profile-level-id=42e00a", 64_000),
        ("profile-level-id=42f00b", 128_000),  # level 1b of Baseline
        ("profile-level-id=640009", 128_000),  # of High
        ("profile-level-id=64100b", 192_000),
        ("packetization-mode=1; profile-level-id=42E01F", 14_000_000),
        ("profile-level-id=42e00c;max-br=600", 600_000),
        ("profile-level-id=42e00c;max-br=100", 384_000),
        ("profile-level-id=42e0ff", 0),
        ("profile-level-id=42", 0),
        ("profile-level-id=xyz", 0),
        ("", 0),
    ],
)
def test_the_level_of_h264(fmtp: str, rate: int) -> None:
    assert level_bit_rate(Codec(96, "H264", 90000, fmtp=fmtp)) == rate


def test_other_codecs_have_no_level() -> None:
    assert level_bit_rate(Codec(96, "VP8", 90000, fmtp="profile-level-id=42e00a")) == 0
