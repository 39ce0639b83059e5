"""Two joined calls whose relay is gone: they meet, and a relay takes both or neither."""

import asyncio
import random
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.bus import Bus
from shared.errors import NoOwner, RemoteError
from shared.messages import Done, Heartbeat, MediaAllocated, MediaRef, Message, RebuildMedia, ReleaseMedia
from shared.presence import Presence
from shared.tasks import Tasks
from sip_agent.calls.rebuilding import Meeting, Rebuilding
from sip_agent.core.call.call import Call
from sip_agent.core.call.facts import CallFacts
from sip_agent.services import Services


class Relays:
    """Take what they are asked for, but what a test refuses; note who was asked for what."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, bool]] = []  # by call, whether it is joined
        self.released: list[str] = []
        self.refuse: set[tuple[str, str]] = set()  # by relay and call
        self.is_released = asyncio.Event()

    async def request(self, subject: str, command: Message, reply: Any, deadline: float = 1.0) -> Message:
        relay = subject.split(".")[1]
        if isinstance(command, ReleaseMedia):
            self.released.append(relay)
            self.is_released.set()
            return Done()
        assert isinstance(command, RebuildMedia) and command.is_headless
        if (relay, command.call_id) in self.refuse:
            raise NoOwner(subject)
        self.made.append((relay, command.call_id, bool(command.joined_to)))
        return MediaAllocated(media=MediaRef(relay=relay, media_id=command.media_id))


def heartbeat(relay: str, load: int = 0) -> Heartbeat:
    return Heartbeat(kind="relay", pod=relay, load=load, capacity=10, incarnation="i-1")


class Place:
    """An agent that hears of two relays, and its two calls."""

    def __init__(self, tasks: Tasks) -> None:
        self.relays = Relays()
        presence = Presence(random.Random(1))
        now = asyncio.get_running_loop().time()
        for relay in ("relay-1", "relay-2"):
            presence.hear(heartbeat(relay), now)
        self.presence, self.now = presence, now
        self._services = SimpleNamespace(
            bus=cast(Bus, self.relays), relays=presence, tasks=tasks, agent="agent-1", settings=None
        )
        self.first, self.second = self._call("c-1", 1.0), self._call("c-2", 2.0)

    def _call(self, call_id: str, created_at: float) -> Rebuilding:
        stands = SimpleNamespace(local_sdp="ours", remote_sdp="theirs")
        core = SimpleNamespace(
            facts=CallFacts(call_id, "s-1", "outgoing", "sip:a@b", "sip:c@d", created_at),
            sip_call_id=call_id,
            is_answered=True,
            local_hold=False,
            saved=lambda now: stands,
        )
        return Rebuilding(cast(Services, self._services), 1, call_id, cast(Call, core), is_headless=True)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    tasks = Tasks("test")
    yield Place(tasks)
    await tasks.aclose()


@pytest.mark.parametrize("first_comes_first", [True, False])
async def test_the_one_that_was_called_last_is_made_first_and_the_other_is_joined_with_it(
    place: Place, first_comes_first: bool
) -> None:
    meeting = Meeting()
    calls = (place.first, place.second) if first_comes_first else (place.second, place.first)
    made = await asyncio.gather(*(meeting.rebuild(call) for call in calls))
    (one, _, _), _ = place.relays.made
    assert place.relays.made == [(one, "c-2", False), (one, "c-1", True)]
    assert [each.media.relay for each in made] == [one, one]
    assert made[0].media != made[1].media


async def test_a_relay_that_takes_only_one_of_them_is_not_used(place: Place) -> None:
    meeting = Meeting()
    await asyncio.gather(meeting.rebuild(place.first), meeting.rebuild(place.second))
    chosen = place.relays.made.pop()[0]
    place.relays.made.clear()
    place.relays.refuse = {(chosen, "c-1")}
    made = await asyncio.gather(meeting.rebuild(place.first), meeting.rebuild(place.second))
    assert {each.media.relay for each in made} == {"relay-1", "relay-2"} - {chosen}
    await place.relays.is_released.wait()
    assert place.relays.released == [chosen]


@pytest.mark.parametrize(("loads", "asked"), [((10, 10), {"relay-1", "relay-2"}), ((10, 9), {"relay-2"})])
async def test_calls_go_on_at_relays_without_room_where_no_other_has_any(
    place: Place, loads: tuple[int, int], asked: set[str]
) -> None:
    for relay, load in zip(("relay-1", "relay-2"), loads, strict=True):
        place.presence.hear(heartbeat(relay, load), place.now)
    for number in range(8):  # each at the relay that ranks highest for it
        place.first.core.sip_call_id = f"call-{number}"
        await place.first.alone()
    assert {relay for relay, *_ in place.relays.made} == asked


async def test_both_hear_that_no_relay_takes_them_and_may_come_again(place: Place) -> None:
    meeting = Meeting()
    place.relays.refuse = {(relay, "c-2") for relay in ("relay-1", "relay-2")}
    refused = await asyncio.gather(meeting.rebuild(place.first), meeting.rebuild(place.second), return_exceptions=True)
    assert [isinstance(each, RemoteError) and each.status for each in refused] == [503, 503]
    place.relays.refuse.clear()
    await asyncio.gather(meeting.rebuild(place.first), meeting.rebuild(place.second))


async def test_who_comes_alone_does_not_wait_for_ever(place: Place) -> None:
    with pytest.raises(RemoteError) as refused:
        await Meeting().rebuild(place.first)
    assert refused.value.status == 504
    assert place.relays.made == []
