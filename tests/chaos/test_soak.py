"""Trial R9: calls come and go for a while at 70 % of the room, pods are replaced, and nothing grows or is left.

CORDBOARD_SOAK_SECONDS makes it longer; `make soak` runs it for eight hours. Of each kind one pod is replaced once in a
round, the other one lives as long as the trial, and is looked at after each round, when nobody calls.
"""

import math
import os

import pytest
from tests.chaos.soak import KINDS, Soak, soaking
from tests.support.until import until_so

SECONDS = float(os.environ.get("CORDBOARD_SOAK_SECONDS", "5"))
ROUND_SECONDS = 300.0
ROUNDS = math.ceil(SECONDS / ROUND_SECONDS)
WARM_UP_SECONDS = 2.0  # what is loaded, or kept for later, at the first calls is no leak
PAUSE_SECONDS = 90.0  # of a round, in which pods leave, start and come to rest
MOST_REFUSED = 0.1  # of calls: who asks while a pod leaves may have to try again
GROWTH = 16 * 2**20  # bytes that a process may take more: what malloc has not given back


@pytest.mark.timeout(SECONDS + (1 + ROUNDS) * PAUSE_SECONDS)
async def test_nothing_grows_while_calls_come_and_go_and_pods_are_replaced() -> None:
    async with soaking(LOG_LEVEL="info" if ROUNDS == 1 else "warning") as soak:
        await soak.load(WARM_UP_SECONDS, replacing=False)
        state, files, memory = await soak.at_rest(), soak.descriptors(), soak.resident()
        for number in range(1, ROUNDS + 1):
            await soak.load(SECONDS / ROUNDS)
            await soak.until_at_rest_as(state)
            await until_so(lambda: all(count <= files[name] for name, count in soak.descriptors().items()))
            grown = {name: size - memory[name] for name, size in soak.resident().items()}
            print(f"round {number} of {ROUNDS}: {told(soak)}, grown by {grown}")
            assert max(grown.values()) < GROWTH, grown
            assert soak.score.dropped == []
        assert soak.score.replaced == dict.fromkeys(KINDS, ROUNDS)
        assert sum(soak.score.not_begun.values()) < MOST_REFUSED * soak.score.kept


def told(soak: Soak) -> str:
    score = soak.score
    return f"{score.kept} calls, {len(score.dropped)} dropped, not begun {dict(score.not_begun)}"
