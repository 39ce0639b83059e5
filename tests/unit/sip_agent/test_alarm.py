"""An alarm rings once, at the time last set."""

import asyncio
import time

import pytest

from sip_agent.alarm import Alarm


class Rings:
    """When an alarm rang."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.rang = asyncio.Event()
        self.alarm = Alarm(self._ring)

    def _ring(self) -> None:
        self.at.append(time.monotonic())
        self.rang.set()

    async def wait(self) -> None:
        """Wait for the next one."""
        async with asyncio.timeout(5):
            await self.rang.wait()
        self.rang.clear()


@pytest.fixture
async def rings() -> Rings:
    return Rings()


async def test_it_rings_at_the_time_set(rings: Rings) -> None:
    due = time.monotonic() + 0.02
    rings.alarm.set(due)
    await rings.wait()
    assert rings.at[0] >= due


async def test_a_later_time_replaces_the_earlier_one(rings: Rings) -> None:
    due = time.monotonic() + 0.05
    rings.alarm.set(due - 0.04)
    rings.alarm.set(due)
    await rings.wait()
    assert len(rings.at) == 1 and rings.at[0] >= due


async def test_an_earlier_time_replaces_the_later_one(rings: Rings) -> None:
    rings.alarm.set(time.monotonic() + 3600)
    rings.alarm.set(time.monotonic() + 0.01)
    await rings.wait()
    assert len(rings.at) == 1


async def test_a_time_that_has_passed_rings_in_the_next_turn(rings: Rings) -> None:
    rings.alarm.set(time.monotonic() - 1)
    assert rings.at == []
    await rings.wait()


async def test_it_may_be_set_anew_from_its_ring() -> None:
    times: list[float] = []
    done = asyncio.Event()

    def ring() -> None:
        times.append(time.monotonic())
        if len(times) == 3:
            done.set()
        else:
            alarm.set(time.monotonic())

    alarm = Alarm(ring)
    alarm.set(time.monotonic())
    async with asyncio.timeout(5):
        await done.wait()


@pytest.mark.parametrize("stop", [lambda alarm: alarm.stop(), lambda alarm: alarm.set(None)])
async def test_stopped_it_does_not_ring(rings: Rings, stop: object) -> None:
    assert callable(stop)
    rings.alarm.set(time.monotonic() + 0.01)
    stop(rings.alarm)
    other = Rings()
    other.alarm.set(time.monotonic() + 0.03)
    await other.wait()
    assert rings.at == []
