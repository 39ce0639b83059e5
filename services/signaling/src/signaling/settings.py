"""Settings of signaling: `CORDBOARD_SIGNALING_<NAME>`, and those that all services share."""

import msgspec

from shared.errors import LocalError
from shared.settings import CommonSettings

from .core.frames import IceServer


class Settings(CommonSettings, frozen=True, kw_only=True):
    """Every setting with its default."""

    secret: str = ""  # the cluster's (CORDBOARD_SECRET), 16 characters or more
    host: str = "0.0.0.0"
    port: int = 8080
    web_root: str = ""  # the folder of `phone` and `sdk`; empty: `web` of the source checkout
    origins: tuple[str, ...] = ()  # of pages that may connect, "https://phone.example.org"; none: any page may
    login_seconds: float = 10.0
    resume_grace_seconds: float = 30.0
    sweep_seconds: float = 15.0
    max_unauthenticated: int = 500  # sockets that have not logged in
    capacity: int = 20000  # sockets
    backlog_bytes: int = 1048576  # waiting for one socket's page to read
    ping_seconds: float = 20.0  # a page that answers no WebSocket ping for that long is gone
    ice_servers: str = "[]"  # for the pages: a JSON list of {"urls": [...], "username", "credential"}
    jwt_key: str = ""  # an HMAC secret, a PEM public key, or the path of a file with one; empty: no log-in by JWT
    jwt_issuer: str = ""
    jwt_audience: str = ""


def parse_ice_servers(text: str) -> tuple[IceServer, ...]:
    """Read the setting; raise `LocalError` that says what is wrong with it."""
    try:
        return msgspec.json.decode(text, type=tuple[IceServer, ...])
    except msgspec.MsgspecError as error:
        raise LocalError(f"CORDBOARD_SIGNALING_ICE_SERVERS: {error}") from error
