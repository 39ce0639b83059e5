"""The API keys of a pod: a TOML file of their hashes, so that who reads the file has no key.

    [billing]
    sha256 = "…"                     # of the key
    scopes = ["calls:read"]

A key is random and long, so a plain hash keeps it: there is nothing to guess.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from shared.errors import LocalError

from .principal import Principal, Scope

_SHORTEST_KEY = 32

Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class _Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sha256: Hash
    scopes: tuple[Scope, ...]


class Keys:
    """The keys that there are, by their hash."""

    def __init__(self, principals: dict[str, Principal]) -> None:
        self._principals = principals

    @classmethod
    def read(cls, path: str) -> "Keys":
        """Read the file; raise `LocalError` that says what is wrong with it."""
        try:
            table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
            keys = msgspec.convert(table, dict[str, _Key])
        except (OSError, UnicodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise LocalError(f"CORDBOARD_SIGNALING_REST_KEYS: {error}") from error
        if not keys:
            raise LocalError(f"CORDBOARD_SIGNALING_REST_KEYS: no key in {path}")
        return cls({key.sha256: Principal(name, frozenset(key.scopes)) for name, key in keys.items()})

    def find(self, key: str) -> Principal | None:
        """Return whose key it is. Looked up by its hash, so the time that takes says nothing of the keys."""
        if len(key) < _SHORTEST_KEY:
            return None
        return self._principals.get(hashlib.sha256(key.encode()).hexdigest())
