"""Stale media (LiveKit #741): who goes on sending when a call has ended is not heard in the next one on its ports."""

import asyncio

from tests.support.trial import PERIOD, at_rate
from tests.trials.conftest import StartTrial


async def test_the_next_call_on_the_same_ports_hears_nothing_of_the_one_before(start_trial: StartTrial) -> None:
    trial = await start_trial(RELAY_RTP_MIN=24000, RELAY_RTP_MAX=24001)
    old = await trial.call("old")
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at_rate(lambda _: old.say(), 1 / PERIOD, stop=stop))
        await trial.relay.release("old")
        new = await trial.prepare("new")
        assert new.rtp_port == old.rtp_port
        await trial.connect(new)
        await trial.dropped(10, "latch_refused")  # of the old phone alone: the new one has not spoken yet
        async with trial.talking(new) as heard:
            said = old.said
            await trial.dropped(25, "latch_refused")
            await trial.dropped(25, "unknown_source")
            assert old.said > said
        stop.set()
    assert heard.is_whole
