"""A relay that is told to stop: it forwards until its sessions are elsewhere, or its time is over."""

import asyncio
import signal

import pytest
from tests.support.media_relay import Ends, Relay, StartRelay, ends, outgoing_call, start_relay
from tests.support.rtp_packets import rtp_packet

from shared.errors import RemoteError

__all__ = ["ends", "start_relay"]  # fixtures

DRAIN_SECONDS = 20
AT_ONCE = DRAIN_SECONDS / 2  # for a loaded machine


@pytest.fixture
async def relay(start_relay: StartRelay) -> Relay:
    return await start_relay(RELAY_DRAIN_SECONDS=DRAIN_SECONDS)


async def told_to_stop(relay: Relay) -> None:
    relay.process.send_signal(signal.SIGTERM)
    await relay.beat(lambda one: one.draining)


async def test_it_forwards_until_its_last_session_is_released(relay: Relay, ends: Ends) -> None:
    port = await outgoing_call(relay, ends)
    await told_to_stop(relay)
    ends.rtp.send(rtp_packet(payload_type=111), port)
    await ends.browser.receive_rtp()
    with pytest.raises(RemoteError) as refused:
        await relay.allocate("m2")
    assert refused.value.status == 503
    assert relay.process.alive
    await relay.release()
    assert await asyncio.wait_for(relay.process.wait(), AT_ONCE) == 0


async def test_it_leaves_when_its_time_is_over(start_relay: StartRelay, ends: Ends) -> None:
    relay = await start_relay(RELAY_DRAIN_SECONDS=2)
    await outgoing_call(relay, ends)
    begin = asyncio.get_running_loop().time()  # what tells that it drains may come late
    await told_to_stop(relay)
    assert await asyncio.wait_for(relay.process.wait(), 10) == 0
    assert asyncio.get_running_loop().time() - begin > 1.9
    await asyncio.wait_for(ends.browser.ended.wait(), 5)  # its page is told


async def test_it_leaves_at_once_where_it_has_nothing(relay: Relay) -> None:
    await told_to_stop(relay)
    assert await asyncio.wait_for(relay.process.wait(), AT_ONCE) == 0
