"""Where the keys are: in a setting, in a file that is renewed, at an issuer's address."""

import asyncio
import time
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import jwt
import structlog

from shared.errors import LocalError
from shared.reloaded_file import ReloadedFile
from shared.tasks import Tasks

from .. import metrics
from ..core.key_set import Key, KeySet, Need
from ..settings import Settings
from .keys import read_key_set, read_keys

_log = structlog.get_logger(__name__)

_FETCH_SECONDS = 5.0


class KeySource(Protocol):
    """Gives the keys that a token may be of."""

    async def keys(self, key_id: str) -> tuple[Key, ...]:
        """Return all that are known, once there is a word of `key_id`; none: the source is out of reach."""

    async def aclose(self) -> None:
        """Leave."""


class FixedKeys:
    """In the setting itself."""

    def __init__(self, text: str) -> None:
        self._keys = read_keys(text)

    async def keys(self, key_id: str) -> tuple[Key, ...]:
        """Return what was read at the start."""
        return self._keys

    async def aclose(self) -> None:
        """Nothing is held."""


class KeyFile:
    """In a file that may change."""

    def __init__(self, path: Path) -> None:
        self._file = ReloadedFile(path, lambda text: read_keys(text.strip()))

    async def keys(self, key_id: str) -> tuple[Key, ...]:
        """Return what the file has."""
        return self._file.get()

    async def aclose(self) -> None:
        """Nothing is held."""


class KeySetUrl:
    """A JWK set at an issuer's address. However many wait for it, it is fetched once."""

    def __init__(self, url: str) -> None:
        # Without the library's cache, which forgets all keys when the issuer is away for five minutes.
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=_FETCH_SECONDS)
        self._set = KeySet()
        self._tasks = Tasks("key set")
        self._fetching: asyncio.Task[None] | None = None

    async def keys(self, key_id: str) -> tuple[Key, ...]:
        """Return the keys that count, having looked for `key_id` if it is not among them."""
        now = time.monotonic()
        need = self._set.need(key_id, now)
        if need is not Need.NONE and self._fetching is None:
            self._set.trying(now)
            self._fetching = self._tasks.spawn(self._fetch(), "fetch")
        if self._fetching is not None and not self._has(key_id):
            await asyncio.shield(self._fetching)
        return self._set.keys(time.monotonic())

    def _has(self, key_id: str) -> bool:
        return any(key.fits(key_id) for key in self._set.keys(time.monotonic()))

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                keys = read_key_set(await asyncio.to_thread(self._client.fetch_data))
        except (jwt.PyJWTError, OSError, ValueError, TimeoutError) as error:
            metrics.KEY_FETCHES.labels("failed").inc()
            _log.warning("keys of tokens not fetched", error=f"{type(error).__name__} {error}")
        else:
            metrics.KEY_FETCHES.labels("ok").inc()
            self._set.fetched(keys, time.monotonic())
        finally:
            self._fetching = None

    async def aclose(self) -> None:
        """Wait for nothing more."""
        await self._tasks.aclose()


def source_of(settings: Settings) -> KeySource | None:
    """Return the source that the settings name, None where log-in by token is not set up; raise `LocalError`."""
    if settings.jwt_key and settings.jwt_jwks_url:
        raise LocalError("either CORDBOARD_SIGNALING_JWT_KEY or CORDBOARD_SIGNALING_JWT_JWKS_URL")
    if settings.jwt_jwks_url:
        return _at_issuer(settings)
    if not settings.jwt_key:
        return None
    is_path = settings.jwt_key.startswith("/") and "-----BEGIN" not in settings.jwt_key
    try:
        return KeyFile(Path(settings.jwt_key)) if is_path else FixedKeys(settings.jwt_key)
    except (OSError, ValueError) as error:
        raise LocalError(f"CORDBOARD_SIGNALING_JWT_KEY: {error}") from error


def _at_issuer(settings: Settings) -> KeySource:
    # Whoever signs for many would else let in what he signed for somebody else (RFC 8725 §3.9).
    if not (settings.jwt_issuer and settings.jwt_audience):
        raise LocalError(
            "CORDBOARD_SIGNALING_JWT_JWKS_URL needs CORDBOARD_SIGNALING_JWT_ISSUER and CORDBOARD_SIGNALING_JWT_AUDIENCE"
        )
    try:
        source = KeySetUrl(settings.jwt_jwks_url)
    except jwt.PyJWTError as error:
        raise LocalError(f"CORDBOARD_SIGNALING_JWT_JWKS_URL: {error}") from error
    if urlsplit(settings.jwt_jwks_url).scheme != "https":
        _log.warning("keys of tokens are fetched in the clear: whoever is on the way can make tokens")
    return source
