"""A cluster for each forwarder, for modules whose calls are to pass on both."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.services import Cordboard, cordboard


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["native", "python"])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cordboard]:
    """One pod of each service, whose relay moves the packets in C or in Python; closed pages are given up soon."""
    settings = {"SIGNALING_RESUME_GRACE_SECONDS": "4", "SIGNALING_SWEEP_SECONDS": "1"}
    async with cordboard(**settings, RELAY_FORWARDER=request.param) as running:
        yield running
