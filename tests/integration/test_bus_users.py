"""The bus with TLS and a user for each service (deploy/nats): what is not a service's to do is refused."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import nats.errors
import pytest
from structlog.testing import capture_logs
from tests.support.call_records import call_record
from tests.support.certificates import Authority
from tests.support.nats_users import SecuredNats, secured_nats
from tests.support.until import until_so

from shared import acknowledgement
from shared.bus import Bus, expiry
from shared.errors import DeadlineExceeded, LocalError
from shared.kv import Bucket
from shared.listing import SLICE
from shared.messages import Done, Message, ReleaseMedia
from shared.records import AgentLease, EndingRecord, LifeRecord, NameRecord, RequestRecord, SessionRecord
from shared.settings import CommonSettings, StreamSettings
from shared.store import open_store
from shared.streams import open_streams
from shared.subjects import told
from shared.tasks import Tasks

SESSION = SessionRecord(
    session_id="s", aor="a@b", pod="signaling-1", agent="agent-1", epoch=1, resume_hash="", created_at=0
)

CALL = call_record("c", "s", state="ended")
ENDING = EndingRecord(call=CALL, status=486, reason="Busy Here", by="remote", ended_at=1.0)


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[SecuredNats]:
    async with secured_nats(Authority(tmp_path)) as running:
        yield running


@pytest.fixture
async def buses(secured: SecuredNats) -> AsyncIterator[dict[str, Bus]]:
    """A connection of each service."""
    users = ("signaling", "agent", "relay")
    opened = {user: await Bus.connect(CommonSettings(pod=f"{user}-1", **secured.settings(user))) for user in users}
    yield opened
    for bus in opened.values():
        await bus.aclose()


def command() -> ReleaseMedia:
    return ReleaseMedia(id="id-1", media_id="m", expires_at=expiry())


async def done(_: Message) -> Message:
    return Done()


@pytest.mark.parametrize(
    ("asks", "subject", "answers"),
    [
        ("signaling", "relay.r.cmd", "relay"),
        ("agent", "relay.r.cmd", "relay"),
        ("signaling", "agent.a.cmd", "agent"),
        ("agent", "agent.b.cmd", "agent"),
        ("relay", "agent.a.evt", "agent"),
        ("agent", "session.s.evt", "signaling"),
    ],
)
async def test_services_hear_each_other(buses: dict[str, Bus], asks: str, subject: str, answers: str) -> None:
    await buses[answers].serve(subject, done)
    await buses[answers].settle()
    assert await buses[asks].request(subject, command(), Done) == Done()


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("relay", "relay.another.cmd"),
        ("relay", "session.s.evt"),
        ("relay", "agent.a.cmd"),
        ("signaling", "agent.a.evt"),
        ("agent", "agent.a.evt"),
        ("relay", "hb.agent.agent-1"),
        ("signaling", "hb.relay.relay-1"),
        ("agent", "hb.signaling.signaling-1"),
    ],
)
async def test_a_service_speaks_for_no_other(buses: dict[str, Bus], user: str, subject: str) -> None:
    heard: asyncio.Queue[Message] = asyncio.Queue()

    async def hear(message: Message) -> Message:
        heard.put_nowait(message)
        return Done()

    owner = {"relay": "relay", "session": "signaling", "hb": "agent", "agent": "agent"}[subject.partition(".")[0]]
    await buses[owner].serve(subject, hear)
    await buses[owner].settle()
    with pytest.raises(DeadlineExceeded):
        await buses[user].request(subject, command(), Done, deadline=0.3)
    assert heard.empty()


@pytest.mark.parametrize(
    ("user", "may", "may_not"),
    [("agent", "call.started", "connection.opened"), ("signaling", "connection.opened", "call.ended")],
)
async def test_events_are_told_by_the_owner_of_what_they_speak_of(
    buses: dict[str, Bus], user: str, may: str, may_not: str
) -> None:
    await open_streams(buses[user], StreamSettings(pod=f"{user}-1"))
    assert acknowledgement.read((await buses[user].requests.ask(told(may), b"{}", 5.0)).data).seq == 1
    with pytest.raises(nats.errors.TimeoutError):
        await buses[user].requests.ask(told(may_not), b"{}", 0.3)


async def test_records_are_written_by_their_owner_alone(buses: dict[str, Bus]) -> None:
    of_agent, of_signaling = await open_store(buses["agent"]), await open_store(buses["signaling"])
    await of_signaling.sessions.create("s", SESSION)
    assert await of_agent.sessions.names() == ["s"]
    lease = AgentLease(agent="agent-1", incarnation="i", address="192.0.2.1:5060")
    await of_agent.leases.create("agent-1", lease)
    for attempt in (
        lambda: of_agent.sessions.delete("s"),
        lambda: of_signaling.leases.delete("agent-1"),
    ):
        with pytest.raises(nats.errors.TimeoutError):
            await attempt()
    assert (await of_agent.sessions.names(), await of_signaling.leases.names()) == (["s"], ["agent-1"])


async def test_who_owns_what_is_written_by_agents_alone(buses: dict[str, Bus]) -> None:
    of_agent, of_signaling = await open_store(buses["agent"]), await open_store(buses["signaling"])
    await of_agent.owned.add("i-1", "s-1")
    await of_agent.lives.create("i-1", LifeRecord(agent="agent-1", incarnation="i-1", address="192.0.2.1:5060"))
    for attempt in (lambda: of_signaling.owned.remove("i-1", "s-1"), lambda: of_signaling.lives.delete("i-1")):
        with pytest.raises(nats.errors.TimeoutError):
            await attempt()
    assert (await of_agent.owned.names("i-1"), await of_agent.lives.names()) == (["s-1"], ["i-1"])


@pytest.mark.parametrize("user", ["agent", "signaling"])
async def test_every_bucket_is_read_and_listed(buses: dict[str, Bus], user: str) -> None:
    store = await open_store(buses[user])
    assert await store.owned.names("agent-1") == []
    for bucket in (one for one in vars(store).values() if isinstance(one, Bucket)):
        assert await bucket.names() == []
        assert await bucket.get("nobody") is None


@pytest.mark.parametrize("user", ["agent", "signaling"])
async def test_no_service_makes_streams_of_its_own_or_reads_those_for_others(buses: dict[str, Bus], user: str) -> None:
    await open_streams(buses[user], StreamSettings(pod=f"{user}-1"))

    async def refused(request: str, **body: Any) -> None:
        with pytest.raises(nats.errors.TimeoutError):
            await buses[user].requests.ask(f"$JS.API.{request}", msgspec.json.encode(body), 0.3)

    await asyncio.gather(
        refused("STREAM.CREATE.mine", name="mine", subjects=["agent.*.cmd"]),
        refused("STREAM.DELETE.events"),
        refused("STREAM.MSG.GET.cdr", seq=1),
        refused("CONSUMER.CREATE.cdr", stream_name="cdr", config={"ack_policy": "explicit"}),
        refused("CONSUMER.INFO.cdr.billing"),
        refused("CONSUMER.DELETE.cdr.billing"),
    )


async def test_records_of_more_than_a_slice_are_listed_by_whoever_reads_them(buses: dict[str, Bus]) -> None:
    of_agent, of_signaling = await open_store(buses["agent"]), await open_store(buses["signaling"])
    names = {f"agent-{number}" for number in range(3 * SLICE)}
    lease = AgentLease(agent="agent-1", incarnation="i", address="192.0.2.1:5060")
    await asyncio.gather(*(of_agent.leases.create(name, lease) for name in names))
    assert set(await of_agent.leases.names()) == set(await of_signaling.leases.names()) == names


async def test_what_the_rest_api_keeps_is_written_by_signaling_and_how_calls_end_by_agents(
    buses: dict[str, Bus],
) -> None:
    of_agent, of_signaling = await open_store(buses["agent"]), await open_store(buses["signaling"])
    await of_signaling.requests.create("r", RequestRecord(fingerprint="f"), 60.0)
    await of_signaling.names.put("c", NameRecord(call_id="c", name="mine", created_at=0.0))
    await of_agent.endings.put("c", ENDING)
    ending = await of_signaling.endings.get("c")
    assert ending is not None and ending.record == ENDING
    with pytest.raises(nats.errors.TimeoutError):
        await of_signaling.endings.delete("c")


async def test_a_relay_sees_no_record(buses: dict[str, Bus]) -> None:
    await open_store(buses["agent"])
    with pytest.raises(nats.errors.TimeoutError):
        await open_store(buses["relay"])


async def refused(secured: SecuredNats, **other: str) -> list[str]:
    """Return what is logged of a connection that is not let in, once something is."""
    tasks = Tasks("stranger")
    with capture_logs() as logs:
        settings = CommonSettings(pod="stranger", **(secured.settings("relay") | other))
        connecting = tasks.spawn(Bus.connect(settings), "connect")
        await until_so(lambda: any(entry["log_level"] == "warning" for entry in logs))
        assert not connecting.done()
        await tasks.aclose()
    return [entry["error"] for entry in logs if entry["log_level"] == "warning"]


async def test_a_wrong_password_is_named(secured: SecuredNats) -> None:
    assert "Authorization Violation" in (await refused(secured, nats_password="another"))[0]


async def test_a_password_is_changed_at_one_server_after_the_other(secured: SecuredNats) -> None:
    """docs/operations.md: who has the former one stays where it is known, who has the new one finds where that is."""
    async with secured_nats(secured.authority, agent="changed") as changed:
        both = {"nats_url": f"{secured.url},{changed.url}"}
        former = await Bus.connect(CommonSettings(pod="former", **(secured.settings("agent") | both)))
        new = await Bus.connect(
            CommonSettings(pod="new", **(secured.settings("agent") | both | {"nats_password": "changed"}))
        )
        assert (former.connected, new.connected) == (True, True)
        (server,) = secured.servers
        await server.stop()  # it is renewed, say
        await until_so(lambda: not former.connected)
        await server.start()
        await until_so(lambda: former.connected)
        await former.aclose()
        await new.aclose()


async def test_a_renewed_certificate_counts_once_the_server_is_told(secured: SecuredNats, tmp_path: Path) -> None:
    settings = CommonSettings(pod="p", **secured.settings("agent"))
    former = await Bus.connect(settings)
    # Another authority, and what it has issued, in the place of the former files.
    Authority(tmp_path).issue("127.0.0.1")
    tasks = Tasks("newcomer")
    with capture_logs() as logs:
        connecting = tasks.spawn(Bus.connect(settings), "connect")
        await until_so(lambda: any("CERTIFICATE_VERIFY_FAILED" in entry.get("error", "") for entry in logs))
    (server,) = secured.servers
    server.reload()
    bus = await connecting  # it has tried again
    assert (former.connected, former.reconnects) == (True, 0)
    await former.aclose()
    await bus.aclose()
    await tasks.aclose()


async def test_a_server_that_is_not_believed_is_named(secured: SecuredNats, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    assert "CERTIFICATE_VERIFY_FAILED" in (await refused(secured, nats_ca=str(other.certificate)))[0]


async def test_a_file_that_is_not_there_is_named(secured: SecuredNats) -> None:
    with pytest.raises(LocalError, match="CORDBOARD_NATS_CA"):
        await Bus.connect(CommonSettings(pod="p", **(secured.settings("relay") | {"nats_ca": "/nowhere.pem"})))
