"""NATS goes away for a while and comes back: sockets stay, pages are told what they missed, nothing is left over."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.support.nats import NatsServer, stoppable_nats_server
from tests.support.signaling import BROWSER_SDP, Page, Stage, eventually, resumption, stage

from shared.messages import (
    AttachSession,
    CallSnapshot,
    CloseAccount,
    HangupCall,
    OpenAccount,
    SessionSnapshot,
    SipAccount,
    StartCall,
)
from shared.records import AccountRecord
from signaling.app import Running

CALL = "c-abcdefgh12345678"
LOGIN = {"version": 1, "sip": {"login": "carol", "password": "", "domain": ""}}


@pytest.fixture
async def nats() -> AsyncIterator[NatsServer]:
    async with stoppable_nats_server() as server:
        yield server


@pytest.fixture
async def here(nats: NatsServer) -> AsyncIterator[Stage]:
    async with stage(nats.url) as here:
        yield here


async def go_away(nats: NatsServer, here: Stage, pod: Running) -> None:
    await nats.stop()
    await eventually(lambda: not pod.pod.bus.connected and not here.bus.connected)


async def come_back(nats: NatsServer, here: Stage, pod: Running) -> None:
    await nats.start()
    await eventually(lambda: here.bus.connected and pod.pod.not_ready() == "")


async def call(page: Page, here: Stage, call_id: str = CALL) -> None:
    assert (await page.ask("call", call=call_id, to="bob", sdp=BROWSER_SDP))["type"] == "ok"
    await here.agent.expect(StartCall)


def live(call_id: str, state: str) -> CallSnapshot:
    return CallSnapshot(call_id=call_id, direction="outgoing", state=state, caller="a@b", callee="bob")  # type: ignore[arg-type]


async def test_requests_get_an_error_and_the_socket_stays(nats: NatsServer, here: Stage) -> None:
    pod = await here.pod(resume_grace_seconds=30.0)
    page, stranger = await here.page(pod), await here.page(pod)
    session = await page.log_in()
    await here.agent.expect(OpenAccount)
    await call(page, here)
    await go_away(nats, here, pod)
    assert (await page.ask("ping"))["type"] == "ok"
    assert (await page.ask("call", call=CALL + "2", to="bob", sdp=BROWSER_SDP))["status"] in (503, 504)
    assert (await page.ask("hangup", call=CALL))["status"] == 504
    assert (await page.ask("logout"))["status"] == 504
    assert (await stranger.ask("login", **LOGIN))["status"] == 503
    resume = resumption(session, page.resume_token)
    assert (await stranger.ask("resume", **resume))["status"] == 503
    await come_back(nats, here, pod)
    assert not page.closed.done() and not stranger.closed.done()
    assert (await stranger.ask("login", **LOGIN))["type"] == "ok"
    assert (await page.ask("call", call=CALL + "3", to="bob", sdp=BROWSER_SDP))["type"] == "ok"


async def test_what_was_missed_is_told_when_it_is_back(nats: NatsServer, here: Stage) -> None:
    pod = await here.pod(resume_grace_seconds=30.0)
    page = await here.page(pod)
    session = await page.log_in()
    await here.agent.expect(OpenAccount)
    await call(page, here)
    await call(page, here, CALL + "2")
    await go_away(nats, here, pod)
    # Meanwhile the first call ended, the second was answered, and one whose request failed here began all the same.
    calls = (live(CALL + "2", "established"), live(CALL + "3", "ringing"))
    here.agent.snapshot = SessionSnapshot(registration="failed", status=503, reason="Unreachable", calls=calls)
    await come_back(nats, here, pod)
    assert (await here.agent.expect(AttachSession)).session_id == session
    registration = await page.event("registration")
    assert (registration["state"], registration["status"]) == ("failed", 503)
    ended = await page.event("call.ended")
    assert (ended["call"], ended["status"], ended["by"]) == (CALL, 481, "system")
    assert (await page.event("call.established"))["call"] == CALL + "2"
    hang_up = await here.agent.expect(HangupCall)
    assert (hang_up.session_id, hang_up.call_id) == (session, CALL + "3")


async def test_a_socket_that_is_lost_meanwhile_is_forgotten(nats: NatsServer, here: Stage) -> None:
    pod = await here.pod(sweep_seconds=30.0)
    page = await here.page(pod)
    await page.log_in()
    await go_away(nats, here, pod)
    page.socket.transport.abort()
    await eventually(lambda: not pod.pod.gateways)
    await come_back(nats, here, pod)
    await here.until_sessions(0)
    assert await here.store.sessions.names() == []


async def test_an_account_without_a_session_is_closed_unless_it_was_opened_without_a_socket(here: Stage) -> None:
    await here.pod(sweep_seconds=1.0)  # no orphan is to be closed once more before it is deleted
    account = SipAccount(login="alice", domain="cordboard.local")
    record = AccountRecord(session_id="s-headless", account=account, owner="agent-1", epoch=3, pod="")
    await here.store.accounts.create("s-headless", record)
    for session_id in ("s-orphan", "s-another"):  # of the second, the first has had its turn twice
        orphan = msgspec.structs.replace(record, session_id=session_id, pod="signaling-1")
        await here.store.accounts.create(session_id, orphan)
        closed = await here.agent.expect(CloseAccount)
        assert (closed.session_id, closed.epoch) == (session_id, 3)
        await here.store.accounts.delete(session_id)
