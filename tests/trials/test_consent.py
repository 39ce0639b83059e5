"""Consent freshness (RFC 7675): a browser that stops checking is not sent to any more after 30 s."""

import asyncio

import pytest
from tests.support.trial import PERIOD, Trial, at_rate

from shared.messages import MediaFailed

CONSENT_SECONDS = 30.0
LATE = 3.0  # a loaded machine


@pytest.mark.timeout(90)
async def test_media_stops_when_checks_have_stopped_for_thirty_seconds(trial: Trial) -> None:
    loop = asyncio.get_running_loop()
    stays, goes = await trial.call("stays"), await trial.call("goes")
    await goes.browser.check()
    last_check = loop.time()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at_rate(lambda _: stays.browser.send_check(), 0.4, stop=stop))
        tasks.create_task(at_rate(lambda _: goes.say(), 1 / PERIOD, stop=stop))
        async with trial.talking(stays) as heard:
            failed = await asyncio.wait_for(trial.relay.events.get(), CONSENT_SECONDS + LATE)
            elapsed = loop.time() - last_check
            assert failed == MediaFailed(media_id="goes", call_id="call-goes", reason="consent")
            for reason in ("not_connected", "unknown_source"):  # so what was sent before has come
                await trial.dropped(1, reason)
            at_end = goes.browser.rtp.qsize(), goes.rtp.received.qsize()
            await trial.dropped(50, "not_connected")
            await trial.dropped(50, "unknown_source")
        stop.set()
    assert CONSENT_SECONDS - 0.1 <= elapsed <= CONSENT_SECONDS + LATE
    assert at_end[0] > 1000
    assert (goes.browser.rtp.qsize(), goes.rtp.received.qsize()) == at_end
    assert heard.said > 1000
    assert heard.missing == 0
    assert await trial.relay.counted('browsers_lost_total{reason="consent"}') == 1
