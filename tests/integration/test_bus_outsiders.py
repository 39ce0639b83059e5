"""Users of NATS who are no service (deploy/nats): an operator does what the run-books say, a reader reads streams."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import nats.errors
import pytest
from structlog.testing import capture_logs
from tests.integration.test_publisher import ended
from tests.support.certificates import Authority
from tests.support.nats_users import PASSWORDS, SecuredNats, secured_nats
from tests.support.processes import start
from tests.support.until import until_so

from shared.bus import Bus
from shared.messages import Message
from shared.publisher import Publisher
from shared.settings import CommonSettings, StreamSettings
from shared.store import open_store
from shared.streams import CDR, EVENTS, open_streams

DOCS = Path(__file__).parents[2] / "docs"
OPENED = {"events", "cdr", "KV_owned", "KV_lives", "KV_sessions", "KV_accounts"}  # and others


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[SecuredNats]:
    async with secured_nats(Authority(tmp_path)) as running:
        yield running


@pytest.fixture
async def buses(secured: SecuredNats) -> AsyncIterator[dict[str, Bus]]:
    """Connections of an agent, which has made the buckets and streams, of an operator and of a reader."""
    users = ("agent", "operator", "reader")
    opened = {user: await Bus.connect(CommonSettings(pod=f"{user}-1", **secured.settings(user))) for user in users}
    await open_store(opened["agent"])
    await open_streams(opened["agent"], StreamSettings(pod="agent-1"))
    yield opened
    for bus in opened.values():
        await bus.aclose()


async def let_through(bus: Bus, *subjects: str) -> set[str]:
    """Return the subjects that are not refused: what is let through is answered, or has no responder."""

    async def is_let_through(subject: str) -> bool:
        try:
            await bus.requests.ask(subject, b"{}", 0.3)
        except nats.errors.NoRespondersError:
            return True
        except nats.errors.TimeoutError:
            return False
        return True

    answers = await asyncio.gather(*(is_let_through(subject) for subject in subjects))
    return {subject for subject, answer in zip(subjects, answers, strict=True) if answer}


async def unheard(message: Message) -> None:
    raise AssertionError(message)


async def test_an_operator_looks_at_streams_and_edits_them(buses: dict[str, Bus]) -> None:
    js = buses["operator"].jetstream()
    assert {one.config.name for one in await js.streams_info()} >= OPENED
    assert (await js.account_info()).streams > len(OPENED)
    for name in (EVENTS, "KV_leases"):
        config = (await js.stream_info(name)).config
        config.max_age = 3600.0
        assert (await js.update_stream(config)).config.max_age == 3600.0


async def test_an_operator_deletes_what_an_older_version_must_not_find(buses: dict[str, Bus]) -> None:
    js = buses["operator"].jetstream()
    for bucket in ("owned", "lives"):
        assert await js.delete_stream(f"KV_{bucket}")
    assert not await let_through(
        buses["operator"], *(f"$JS.API.STREAM.DELETE.{name}" for name in ("KV_sessions", EVENTS, CDR))
    )


async def test_an_operator_sees_no_record_and_has_no_part_in_the_bus(buses: dict[str, Bus]) -> None:
    assert not await let_through(
        buses["operator"],
        "$JS.API.STREAM.MSG.GET.KV_accounts",
        "$JS.API.CONSUMER.CREATE.KV_accounts",
        "$JS.API.CONSUMER.CREATE.KV_accounts.mine",
        "$JS.API.STREAM.CREATE.mine",
        "$JS.API.STREAM.UPDATE.mine",
        "$JS.API.STREAM.PURGE.events",
        "$KV.accounts.s-1",
        "agent.agent-1.cmd",
        "events.call.ended",
    )


@pytest.mark.parametrize("user", ["operator", "reader"])
async def test_an_outsider_hears_no_service(buses: dict[str, Bus], user: str) -> None:
    for subject in ("hb.agent.*", "agent.*.cmd", "session.*.evt", "$KV.sessions.>"):
        with capture_logs() as logs:
            await buses[user].serve(subject, unheard)
            await until_so(lambda: any("for subscription" in entry.get("error", "") for entry in logs))
    with pytest.raises(nats.errors.NoRespondersError):
        await buses["agent"].requests.ask("hb.agent.agent-1", b"{}", 1.0)


async def test_a_reader_changes_nothing(buses: dict[str, Bus]) -> None:
    assert not await let_through(
        buses["reader"],
        *(f"$JS.API.STREAM.{what}.{CDR}" for what in ("UPDATE", "DELETE", "PURGE", "MSG.DELETE")),
        "$JS.API.CONSUMER.CREATE.cdr.mine",  # could deliver to where commands go
        "$JS.API.CONSUMER.DELETE.cdr.billing",
        "$JS.API.STREAM.MSG.GET.KV_sessions",
        "$JS.API.STREAM.INFO.KV_sessions",
        "$KV.sessions.s-1",
        "agent.agent-1.cmd",
        "events.call.ended",
    )


async def test_a_reader_reads_by_what_the_operator_has_made(
    secured: SecuredNats, buses: dict[str, Bus], tmp_path: Path
) -> None:
    page = (DOCS / "events.md").read_text()
    example = tmp_path / "example.py"
    example.write_text(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0])
    await (
        buses["operator"]
        .jetstream()
        .add_consumer(
            CDR, name="billing", durable_name="billing", filter_subject="events.call.ended", ack_policy="explicit"
        )
    )
    publisher = Publisher(buses["agent"], "agent-1", "i-1", is_on=True)
    assert await publisher.record(ended("c-1"))
    url = secured.url.replace("://", f"://reader:{PASSWORDS['reader']}@")
    env = {"CORDBOARD_NATS_URL": url, "SSL_CERT_FILE": str(secured.authority.certificate)}
    process = await start("example", (sys.executable, str(example)), env=env)
    await process.wait_for_output("^c-1 sip:a@b sip:c@d 200 0.0$")
    await process.stop()
    assert "ermissions" not in process.log
    await publisher.aclose(0.1)
