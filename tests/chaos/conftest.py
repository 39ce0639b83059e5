"""Clusters of agents as processes, with a real NATS; relays and sessions are played on the bus."""

from collections.abc import AsyncIterator

import pytest
from tests.chaos.stage import Stage, staged
from tests.support.pod_logs import pytest_runtest_makereport as pytest_runtest_makereport
from tests.support.sip_peer import SipPeer


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Two agents."""
    async with staged(agents=2) as running:
        yield running


@pytest.fixture
async def three() -> AsyncIterator[Stage]:
    """Three agents."""
    async with staged(agents=3) as running:
        yield running


@pytest.fixture
async def server() -> AsyncIterator[SipPeer]:
    """The SIP server of a session, and whoever it calls."""
    peer = await SipPeer.open()
    yield peer
    peer.close()
