"""Settings of signaling: `CORDBOARD_SIGNALING_<NAME>`, and those that all services share."""

from typing import Literal

import msgspec

from shared.errors import LocalError
from shared.settings import StreamSettings

from .core.frames import IceServer


class Settings(StreamSettings, frozen=True, kw_only=True):
    """Every setting with its default."""

    secret: str = ""  # the cluster's (CORDBOARD_SECRET), 16 characters or more
    second_secret: str = ""  # CORDBOARD_SECOND_SECRET: what it sealed opens too, while the cluster's is changed
    host: str = "0.0.0.0"
    port: int = 8080
    web_root: str = ""  # the folder of `phone` and `sdk`; empty: `web` of the source checkout
    origins: tuple[str, ...] = ()  # of pages that may connect, "https://phone.example.org"; none: any page may
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")  # addresses and blocks whose X-Forwarded-For is believed
    login_seconds: float = 10.0
    resume_grace_seconds: float = 30.0
    drain_seconds: float = 30.0  # in which the pages are asked to move, once the pod is to leave
    sweep_seconds: float = 15.0
    capacity: int = 20000  # sockets
    capacity_of_host: int = 2000  # sockets of one host, an IPv6 /64 being one
    max_unauthenticated: int = 500  # sockets that have not logged in
    max_unauthenticated_of_host: int = 100
    max_half_open: int = 1000  # connections that have not said what they want
    max_half_open_of_host: int = 100
    backlog_bytes: int = 262144  # waiting for one socket's page to read
    ping_seconds: float = 20.0  # a page that answers no WebSocket ping for that long is gone
    ice_servers: str = "[]"  # for the pages: a JSON list of {"urls": [...], "username", "credential"}
    turn_urls: tuple[str, ...] = ()  # of TURN servers that take credentials made with `turn_secret`
    turn_secret: str = ""  # coturn's `static-auth-secret`
    turn_seconds: int = 3600  # that such credentials are good for
    jwt_key: str = ""  # an HMAC secret, PEM public keys, a JWK set, or the path of a file with one of these
    jwt_jwks_url: str = ""  # where the issuer publishes its keys; neither of the two: no log-in by JWT
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_algorithms: tuple[str, ...] = ("HS256", "RS256", "PS256", "ES256", "ES384", "EdDSA")
    accounts: str = ""  # a TOML file of SIP accounts, for log-ins by JWT: their passwords, and how they are reached
    hooks_url: str = ""  # of the web server that is asked and told; empty: none is
    hooks_secret: str = ""  # signs what is posted, by HMAC-SHA256
    hooks_md5_secret: str = ""  # the same in the form of WCS, by HMAC-MD5
    hooks_timeout_seconds: float = 3.0
    hooks_on_failure: Literal["refuse", "allow"] = "refuse"  # what a page gets that asks while there is no reply
    hooks_skip: tuple[str, ...] = ()  # methods that are not posted
    hooks_connections: int = 100
    rest_keys: str = ""  # a TOML file of API keys; with neither of the two there is no REST API
    rest_tokens: bool = False  # whether it takes tokens with scopes, too, by the settings of log-in by JWT


def parse_ice_servers(text: str) -> tuple[IceServer, ...]:
    """Read the setting; raise `LocalError` that says what is wrong with it."""
    try:
        return msgspec.json.decode(text, type=tuple[IceServer, ...])
    except msgspec.MsgspecError as error:
        raise LocalError(f"CORDBOARD_SIGNALING_ICE_SERVERS: {error}") from error
