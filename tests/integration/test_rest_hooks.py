"""Calls of the REST API and the operator's web server, which may refuse them as it may those of pages."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.test_rest import ACCOUNT, NEW_CALL, SESSION, account, check_problem, client, record
from tests.integration.test_signaling_hooks import backend, here
from tests.support.rest import key_file, recorded
from tests.support.signaling import Stage, eventually
from tests.support.web_backend import WebBackend

from shared.errors import RemoteError
from shared.messages import CallEnded, CallEstablished, CallProgress, OpenAccount, StartCall
from shared.records import EndingRecord
from signaling.app import Running
from signaling.hooks import rest_calls

__all__ = ["backend", "here"]  # fixtures

STARTUP = {"callId": "R08NQya-5NMe5v7q", "callee": "bob", "sipLogin": "alice", "sipDomain": "", "appKey": "shop"}
JOINED = {**NEW_CALL, "join": {"to": "carol", "headers": {"X-Ticket": "7"}}}


async def pod_with(here: Stage, backend: WebBackend, folder: Path, **settings: Any) -> Running:
    return await here.pod(**{"rest_keys": key_file(folder), "hooks_url": backend.url, **settings})


@pytest.fixture
async def rest(here: Stage, backend: WebBackend, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client(await pod_with(here, backend, tmp_path)) as rest:
        yield rest


async def started(here: Stage) -> StartCall:
    await here.agent.expect(OpenAccount)
    return await here.agent.expect(StartCall)


def progress(call: StartCall, call_id: str = "") -> CallProgress:
    about = {"session_id": call.session_id, "call_id": call_id or call.call_id}
    return CallProgress(**about, state="ringing", status=180, reason="Ringing")


def ended(call: StartCall, status: int, reason: str) -> CallEnded:
    about = {"session_id": call.session_id, "call_id": call.call_id}
    return CallEnded(**about, status=status, reason=reason, by="remote", was_established=status == 200)


async def statuses(backend: WebBackend, call_id: str, count: int) -> list[str]:
    """Return what is told of a call."""
    posts = [await backend.expect("CallStatusEvent", lambda body: body["callId"] == call_id) for _ in range(count)]
    return [post.body["status"] for post in posts]


async def test_the_startup_of_wcs_is_asked_for_and_told_to_its_end(
    here: Stage, backend: WebBackend, rest: httpx.AsyncClient
) -> None:
    assert (await rest.post("/rest-api/call/startup", json=STARTUP)).status_code == 200
    call = await started(here)
    asked = (await backend.expect("call")).body
    assert (asked["callId"], asked["caller"], asked["callee"]) == (STARTUP["callId"], "alice", "bob")
    assert (asked["appKey"], asked["sessionId"], asked["status"]) == ("shop", call.session_id, "PENDING")
    assert asked["mediaProvider"] is None  # no page takes part
    established = CallEstablished(session_id=call.session_id, call_id=call.call_id)
    await here.agent.tell(call.session_id, progress(call), established, ended(call, 200, "Normal Call Clearing"))
    assert await statuses(backend, STARTUP["callId"], 3) == ["RING", "ESTABLISHED", "FINISH"]


async def test_a_refused_call_reaches_nobody(here: Stage, backend: WebBackend, rest: httpx.AsyncClient) -> None:
    backend.statuses["call"] = 403
    told = check_problem(await rest.post("/api/v1/calls", json=NEW_CALL), 403)
    assert told["detail"] == "Refused By The Backend"
    refused = await rest.post("/rest-api/call/startup", json=STARTUP)
    assert (refused.status_code, refused.json()["message"]) == (403, "Refused By The Backend")
    assert await statuses(backend, STARTUP["callId"], 1) == ["FAILED"]
    assert here.agent.got.empty() and here.relay.got.empty()
    del backend.statuses["call"]
    assert (await rest.post("/api/v1/calls", json=NEW_CALL)).status_code == 201


async def test_a_call_within_a_session_is_asked_for(here: Stage, backend: WebBackend, rest: httpx.AsyncClient) -> None:
    await here.store.accounts.create(SESSION, account())
    body = {"session": SESSION, "to": "bob", "headers": {"X-Ticket": "7"}}
    assert (await rest.post("/api/v1/calls", json=body)).status_code == 201
    asked = (await backend.expect("call")).body
    assert (asked["sessionId"], asked["caller"], asked["custom"]) == (body["session"], "alice", {"X-Ticket": "7"})


async def test_of_two_parties_neither_is_called_if_one_is_refused(
    here: Stage, backend: WebBackend, rest: httpx.AsyncClient
) -> None:
    backend.refuses = lambda posted: posted.body.get("callee") == "carol"
    check_problem(await rest.post("/api/v1/calls", json=JOINED), 403)
    first, second = [(await backend.expect("call")).body for _ in range(2)]
    assert (first["callee"], second["callee"]) == ("bob", "carol")
    for call in (first, second):
        assert await statuses(backend, call["callId"], 1) == ["FAILED"]
    assert here.agent.got.empty() and here.relay.got.empty()


async def test_a_second_party_that_nobody_calls_any_more_is_said_to_have_failed(
    here: Stage, backend: WebBackend, rest: httpx.AsyncClient
) -> None:
    assert (await rest.post("/api/v1/calls", json=JOINED)).status_code == 201
    call = await started(here)
    first, second = [(await backend.expect("call")).body for _ in range(2)]
    assert (second["callee"], second["custom"]) == ("carol", {"X-Ticket": "7"})
    await here.agent.tell(call.session_id, progress(call), ended(call, 486, "Busy Here"))
    assert await statuses(backend, first["callId"], 2) == ["RING", "BUSY"]
    assert await statuses(backend, second["callId"], 1) == ["FAILED"]


async def test_a_session_without_a_page_takes_no_call_while_it_makes_one(
    here: Stage, backend: WebBackend, rest: httpx.AsyncClient
) -> None:
    assert (await rest.post("/api/v1/calls", json=NEW_CALL)).status_code == 201
    call = await started(here)
    with pytest.raises(RemoteError, match="480"):
        await here.agent.ring(call.session_id, "c-otherotherother1")


async def test_a_call_that_the_agent_refuses_is_said_to_have_failed(
    here: Stage, backend: WebBackend, rest: httpx.AsyncClient
) -> None:
    here.agent.refuse[StartCall] = RemoteError(403, "Destination Not Allowed")
    check_problem(await rest.post("/api/v1/calls", json=NEW_CALL), 403)
    failed = (await backend.expect("CallStatusEvent")).body
    assert (failed["status"], failed["sipStatus"], failed["info"]) == ("FAILED", 403, "Destination Not Allowed")


async def test_an_end_that_was_not_heard_is_found(
    here: Stage, backend: WebBackend, rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    for _ in range(3):
        assert (await rest.post("/api/v1/calls", json=NEW_CALL)).status_code == 201
        calls.append(await started(here))
    finished, vanished, live = calls
    over = record(finished.call_id, session_id=finished.session_id, state="ended", is_headless=True)
    ending = EndingRecord(call=over, status=200, reason="Normal Call Clearing", by="remote", ended_at=1.0)
    await here.store.endings.put(finished.call_id, ending)
    await recorded(here.store, record(live.call_id, session_id=live.session_id))
    monkeypatch.setattr(rest_calls, "_LOOK_EVERY", 0.0)
    assert await statuses(backend, finished.call_id, 1) == ["FINISH"]
    assert await statuses(backend, vanished.call_id, 1) == ["FAILED"]
    await here.agent.tell(live.session_id, ended(live, 486, "Busy Here"))
    assert await statuses(backend, live.call_id, 1) == ["BUSY"]


@pytest.mark.parametrize(("policy", "status"), [("refuse", 503), ("allow", 201)])
async def test_of_a_dead_web_server_the_operator_says_what_counts(
    here: Stage, backend: WebBackend, tmp_path: Path, policy: str, status: int
) -> None:
    pod = await pod_with(here, backend, tmp_path, hooks_on_failure=policy)
    await backend.stop()
    async with client(pod) as rest:
        assert (await rest.post("/api/v1/calls", json=NEW_CALL)).status_code == status


async def test_calls_that_have_ended_are_listened_for_no_more(
    here: Stage, backend: WebBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_calls, "_LEAVE_EVERY", 0.05)
    pod = await pod_with(here, backend, tmp_path)
    async with client(pod) as rest:
        assert (await rest.post("/api/v1/calls", json={"account": ACCOUNT, "to": "bob"})).status_code == 201
        call = await started(here)
        assert len(pod.pod.headless) == 1
        await here.agent.tell(call.session_id, ended(call, 486, "Busy Here"))
        await eventually(lambda: len(pod.pod.headless) == 0)
