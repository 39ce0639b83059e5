"""When a session's record has outlived its session."""

from typing import NamedTuple


class Seen(NamedTuple):
    """What the record of a session says of its end, and the revision that says so."""

    revision: int
    pod: str
    detached_at: float | None


class Sight(NamedTuple):
    """All sessions as they were once, and the last revision that was written by then."""

    sessions: dict[str, Seen]
    revision: int


CALM_ROUNDS = 10


class Rounds:
    """Which rounds look at all sessions of the cluster, which takes long: where nothing happens, every tenth."""

    def __init__(self) -> None:
        self._pods: frozenset[str] = frozenset()
        self._left_out = CALM_ROUNDS  # the first one is not

    def is_due(self, live: frozenset[str], is_unfinished: bool) -> bool:
        """Whether this one does. `is_unfinished`: the last one found what may be over soon."""
        is_calm = live == self._pods and not is_unfinished and self._left_out < CALM_ROUNDS - 1
        self._pods = live
        self._left_out = self._left_out + 1 if is_calm else 0
        return not is_calm


class Silence:
    """Since when pods have not been heard. Time comes in as `now`."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def observe(self, pods: set[str], live: set[str], now: float) -> None:
        """Take note of which of `pods` are silent; the others are forgotten."""
        self._since = {pod: self._since.get(pod, now) for pod in pods - live}

    def __len__(self) -> int:
        return len(self._since)

    def __contains__(self, pod: object) -> bool:
        return pod in self._since

    def seconds(self, pod: str, now: float) -> float:
        """Return for how long a pod has been silent, 0 if it is not."""
        return now - self._since.get(pod, now)


def is_over(session: Seen, wall_now: float, pod_silent_for: float, grace_seconds: float) -> bool:
    """Whether nobody can come back to the session: its socket, or the pod that held it, is gone for too long."""
    if session.detached_at is not None and wall_now - session.detached_at >= grace_seconds:
        return True
    return pod_silent_for >= grace_seconds
