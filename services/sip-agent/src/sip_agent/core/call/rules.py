"""What the shell decides for every call: times, and where chance comes from."""

from collections.abc import Callable
from dataclasses import dataclass

from sip_agent.core.transaction.timers import Timers


def _evenly() -> float:
    return 0.5


@dataclass(frozen=True)
class CallRules:
    """`chance` returns numbers from 0 to below 1."""

    ring_seconds: float = 180.0
    timers: Timers = Timers()
    chance: Callable[[], float] = _evenly
