"""The ICE servers that a page is told: those of the settings, and TURN servers with credentials of its own."""

import time
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from shared.errors import LocalError

from .core.frames import IceServer
from .core.turn import turn_server
from .settings import Settings, parse_ice_servers


class Told(NamedTuple):
    """For `RTCPeerConnection`, and how long it is good for."""

    servers: tuple[IceServer, ...]
    seconds: int | UnsetType


class IceServers:
    """Those of one pod's settings."""

    def __init__(self, settings: Settings) -> None:
        if bool(settings.turn_urls) != bool(settings.turn_secret):
            raise LocalError("CORDBOARD_SIGNALING_TURN_URLS and CORDBOARD_SIGNALING_TURN_SECRET belong together")
        self._fixed = parse_ice_servers(settings.ice_servers)
        self._urls = settings.turn_urls
        self._secret = settings.turn_secret
        self._seconds = settings.turn_seconds

    def tell(self, session_id: str) -> Told:
        """Return the servers for a session; its id is the user whom the TURN server counts and logs."""
        if not self._urls:
            return Told(self._fixed, UNSET)
        own = turn_server(self._urls, self._secret, session_id, int(time.time()) + self._seconds)
        return Told((*self._fixed, own), self._seconds)
