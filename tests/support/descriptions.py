"""Session descriptions for tests: real ones from files, and what a relay under test says of itself."""

from pathlib import Path

from media_relay.core.description.negotiation import Local
from media_relay.core.description.sdes import OwnSrtp
from media_relay.core.description.sdp import Attribute, Media, SessionDescription
from media_relay.core.description.webrtc import BrowserTransport
from media_relay.core.plan import Address, IceCredentials
from media_relay.core.srtp_keys import SrtpProfile

_DATA = Path(__file__).parents[1] / "unit" / "media_relay" / "data"

ICE = IceCredentials("relayufrag", "relay-password-of-22-chars")
FINGERPRINT = ":".join(["AB"] * 32)
SRTP = OwnSrtp("off", {profile: bytes([1]) * (profile.key_length + profile.salt_length) for profile in SrtpProfile})
LOCAL = Local(
    session_id="4711",
    sip_host="192.0.2.1",
    ports=((30000, 30001), (30002, 30003)),
    transport=BrowserTransport(ICE, FINGERPRINT, (Address("192.0.2.1", 10000), Address("127.0.0.1", 10000))),
    sip_srtp=(SRTP, SRTP),
)


def sdp(name: str) -> str:
    """Return `tests/unit/media_relay/data/<name>.sdp`."""
    return (_DATA / f"{name}.sdp").read_text()


def all_names() -> list[str]:
    """Return the names of all those files."""
    return sorted(path.stem for path in _DATA.glob("*.sdp"))


def phone(*lines: str, host: str = "192.0.2.20", attributes: str = "") -> str:
    """Return a phone's description. A line is `audio 4000 RTP/AVP 0|ptime:20|sendonly`: m=, then its attributes."""
    media = []
    for line in lines:
        head, *rest = line.split("|")
        media += [f"m={head}", *(f"a={attribute}" for attribute in rest)]
    session = [f"a={attribute}" for attribute in attributes.split("|") if attribute]
    return "\r\n".join(["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", *session, *media, ""])


def line(attributes: str, *formats: str, kind: str = "audio", protocol: str = "RTP/AVP") -> Media:
    """Return an m-line on port 4000 with `name:value|name:value` as attributes."""
    pairs = (text.partition(":") for text in attributes.split("|") if text)
    read = tuple(Attribute(name, value if colon else None) for name, colon, value in pairs)
    return Media(kind=kind, port=4000, protocol=protocol, formats=formats, attributes=read)


def formats(description: SessionDescription) -> list[tuple[str, int, str, list[str]]]:
    """Return kind, port, direction and rtpmaps of each m-line."""
    directions = ("sendrecv", "sendonly", "recvonly", "inactive")
    return [
        (
            media.kind,
            media.port,
            next((name for name in directions if media.has(name)), ""),
            media.values("rtpmap"),
        )
        for media in description.media
    ]
