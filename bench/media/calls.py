"""A call as the load generator sees it."""

from dataclasses import dataclass

from media_relay.core.plan import Address
from media_relay.core.srtp_keys import SrtpKeys

RELAY_HOST = "127.0.0.1"
BROWSER_PORT, PHONE_PORT = 9000, 9002  # of the generator, which is every browser and every phone


@dataclass(frozen=True)
class Call:
    """Who talks, where the relay listens to them, and with which keys (as the relay has them); None: plain RTP."""

    browser: Address
    phone: Address
    relay_browser_port: int
    relay_sip_port: int
    keys: SrtpKeys | None


def browser(number: int) -> Address:
    """Return the address of a call's browser."""
    return Address(f"127.1.{number >> 8}.{number & 0xFF}", BROWSER_PORT)


def phone(number: int) -> Address:
    """Return the address of a call's phone."""
    return Address(f"127.2.{number >> 8}.{number & 0xFF}", PHONE_PORT)
