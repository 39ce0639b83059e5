"""Fixtures for all tests."""

from collections.abc import AsyncIterator

import pytest

from tests.support.nats import nats_server


@pytest.fixture
async def nats_url() -> AsyncIterator[str]:
    """The URL of a fresh, real NATS server with JetStream."""
    async with nats_server() as url:
        yield url
