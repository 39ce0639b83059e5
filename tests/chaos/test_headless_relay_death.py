"""A relay dies or drains under calls without a browser: phones that are joined, and one that is played a sound.

The session's agent is the first of two, so that it may die as well.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.baresip import Baresip, baresip
from tests.support.headless import HeadlessSession, write_tone
from tests.support.services import Cordboard, Pod, cordboard
from tests.support.until import until

from shared.messages import CallEnded, CallEstablished, HangupCall, SecondParty, Sound

BELL, BELL_HZ = Sound(name="bell.wav", is_looped=True), 1000
BOB_HZ, CAROL_HZ = 620, 880
End = Callable[[Pod], Awaitable[None]]
ENDS = pytest.mark.parametrize("end", [Pod.kill, Pod.stop], ids=["kill -9", "drain"])


@dataclass
class Stage:
    """A cluster with two relays, and a session whose calls are all at the first of them."""

    cluster: Cordboard
    alice: HeadlessSession
    bob: Baresip
    carol: Baresip
    calls: int = 0

    async def call(self, call_id: str, **fields: Any) -> None:
        """Call bob, who answers."""
        await self.alice.call(call_id, "bob", **fields)
        await self.answered(self.bob, call_id)

    async def answered(self, phone: Baresip, call_id: str) -> None:
        """Let a phone answer."""
        await phone.wait_for_ring()
        await phone.accept()
        await self.alice.expect(CallEstablished, lambda event: event.call_id == call_id)
        self.calls += 1

    async def all_at(self, relay: Pod) -> None:
        """Wait until the records say that every call is at that relay for good."""

        async def are_there() -> bool:
            store = self.cluster.store
            entries = [await store.calls.get(name) for name in await store.calls.names()]
            records = [entry.record for entry in entries if entry]
            places = [(one.media and one.media.relay, one.is_moving) for one in records]
            return places == [(relay.name, False)] * self.calls  # a record that is being written may be in no list

        await until(are_there, 15)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    write_tone(tmp_path / "bell.wav", BELL_HZ, 0.5)
    async with contextlib.AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(
            cordboard(signaling=0, agents=2, relays=2, RELAY_SOUNDS_DIR=str(tmp_path))
        )
        await cluster.agents[0].process.wait_for_output("relays are judged")
        port = cluster.agents[1].port  # which outlives the other one
        phones = [
            await stack.enter_async_context(
                baresip(user, cluster.users[user], cluster.domain, port, frequency=frequency, codecs="pcmu,pcma")
            )
            for user, frequency in (("bob", BOB_HZ), ("carol", CAROL_HZ))
        ]
        alice = HeadlessSession(cluster, "alice")
        await alice.open()
        yield Stage(cluster, alice, *phones)


@ENDS
async def test_two_phones_that_are_joined_hear_each_other_by_another_relay(stage: Stage, end: End) -> None:
    await stage.call("c-1", second=SecondParty(call_id="c-2", callee="carol"))
    await stage.answered(stage.carol, "c-2")
    await asyncio.gather(stage.bob.wait_for_other_tone(CAROL_HZ), stage.carol.wait_for_tone(BOB_HZ))
    await end(stage.cluster.relays[0])
    await stage.all_at(stage.cluster.relays[1])
    await asyncio.gather(stage.bob.wait_for_tone(CAROL_HZ), stage.carol.wait_for_tone(BOB_HZ))
    await stage.carol.hang_up()
    ends = [await stage.alice.expect(CallEnded), await stage.alice.expect(CallEnded)]
    assert [(end.call_id, end.status, end.by) for end in ends] == [("c-2", 200, "remote"), ("c-1", 200, "system")]


@ENDS
async def test_a_phone_that_is_played_a_sound_hears_it_by_another_relay(stage: Stage, end: End) -> None:
    await stage.call("c-1", sound=BELL)
    await stage.bob.wait_for_tone(BELL_HZ)
    await end(stage.cluster.relays[0])
    await stage.all_at(stage.cluster.relays[1])
    await stage.bob.wait_for_tone(BELL_HZ)
    await stage.alice.do(HangupCall, "c-1")
    await stage.bob.wait_for_end()


async def test_they_do_so_if_their_agent_dies_together_with_the_relay(stage: Stage) -> None:
    await stage.call("c-1", second=SecondParty(call_id="c-2", callee="carol"))
    await stage.answered(stage.carol, "c-2")
    await asyncio.gather(stage.bob.wait_for_other_tone(CAROL_HZ), stage.carol.wait_for_tone(BOB_HZ))
    await asyncio.gather(stage.cluster.relays[0].kill(), stage.cluster.agents[0].kill())
    await stage.all_at(stage.cluster.relays[1])
    await asyncio.gather(stage.bob.wait_for_tone(CAROL_HZ), stage.carol.wait_for_tone(BOB_HZ))
    await stage.bob.hang_up()
    await stage.carol.wait_for_end()
