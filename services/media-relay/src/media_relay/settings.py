"""The relay's settings: `CORDBOARD_RELAY_<NAME>` in the environment, lists with commas."""

from typing import Literal

from shared.settings import CommonSettings

ForwarderChoice = Literal["auto", "native", "python"]


class RelaySettings(CommonSettings, frozen=True, kw_only=True):
    """What a media-relay needs to know."""

    browser_host: str = "0.0.0.0"  # bound for all browsers
    browser_port: int = 10000  # 0: any
    addresses: tuple[str, ...] = ()  # told to browsers as candidates; empty: the default route's and loopback
    rtp_host: str = "0.0.0.0"  # bound towards SIP
    sip_address: str = ""  # told to SIP peers; empty: the default route's, else loopback
    rtp_min: int = 30000  # inclusive; below net.ipv4.ip_local_port_range
    rtp_max: int = 31999
    quarantine_seconds: float = 5.0  # before a freed port is given to another call
    forwarder: ForwarderChoice = "auto"  # native where it was built
    capacity: int = 500  # sessions
    unclaimed_seconds: float = 240.0  # a call may ring for SIP's Timer C, 3 minutes, before its agent first commands
