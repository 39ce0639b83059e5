"""How much an agent has too much, so that one that joins gets its share without a coordinator.

Each agent hears the load of the others and gives away what it has above its own fair share; nobody asks for more. So
two that give at once do not make a third one full, and nothing goes to and fro.
"""

from collections.abc import Iterable
from typing import NamedTuple

TOLERATED = 0.2  # above the fair share: accounts come and go, and each move is two REGISTERs
FEW = 50  # as many more than the fair share are not worth a move


class Load(NamedTuple):
    """The accounts of an agent, and how many it may have."""

    accounts: int
    capacity: int


def fair_share(own: Load, others: Iterable[Load]) -> float:
    """Return how many accounts the agent had if all were equally full."""
    everybody = [own, *others]
    return own.capacity * sum(load.accounts for load in everybody) / max(1, sum(load.capacity for load in everybody))


def surplus(own: Load, others: Iterable[Load]) -> int:
    """Return how many accounts the agent should give away; 0 where it is not worth it."""
    fair = fair_share(own, others)
    if own.accounts <= fair * (1 + TOLERATED) + FEW:
        return 0
    return int(own.accounts - fair)
