"""Thousands of sessions come and go while others talk: nothing is lost, nothing stays, and freed ports rest."""

import asyncio
from itertools import count, pairwise

import pytest
from tests.support.descriptions import phone
from tests.support.pace import spend
from tests.support.trial import Trial, at_rate
from tests.support.until import until_so
from tests.trials.conftest import StartTrial

from media_relay.core.description.sdp import parse

RATE, SECONDS, PERIODS = 200, 5.0, 3
AT_ONCE = 150  # then a machine that is too slow for the rate takes longer
LIFETIME, QUARANTINE = 0.25, 2.0
PAIRS = 800  # more than 200 a second use and 2 s keep, so that each serves again
TALKING = 20
WHOLE_PERIOD = 0.05
GROWTH_KIB = 4096  # in a period; of 1000 sessions each would have kept less than what an SRTP session takes


class Churn:
    """Sessions that live for a moment, and when each port was taken and given back."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._free_since: dict[int, float] = {}
        self._phone = phone("audio 4000 RTP/AVP 0", host=trial.network.phone.address)
        self._places = asyncio.Semaphore(AT_ONCE)
        self.shortest_rest = float("inf")
        self.reused = self.done = 0

    async def session(self, number: int) -> None:
        """Let one come and go, as soon as there is a place."""
        async with self._places:
            await self._come_and_go(number)

    async def _come_and_go(self, number: int) -> None:
        loop, media_id = asyncio.get_running_loop(), f"short-{number}"
        allocated = await self._trial.relay.allocate(media_id, browser_sdp=self._trial.audio_offer)
        assert allocated.sip_sdp is not None
        port = parse(allocated.sip_sdp).media[0].port
        if port in self._free_since:
            self.shortest_rest = min(self.shortest_rest, loop.time() - self._free_since[port])
            self.reused += 1
        await self._trial.relay.answer("sip", self._phone, media_id)
        await spend(LIFETIME)
        self._free_since[port] = loop.time()
        await self._trial.relay.release(media_id)
        self.done += 1

    def rested_less_than(self, seconds: float) -> int:
        """How many ports were given back so lately."""
        now = asyncio.get_running_loop().time()
        return sum(now - since < seconds for since in self._free_since.values())

    async def run(self, first: int, seconds: float) -> None:
        """Start `RATE` a second, and see the last one end."""
        async with asyncio.TaskGroup() as tasks:
            await at_rate(lambda number: tasks.create_task(self.session(first + number)), RATE, seconds)


async def come_and_go(trial: Trial, stop: asyncio.Event) -> int:
    """Let whole calls, with handshakes and media, come and go, one at a time; return how many."""
    for number in count():
        if stop.is_set():
            return number
        await trial.release(await trial.call(f"whole-{number}"))
        await spend(WHOLE_PERIOD)
    raise AssertionError


@pytest.mark.timeout(180)
async def test_sessions_that_come_and_go_cost_the_others_nothing_and_leave_nothing(start_trial: StartTrial) -> None:
    trial = await start_trial(
        RELAY_RTP_MIN=24000, RELAY_RTP_MAX=24000 + 2 * PAIRS - 1, RELAY_QUARANTINE_SECONDS=QUARANTINE
    )
    calls = [await trial.call(f"m{number}") for number in range(TALKING)]
    descriptors = trial.descriptors()
    churn = Churn(trial)
    stop = asyncio.Event()
    async with trial.talking(*calls) as heard, asyncio.TaskGroup() as tasks:
        whole = tasks.create_task(come_and_go(trial, stop))
        resident = []
        for period in range(PERIODS):
            await churn.run(int(period * RATE * SECONDS), SECONDS)
            resident.append(trial.resident_kib())
        resting = await trial.relay.metric("ports_quarantined")
        lately = churn.rested_less_than(QUARANTINE)  # after it: whatever the answer takes, these were resting then
        stop.set()
    assert heard.is_whole
    assert churn.done == PERIODS * RATE * SECONDS
    assert whole.result() > 0
    assert churn.reused > 0
    assert churn.shortest_rest >= QUARANTINE
    assert 0 < lately <= resting
    await until_so(lambda: trial.descriptors() == descriptors)  # the connection of who asked it last is closed aside
    # What leaks leaks in every period; more of them alive at once than before, on a machine that is held up, do not.
    assert min(after - before for before, after in pairwise(resident)) < GROWTH_KIB
    assert (await trial.relay.metric("sessions_active"), await trial.relay.metric("ports_used")) == (TALKING, TALKING)
    async with asyncio.timeout(10):
        while await trial.relay.metric("ports_free") != PAIRS - TALKING:
            await trial.relay.beats.get()
