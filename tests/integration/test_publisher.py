"""What a pod tells other services, against a real NATS server that may go away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from nats.js.errors import NotFoundError
from prometheus_client import REGISTRY
from tests.support.nats import stoppable_nats_server
from tests.support.signaling import eventually
from tests.support.until import until

from shared.bus import Bus
from shared.messages import stream
from shared.publisher import RULES, Publisher
from shared.settings import CommonSettings, StreamSettings
from shared.streams import CDR, EVENTS, open_streams

SESSION: dict[str, Any] = {"session_id": "s-1", "account": "alice@example.org"}
CALL: dict[str, Any] = {**SESSION, "direction": "outgoing", "caller": "sip:a@b", "callee": "sip:c@d"}


@contextlib.asynccontextmanager
async def connected(url: str, pod: str = "agent-1") -> AsyncIterator[tuple[Bus, Publisher]]:
    settings = StreamSettings(nats_url=url, pod=pod)
    bus = await Bus.connect(settings)
    await open_streams(bus, settings)
    publisher = Publisher(bus, pod, "i-1", is_on=True)
    yield bus, publisher
    await publisher.aclose(0.1)
    await bus.aclose()


@pytest.fixture
async def told(nats_url: str) -> AsyncIterator[tuple[Bus, Publisher]]:
    async with connected(nats_url) as both:
        yield both


def ended(call_id: str, status: int = 200) -> stream.CallEnded:
    return stream.CallEnded(
        **CALL,
        call_id=call_id,
        **{"id": call_id, "at": 2.0, "pod": "agent-1", "started_at": 1.0, "ended_at": 2.0, "duration": 0.0},
        status=status,
        reason="OK",
        by="remote",
        agent="agent-1",
    )


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("cordboard_events_total", {"result": result}) or 0.0


async def stored(bus: Bus, name: str, count: int) -> list[stream.AnyTold]:
    """Return what a stream has, once that are `count` events."""
    js = bus.jetstream()

    async def are_there() -> bool:
        return bool((await js.stream_info(name)).state.messages >= count)

    await until(are_there)
    info = await js.stream_info(name)
    assert info.state.messages == count
    first = info.state.first_seq
    return [stream.decode((await js.get_msg(name, seq)).data or b"") for seq in range(first, first + count)]


async def test_events_are_stored_in_their_order_each_under_its_kind(told: tuple[Bus, Publisher]) -> None:
    bus, publisher = told
    for number in range(3):
        publisher.tell_now(stream.CallStarted, **CALL, call_id=f"c-{number}")
    publisher.tell_now(stream.ConnectionOpened, **SESSION)
    events = await stored(bus, EVENTS, 4)
    assert [event.call_id for event in events[:3] if isinstance(event, stream.CallStarted)] == ["c-0", "c-1", "c-2"]
    assert isinstance(events[3], stream.ConnectionOpened) and events[3].pod == "agent-1"
    info = await bus.jetstream().streams_info()
    subjects = {one.config.name: one.config.subjects for one in info if one.config.name in (EVENTS, CDR)}
    assert subjects == {EVENTS: ["events.>"], CDR: None}
    assert (await bus.jetstream().get_last_msg(EVENTS, "events.connection.opened")).seq == 4


async def test_one_record_is_kept_of_a_call_whoever_tells_its_end_and_however_often(nats_url: str) -> None:
    async with connected(nats_url, "agent-1") as (bus, first), connected(nats_url, "agent-2") as (_, second):
        first.tell_now(stream.CallStarted, **CALL, call_id="c-1")
        assert await first.record(ended("c-1"))
        assert await second.record(ended("c-1", 408))
        assert await second.record(ended("c-2"))
        records = await stored(bus, CDR, 2)
    assert [(one.call_id, one.status) for one in records if isinstance(one, stream.CallEnded)] == [
        ("c-1", 200),
        ("c-2", 200),
    ]


async def test_a_stream_that_is_away_holds_nobody_up_and_has_everything_once_it_is_back() -> None:
    async with stoppable_nats_server() as server, connected(server.url) as (bus, publisher):
        assert await publisher.record(ended("c-1"))
        await server.stop()
        await eventually(lambda: not bus.connected)
        retried = counted("retried")
        first = publisher.record(ended("c-2"))
        async with asyncio.timeout(1):
            assert not await first
            assert not await publisher.record(ended("c-3"))  # at once: it is known to be away
        assert counted("retried") > retried
        await server.start()
        records = await stored_when_back(bus, 3)
        assert [one.id for one in records] == ["c-1", "c-2", "c-3"]


async def stored_when_back(bus: Bus, count: int) -> list[stream.AnyTold]:
    await eventually(lambda: bus.connected)
    return await stored(bus, CDR, count)


async def test_a_stream_that_somebody_has_removed_is_missed_and_counted(told: tuple[Bus, Publisher]) -> None:
    bus, publisher = told
    await bus.jetstream().delete_stream(CDR)
    await bus.jetstream().delete_stream(EVENTS)
    retried = counted("retried")
    assert not await publisher.record(ended("c-1"))
    assert counted("retried") == retried + 1
    with pytest.raises(NotFoundError):
        await bus.jetstream().stream_info(EVENTS)
    await open_streams(bus, StreamSettings(pod="agent-1"))
    assert [one.id for one in await stored(bus, CDR, 1)] == ["c-1"]


async def test_what_the_server_refuses_for_good_is_counted_and_holds_up_nothing(told: tuple[Bus, Publisher]) -> None:
    bus, publisher = told
    config = (await bus.jetstream().stream_info(EVENTS)).config
    config.max_msg_size = 400
    await bus.jetstream().update_stream(config)
    refused = counted("refused")
    await publisher.record(ended("c-1" * 200))
    publisher.tell_now(stream.ConnectionOpened, **SESSION)
    (event,) = await stored(bus, EVENTS, 1)
    assert isinstance(event, stream.ConnectionOpened) and counted("refused") == refused + 1


async def test_what_finds_no_room_is_dropped_and_counted() -> None:
    async with stoppable_nats_server() as server, connected(server.url) as (bus, publisher):
        await server.stop()
        await eventually(lambda: not bus.connected)
        dropped = counted("dropped")
        for _ in range(RULES.most + 3):
            publisher.tell_now(stream.ConnectionOpened, **SESSION)
        assert counted("dropped") == dropped + 3
        assert not await publisher.record(ended("c-1"))
        await server.start()


async def test_where_events_are_off_nothing_is_told(nats_url: str) -> None:
    bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod="agent-1"))
    publisher = Publisher(bus, "agent-1", "i-1", is_on=False)
    publisher.tell_now(stream.ConnectionOpened, **SESSION)
    assert not await publisher.record(ended("c-1"))
    await publisher.aclose()
    assert await bus.jetstream().streams_info() == []
    await bus.aclose()
