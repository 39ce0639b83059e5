"""Every trial has a network of its own, and runs against the relay with either forwarder."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import cast

import pytest
from tests.support.forwarders import FORWARDERS
from tests.support.media_relay import StartRelay, start_relay
from tests.support.network import RELAY_HOST, Network, wired
from tests.support.trial import Trial

__all__ = ["start_relay"]

StartTrial = Callable[..., Awaitable[Trial]]

_SETTINGS = {
    "RELAY_BROWSER_HOST": RELAY_HOST,
    "RELAY_ADDRESSES": RELAY_HOST,
    "RELAY_RTP_HOST": RELAY_HOST,
    "RELAY_SIP_ADDRESS": RELAY_HOST,
    "RELAY_MAX_CPU": 10,  # never: what is asked for here is what it does with no time left
    "RELAY_RTP_MIN": 20000,
    "RELAY_RTP_MAX": 21999,
    "RELAY_CAPACITY": 2000,
}


@pytest.fixture(autouse=True)
def network() -> Iterator[Network]:
    """The test itself is on the relay's host."""
    with wired() as made:
        yield made


@pytest.fixture(params=list(FORWARDERS))
def forwarder_name(request: pytest.FixtureRequest) -> str:
    """Each in turn."""
    return cast(str, request.param)


@pytest.fixture
async def start_trial(network: Network, start_relay: StartRelay, forwarder_name: str) -> AsyncIterator[StartTrial]:
    """Start a relay with settings of one's own."""
    trials = []

    async def start(**settings: object) -> Trial:
        relay = await start_relay(**(_SETTINGS | {"RELAY_FORWARDER": forwarder_name} | settings))
        assert await relay.metric("native") == (forwarder_name == "native")
        trials.append(Trial(network, relay))
        return trials[-1]

    yield start
    for trial in trials:
        trial.close()


@pytest.fixture
async def trial(start_trial: StartTrial) -> Trial:
    """A relay with room for many calls."""
    return await start_trial()
