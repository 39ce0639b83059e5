"""What a relay is, and takes."""

from dataclasses import dataclass

from .core.description.sdes import SrtpPolicy


@dataclass(frozen=True)
class Place:
    """What this relay is and takes."""

    relay: str  # its id on the bus
    browser_addresses: tuple[str, ...]
    sip_address: str
    capacity: int
    unclaimed_seconds: float
    sip_srtp: SrtpPolicy = "off"
