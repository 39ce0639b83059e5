"""Fixtures for all tests."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.forwarders import forwarder as forwarder
from tests.support.nats import nats_server

# How fast the machine is at the moment is no property of the code: time is held against growth, in test_linear_time.
settings.register_profile("cordboard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cordboard")


@pytest.fixture
async def nats_url() -> AsyncIterator[str]:
    """The URL of a fresh, real NATS server with JetStream."""
    async with nats_server() as url:
        yield url
