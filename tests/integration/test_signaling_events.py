"""What other services hear of the connections of pages."""

from collections.abc import AsyncIterator

import pytest
from tests.support.signaling import Stage, stage
from tests.support.streams import Reader, reading

from shared.messages import SessionEnded
from shared.messages.stream import ConnectionClosed, ConnectionLost, ConnectionOpened, ConnectionResumed
from shared.settings import StreamSettings
from shared.streams import EVENTS, open_streams


@pytest.fixture
async def here(nats_url: str) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


@pytest.fixture
async def events(here: Stage) -> AsyncIterator[Reader]:
    await open_streams(here.bus, StreamSettings(pod="test"))
    async with reading(here.bus, EVENTS) as events:
        yield events


async def test_a_session_is_told_from_its_log_in_to_its_log_out(here: Stage, events: Reader) -> None:
    first, second = await here.pod(resume_grace_seconds=5.0), await here.pod("signaling-2", resume_grace_seconds=5.0)
    page = await here.page(first)
    session = await page.log_in()
    opened = await events.expect(ConnectionOpened)
    assert (opened.session_id, opened.account, opened.pod) == (session, "alice@cordboard.local", "signaling-1")
    await page.socket.close()
    assert (await events.expect(ConnectionLost)).session_id == session
    again = await here.page(second)
    await again.resume(session, page.resume_token)
    assert (await events.expect(ConnectionResumed)).pod == "signaling-2"
    await again.ask("logout")
    assert (await events.expect(ConnectionClosed)).reason == "logged out"
    assert len({event.id for event in events.events}) == len(events.events) == 4


async def test_a_page_that_does_not_come_back_has_lost_its_session(here: Stage, events: Reader) -> None:
    pod = await here.pod(resume_grace_seconds=0.1)
    page = await here.page(pod)
    session = await page.log_in()
    await page.socket.close()
    closed = await events.expect(ConnectionClosed)
    assert (closed.session_id, closed.account, closed.reason) == (session, "alice@cordboard.local", "lost")


async def test_an_account_that_its_agent_closes_ends_the_session(here: Stage, events: Reader) -> None:
    pod = await here.pod()
    page = await here.page(pod)
    session = await page.log_in()
    await here.agent.tell(session, SessionEnded(session_id=session, reason="account closed"))
    assert (await events.expect(ConnectionClosed)).reason == "account closed"


async def test_where_events_are_off_there_is_no_stream(here: Stage) -> None:
    page = await here.page(await here.pod(events=False))
    await page.log_in()
    assert EVENTS not in [stream.config.name for stream in await here.bus.jetstream().streams_info()]
