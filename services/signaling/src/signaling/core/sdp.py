"""The two things that signaling reads in a session description (RFC 8866). The relay reads the rest."""


def looks_like_sdp(text: str) -> bool:
    """Whether this is meant to be a session description: `v=0` comes first (RFC 8866 §5)."""
    return text.startswith(("v=0\r\n", "v=0\n"))


def has_video(sdp: str) -> bool:
    """Whether a video stream is offered or accepted.

    Port 0 rejects a stream (RFC 3264 §6), except with `a=bundle-only` (RFC 9143 §6): there the port is that of
    the bundle.
    """
    for section in sdp.replace("\r\n", "\n").split("\nm=")[1:]:
        lines = section.split("\n")
        words = lines[0].split(" ")
        if words[0] == "video" and len(words) > 1 and (words[1] != "0" or "a=bundle-only" in lines):
            return True
    return False
