"""The bus against a real NATS server."""

import asyncio
import time
from collections.abc import AsyncIterator

import nats
import nats.errors
import pytest
from msgspec import UNSET
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from tests.support.nats import nats_server
from tests.support.until import until_so

from shared import presence
from shared.bus import Bus, expiry
from shared.clocks import TOLD_EVERY
from shared.errors import DeadlineExceeded, NoOwner, RemoteError
from shared.kv import Conflict
from shared.messages import Done, Heartbeat, Message, ReleaseMedia, encode
from shared.records import AgentLease, LocationRecord
from shared.settings import CommonSettings
from shared.store import open_store
from shared.tasks import Tasks


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    bus = await Bus.connect(CommonSettings(nats_url=nats_url, pod="test"))
    yield bus
    await bus.aclose()


def command(command_id: str = "id-1", **more: float) -> ReleaseMedia:
    return ReleaseMedia(id=command_id, media_id="m", **({"expires_at": expiry()} | more))


async def known(client: nats.NATS) -> None:
    """Return once the server knows what the client has subscribed to; `flush` of nats-py 2.16 may overtake that."""
    with pytest.raises(nats.errors.NoRespondersError):
        await client.request(client.new_inbox(), b"")


async def test_nobody_there_is_told_apart_from_no_reply(bus: Bus) -> None:
    with pytest.raises(NoOwner):
        await bus.request("relay.gone.cmd", command(), Done)

    async def silent(_: Message) -> Message:
        raise AssertionError("a stale command reached the handler")

    await bus.serve("relay.here.cmd", silent)
    with pytest.raises(DeadlineExceeded):
        await bus.request("relay.here.cmd", command(expires_at=time.time() - 1), Done, deadline=0.2)


async def test_a_repeated_command_is_carried_out_once(bus: Bus) -> None:
    seen: list[Message] = []

    async def handler(message: Message) -> Message:
        seen.append(message)
        return Done()

    await bus.serve("relay.r.cmd", handler)
    for _ in range(3):
        assert await bus.request("relay.r.cmd", command(), Done) == Done()
    assert len(seen) == 1


async def test_a_command_that_is_lost_on_its_way_is_sent_again(bus: Bus, nats_url: str) -> None:
    came: list[str] = []
    client = await nats.connect(nats_url)

    async def lose_the_first(msg: Msg) -> None:
        came.append(msg.reply)
        if len(came) > 1:
            await msg.respond(encode(Done()))

    await client.subscribe("relay.r.cmd", cb=lose_the_first)
    await known(client)
    assert await bus.request("relay.r.cmd", command(), Done, deadline=2.0) == Done()
    assert len(came) == 2
    await client.close()


async def test_what_an_owner_did_that_heard_a_command_and_died_is_not_known(bus: Bus, nats_url: str) -> None:
    client = await nats.connect(nats_url)
    heard = asyncio.Event()

    async def hear(_: Msg) -> None:
        heard.set()

    subscription = await client.subscribe("relay.r.cmd", cb=hear)
    await known(client)
    asked = asyncio.ensure_future(bus.request("relay.r.cmd", command(), Done, deadline=1.0))
    await heard.wait()
    await subscription.unsubscribe()
    with pytest.raises(DeadlineExceeded):
        await asked
    await client.close()


async def test_an_error_in_a_handler_is_a_refusal(bus: Bus) -> None:
    async def theirs(_: Message) -> Message:
        raise RemoteError(486, "Busy Here")

    async def ours(_: Message) -> Message:
        raise ValueError("a bug")

    await bus.serve("relay.theirs.cmd", theirs)
    await bus.serve("relay.ours.cmd", ours)
    with pytest.raises(RemoteError, match="486 Busy Here"):
        await bus.request("relay.theirs.cmd", command("a"), Done)
    with pytest.raises(RemoteError, match="500"):
        await bus.request("relay.ours.cmd", command("b"), Done)


async def test_only_one_of_two_writers_wins(bus: Bus) -> None:
    store = await open_store(bus)
    lease = AgentLease(agent="a", incarnation="1", address="127.0.0.1:5060")
    revision = await store.leases.create("a.b@c", lease)
    with pytest.raises(Conflict):
        await store.leases.create("a.b@c", lease)
    assert await store.leases.names() == ["a.b@c"]
    newer = await store.leases.update("a.b@c", lease, revision)
    with pytest.raises(Conflict):
        await store.leases.update("a.b@c", lease, revision)
    entry = await store.leases.get("a.b@c")
    assert entry is not None and entry.record == lease and entry.revision == newer
    await store.leases.delete("a.b@c", newer)
    assert await store.leases.get("a.b@c") is None
    assert await store.leases.names() == []
    assert await store.leases.create("a.b@c", lease)


async def test_a_bus_whose_server_is_gone_can_be_left() -> None:
    async with nats_server() as url:
        bus = await Bus.connect(CommonSettings(nats_url=url, pod="test"))
    await bus.aclose()
    assert not bus.connected


async def test_a_record_is_deleted_only_at_the_revision_that_is_the_newest(bus: Bus) -> None:
    leases = (await open_store(bus)).leases
    lease = AgentLease(agent="a", incarnation="i", address="h:1")
    old = await leases.create("a", lease)
    new = await leases.update("a", lease, old)
    with pytest.raises(Conflict):
        await leases.delete("a", old)
    await leases.delete("a", new)
    assert await leases.get("a") is None


async def test_deleted_records_leave_nothing_behind(bus: Bus) -> None:
    js = bus.jetstream()
    locations = (await open_store(bus)).locations
    for number in range(5):
        record = LocationRecord(aor=str(number))
        revision = await locations.create(record.aor, record)
        await locations.delete(record.aor, revision if number % 2 else None)
        await locations.create(record.aor, record)  # at once, over the marker
        await locations.delete(record.aor)
    assert await emptied(js, "KV_locations")


async def emptied(js: JetStreamContext, stream: str) -> bool:
    """Wait until the server has removed the markers, which it does when they are due; fail after 15 s."""
    async with asyncio.timeout(15):
        while (await js.stream_info(stream)).state.messages:
            await js.account_info()  # a round trip each turn
    return True


async def test_a_pod_whose_clock_differs_is_named(bus: Bus) -> None:
    async def ignore(_: Message) -> None:
        return None

    def difference() -> float | None:
        return REGISTRY.get_sample_value("cordboard_clock_difference_seconds")

    await bus.serve("hb.relay.*", ignore)
    with capture_logs() as logs:
        for pod, ahead in (("relay-1", 0.0), ("relay-2", 2.0)):
            beat = Heartbeat(kind="relay", pod=pod, load=0, capacity=1, at=time.time() + ahead)
            await bus.publish(f"hb.relay.{pod}", beat)
        await until_so(lambda: (difference() or 0.0) > 1.5)
    assert [entry["pod"] for entry in logs if entry["log_level"] == "warning"] == ["relay-2"]


async def test_a_heartbeat_tells_the_time_now_and_then(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.presence.PERIOD", 0.001)
    heard: list[Message] = []

    async def hear(message: Message) -> None:
        heard.append(message)

    await bus.serve("hb.relay.*", hear)
    tasks = Tasks("test")
    tasks.spawn(presence.beat(bus, lambda: Heartbeat(kind="relay", pod="relay-1", load=0, capacity=1)), "beat")
    await until_so(lambda: len(heard) >= 2 * TOLD_EVERY)
    await tasks.aclose()
    times = [beat.at for beat in heard[:TOLD_EVERY] if isinstance(beat, Heartbeat)]
    assert isinstance(times[0], float) and abs(times[0] - time.time()) < 10 and times[1:] == [UNSET] * (TOLD_EVERY - 1)
