"""The relay's settings: `CORDBOARD_RELAY_<NAME>` in the environment, lists with commas."""

from typing import Literal

from shared.settings import CommonSettings

from .core.description.sdes import SrtpPolicy

ForwarderChoice = Literal["auto", "native", "python"]


class RelaySettings(CommonSettings, frozen=True, kw_only=True):
    """What a media-relay needs to know."""

    browser_host: tuple[str, ...] = ("0.0.0.0",)  # bound for all browsers; several: a socket for each
    browser_port: int = 10000  # 0: any
    browser_tcp_port: int = 0  # for browsers without UDP, on the same addresses; 0: none
    addresses: tuple[
        str, ...
    ] = ()  # told to browsers as candidates, names looked up; empty: what is bound, or the default route's and loopback
    rtp_host: str = "0.0.0.0"  # bound towards SIP
    sip_address: str = ""  # told to SIP peers; empty: the default route's, else loopback
    rtp_min: int = 30000  # inclusive; below net.ipv4.ip_local_port_range
    rtp_max: int = 31999
    quarantine_seconds: float = 5.0  # before a freed port is given to another call
    sip_srtp: SrtpPolicy = "off"  # what is offered to SIP peers: nothing, keys that may be ignored, or SRTP alone
    # What browsers are told that they may send of video, bit/s, where the far side does not tell them itself.
    video_min_bit_rate: int = 150_000  # unless the far side says that it takes less
    video_max_bit_rate: int = 2_000_000  # 1280x720 at its best
    forwarder: ForwarderChoice = "auto"  # native where it was built
    sounds_dir: str = ""  # files that calls may be played, by their names; those made of tones are there without
    sound_seconds: float = 600.0  # what is longer is cut off: it is held in memory
    capacity: int = 500  # sessions
    max_cpu: float = (
        0.85  # of a core (or of what a cgroup leaves of one), by the busiest thread, before calls are refused
    )
    quality_seconds: float = 5.0  # between two measurements of a call; RTCP's interval, so better left alone
    unclaimed_seconds: float = 240.0  # a call may ring for SIP's Timer C, 3 minutes, before its agent first commands
    drain_seconds: float = 30.0  # on SIGTERM, for the agents to move the sessions to other relays
