"""The keys that an issuer of tokens publishes (RFC 7517 §5): how long they count, and when to ask for them again.

An issuer changes its keys without a word: a token of a key that is not known is reason to look at once, though not for
every such token, as anybody can make one up. An issuer that is away shuts nobody out whose token has a known key.

Time comes in as `now`, in seconds of any steady clock.
"""

from dataclasses import dataclass
from enum import Enum

FRESH_SECONDS = 300.0
KEPT_SECONDS = 3600.0  # without a word of the issuer; longer, and a key that it withdrew would count too long
SHORTEST_PAUSE = 10.0  # between two fetches, whatever came of the first


@dataclass(frozen=True)
class Key:
    """A key and what it may be used for. `key_id` is empty where it has none, and then fits any token."""

    material: object
    algorithms: frozenset[str]
    key_id: str = ""

    def fits(self, key_id: str) -> bool:
        """Whether a token that names `key_id` (RFC 7515 §4.1.4), or none, may be of this key."""
        return not key_id or not self.key_id or self.key_id == key_id


class Need(Enum):
    """Whether the keys are to be fetched."""

    NONE = "they are fresh"
    SOON = "they count, and are to be fetched meanwhile"
    NOW = "without a fetch nothing can be said"


class KeySet:
    """The keys as they were fetched last."""

    def __init__(self) -> None:
        self._keys: tuple[Key, ...] = ()
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")

    def need(self, key_id: str, now: float) -> Need:
        """Say whether a token that names `key_id` needs a fetch."""
        if now - self._tried_at < SHORTEST_PAUSE:
            return Need.NONE
        if not any(key.fits(key_id) for key in self.keys(now)):
            return Need.NOW
        return Need.SOON if now - self._fetched_at >= FRESH_SECONDS else Need.NONE

    def keys(self, now: float) -> tuple[Key, ...]:
        """Return the keys that count; none where the issuer has been away for too long."""
        return self._keys if now - self._fetched_at < KEPT_SECONDS else ()

    def trying(self, now: float) -> None:
        """A fetch begins."""
        self._tried_at = now

    def fetched(self, keys: tuple[Key, ...], now: float) -> None:
        """The issuer has answered: what it does not name any more counts no more."""
        self._keys = keys
        self._fetched_at = now
