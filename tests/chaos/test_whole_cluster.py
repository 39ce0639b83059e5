"""Trials R1, R4 and R5 in short: rows of `make chaos` with a few calls. How long gaps are is the table's to say."""

import pytest
from bench.chaos.faults import FAULTS
from bench.chaos.suffering import Size, suffer

CALLS, RINGING = 4, 4


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["signaling", "rollout", "rollout-in-place", "nats"])
async def test_every_call_is_kept(name: str) -> None:
    fault = next(fault for fault in FAULTS if fault.name == name)
    row = await suffer(fault, Size(CALLS, RINGING))
    assert (row.kept, row.ringing.answered, row.two_owners) == (CALLS, RINGING, 0)
