"""Who takes over what, without a coordinator: rendezvous hashing ("highest random weight").

Everybody who hears the same agents comes to the same ranks, and one agent more or less changes the rank of none but its
own share. Where two disagree for a moment, compare-and-swap on the record lets one win.
"""

import hashlib
from collections.abc import Iterable

PATIENCE = 3.0  # how much longer each rank waits than the one before it


def is_turn_of(agent: str, session_id: str, live: Iterable[str], ownerless_for: float) -> bool:
    """Whether an agent may take a session by now, those that rank before it among the live ones having had their time.

    Of most sessions it may not, and few weights are enough to see that.
    """
    own = _weight(session_id, agent)
    patience = ownerless_for
    for other in live:
        if other != agent and _weight(session_id, other) > own:
            patience -= PATIENCE
        if patience < 0:
            return False
    return True


def _weight(session_id: str, agent: str) -> bytes:
    return hashlib.blake2b(f"{agent}\n{session_id}".encode(), digest_size=8).digest()
