"""When a session's record has outlived its session."""

from typing import NamedTuple


class Seen(NamedTuple):
    """What the record of a session says of its end, and the revision that says so."""

    revision: int
    pod: str
    detached_at: float | None


class Silence:
    """Since when pods have not been heard. Time comes in as `now`."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def observe(self, pods: set[str], live: set[str], now: float) -> None:
        """Take note of which of `pods` are silent; the others are forgotten."""
        self._since = {pod: self._since.get(pod, now) for pod in pods - live}

    def seconds(self, pod: str, now: float) -> float:
        """Return for how long a pod has been silent, 0 if it is not."""
        return now - self._since.get(pod, now)


def is_over(session: Seen, wall_now: float, pod_silent_for: float, grace_seconds: float) -> bool:
    """Whether nobody can come back to the session: its socket, or the pod that held it, is gone for too long."""
    if session.detached_at is not None and wall_now - session.detached_at >= grace_seconds:
        return True
    return pod_silent_for >= grace_seconds
