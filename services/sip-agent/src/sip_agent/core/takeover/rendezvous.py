"""Who takes over what, without a coordinator: rendezvous hashing ("highest random weight").

Everybody who hears the same agents comes to the same ranks, and one agent more or less changes the rank of none but its
own share. Where two disagree for a moment, compare-and-swap on the record lets one win.
"""

import hashlib
from collections.abc import Iterable

PATIENCE = 3.0  # how much longer each rank waits than the one before it


def rank(session_id: str, agent: str, live: Iterable[str]) -> int:
    """Return how many of the live agents come before this one for a session."""
    own = _weight(session_id, agent)
    return sum(_weight(session_id, other) > own for other in live if other != agent)


def is_due(rank: int, ownerless_for: float) -> bool:
    """Whether it is the turn of this rank, the ones before it having had time enough."""
    return rank * PATIENCE <= ownerless_for


def _weight(session_id: str, agent: str) -> bytes:
    return hashlib.blake2b(f"{agent}\n{session_id}".encode(), digest_size=8).digest()
