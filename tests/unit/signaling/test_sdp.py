"""What signaling reads in a session description."""

import pytest

from signaling.core.sdp import has_video, looks_like_sdp

HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"


@pytest.mark.parametrize(
    ("sdp", "video"),
    [
        (HEAD, False),
        (HEAD + "m=video 9 RTP/AVP 96\r\n", True),
        (HEAD + "m=video 0 RTP/AVP 96\r\na=inactive\r\n", False),
        (HEAD + "m=video 0 RTP/AVP 96\r\na=bundle-only\r\n", True),
        (HEAD + "a=x:m=video 9\r\n", False),
        (HEAD + "m=video\r\n", False),
        (HEAD.replace("\r\n", "\n") + "m=video 49170/2 RTP/AVP 31\n", True),
        ("", False),
    ],
)
def test_video_is_a_stream_that_is_not_rejected(sdp: str, video: bool) -> None:
    assert has_video(sdp) is video


@pytest.mark.parametrize(
    ("text", "sdp"), [(HEAD, True), ("v=0\n", True), ("v=1\r\n", False), (" v=0\r\n", False), ("", False)]
)
def test_a_description_begins_with_its_version(text: str, sdp: bool) -> None:
    assert looks_like_sdp(text) is sdp
