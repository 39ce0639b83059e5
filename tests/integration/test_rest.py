"""The REST API of a signaling pod, on a real bus; agent and relay are played by the test."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from tests.support.call_records import call_record
from tests.support.rest import KEY, key_file, recorded
from tests.support.signaling import BROWSER_SDP, SECRET, Stage, stage

from shared.errors import RemoteError
from shared.messages import (
    AllocateMedia,
    AnswerCall,
    CloseAccount,
    HangupCall,
    HoldCall,
    OpenAccount,
    PlaySound,
    SendDtmf,
    SipAccount,
    StartCall,
    StopSound,
    TransferCall,
)
from shared.records import AccountRecord, CallRecord, EndingRecord
from shared.sealing import Seal
from signaling.app import Running

CALL = "c-abcdefgh12345678"
SESSION = "s-abcdefgh12345678"
JWT_KEY = "a key of the tests, of 32 characters or more"
ACCOUNT = {"login": "alice", "password": "secret"}
NEW_CALL = {"account": ACCOUNT, "to": "bob"}


@pytest.fixture
async def here(nats_url: str) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


@pytest.fixture
async def pod(here: Stage, tmp_path: Path) -> Running:
    return await here.pod(rest_keys=key_file(tmp_path))


@pytest.fixture
async def rest(pod: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with client(pod) as rest:
        yield rest


def client(pod: Running, key: str = KEY) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://{pod.address}", headers={"Authorization": f"Bearer {key}"})


def record(call_id: str = CALL, **changes: Any) -> CallRecord:
    given: dict[str, Any] = {
        "epoch": 7,
        "caller": "sip:alice@cordboard.local",
        "callee": "sip:bob@cordboard.local",
        "created_at": 1_793_370_000.0,
    }
    return call_record(call_id, **{"session_id": SESSION, **given, **changes})


def account(session_id: str = SESSION, **changes: Any) -> AccountRecord:
    given: dict[str, Any] = {
        "session_id": session_id,
        "account": SipAccount(login="alice", domain="cordboard.local"),
        "owner": "agent-1",
        "epoch": 7,
        "pod": "",
    }
    return AccountRecord(**given | changes)


def check_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The response is a problem with this status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = response.json()
    assert told["status"] == status and told["title"] and told["detail"]
    return told


async def test_without_a_key_or_tokens_there_is_no_api(here: Stage) -> None:
    async with client(await here.pod()) as rest:
        for path in ("/api/v1/calls", "/api/v1/openapi.json", "/rest-api/call/find_all"):
            assert (await rest.get(path)).status_code == 404


async def test_who_is_not_known_is_told_to_authenticate(pod: Running) -> None:
    async with client(pod, "x" * 40) as stranger:
        for path in ("/api/v1/calls", "/api/v1/nothing", "/rest-api/call/find_all"):
            response = await stranger.get(path)
            check_problem(response, 401)
            assert response.headers["www-authenticate"].startswith("Bearer")
        assert (await stranger.get("/api/v1/openapi.json")).json()["info"]["title"] == "Cordboard"


async def test_a_scope_that_is_missing_is_named(here: Stage, tmp_path: Path) -> None:
    pod = await here.pod(rest_keys=key_file(tmp_path, scopes=("calls:read",)))
    async with client(pod) as rest:
        assert (await rest.get("/api/v1/calls")).status_code == 200
        assert "calls:write" in check_problem(await rest.post("/api/v1/calls", json=NEW_CALL), 403)["detail"]
        assert "sessions:read" in check_problem(await rest.get("/api/v1/sessions"), 403)["detail"]
        assert (await rest.post("/rest-api/call/startup", json={})).status_code == 403
    assert here.agent.got.empty()


async def test_a_token_may_do_what_its_scopes_say(here: Stage) -> None:
    pod = await here.pod(jwt_key=JWT_KEY, rest_tokens=True)
    claims = {"sub": "crm", "exp": time.time() + 60}
    async with client(pod, jwt.encode({**claims, "scope": "calls:read openid"}, JWT_KEY, "HS256")) as rest:
        assert (await rest.get("/api/v1/calls")).json() == {"items": [], "next": None}
        check_problem(await rest.post("/api/v1/calls", json=NEW_CALL), 403)
    for token in (
        jwt.encode({**claims, "exp": time.time() - 60, "scope": "calls:read"}, JWT_KEY, "HS256"),
        jwt.encode({**claims, "scope": "calls:read"}, "another key, of as many characters", "HS256"),
    ):
        async with client(pod, token) as stranger:
            check_problem(await stranger.get("/api/v1/calls"), 401)
    async with client(pod, jwt.encode(claims, JWT_KEY, "HS256")) as page:
        check_problem(await page.get("/api/v1/calls"), 403)


async def test_tokens_are_not_taken_unless_that_is_said(here: Stage, tmp_path: Path) -> None:
    pod = await here.pod(jwt_key=JWT_KEY, rest_keys=key_file(tmp_path))
    claims = {"sub": "crm", "exp": time.time() + 60, "scope": "calls:read"}
    async with client(pod, jwt.encode(claims, JWT_KEY, "HS256")) as rest:
        check_problem(await rest.get("/api/v1/calls"), 401)


async def test_a_call_is_found_wherever_it_is(here: Stage, rest: httpx.AsyncClient) -> None:
    await recorded(here.store, record(local_hold=True, established_at=1_793_370_010.0))
    told = (await rest.get(f"/api/v1/calls/{CALL}")).json()
    assert told == {
        "id": CALL,
        "session": SESSION,
        "direction": "outgoing",
        "state": "established",
        "status": 200,
        "caller": "alice@cordboard.local",
        "caller_name": "",
        "callee": "bob@cordboard.local",
        "video": False,
        "held": {"local": True, "remote": False},
        "page": True,
        "joined": None,
        "created_at": "2026-10-30T14:20:00Z",
        "established_at": "2026-10-30T14:20:10Z",
        "end": None,
    }
    assert check_problem(await rest.get("/api/v1/calls/c-zzzzzzzz12345678"), 404)["sip_status"] == 481


async def test_how_a_call_has_ended_is_found_for_a_while(here: Stage, rest: httpx.AsyncClient) -> None:
    ended = record(state="ended", status=486, is_headless=True)
    ending = EndingRecord(call=ended, status=486, reason="Busy Here", by="remote", ended_at=1_793_370_020.0)
    await here.store.endings.put(CALL, ending)
    told = (await rest.get(f"/api/v1/calls/{CALL}")).json()
    assert told["end"] == {"status": 486, "reason": "Busy Here", "by": "remote", "at": "2026-10-30T14:20:20Z"}
    assert told["state"] == "ended" and (await rest.get("/api/v1/calls")).json()["items"] == []
    assert check_problem(await rest.post(f"/api/v1/calls/{CALL}/hold"), 409)["detail"] == "The Call Has Ended"


async def test_calls_are_listed_in_pages(here: Stage, rest: httpx.AsyncClient) -> None:
    ids = [f"c-{number:016}" for number in range(7)]
    for number, call_id in enumerate(ids):
        await recorded(here.store, record(call_id, state="ringing" if number % 2 else "established"))
    seen, after = [], ""
    while True:
        page = (await rest.get("/api/v1/calls", params={"limit": 3, "after": after})).json()
        seen += [call["id"] for call in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == ids
    ringing = (await rest.get("/api/v1/calls", params={"state": "ringing", "session": SESSION})).json()
    assert [call["id"] for call in ringing["items"]] == ids[1::2]
    assert (await rest.get("/api/v1/calls", params={"session": "s-zzzzzzzz12345678"})).json()["items"] == []
    check_problem(await rest.get("/api/v1/calls", params={"limit": 101}), 422)


@pytest.mark.parametrize(
    ("path", "body", "kind", "fields"),
    [
        ("hangup", {"status": 486, "reason": "Busy Here"}, HangupCall, {"status": 486, "reason": "Busy Here"}),
        ("hangup", {}, HangupCall, {"status": 0, "reason": ""}),
        ("hold", None, HoldCall, {"is_held": True}),
        ("unhold", None, HoldCall, {"is_held": False}),
        ("dtmf", {"digits": "12#", "method": "info"}, SendDtmf, {"digits": "12#", "method": "info", "gap_ms": 70}),
        ("transfer", {"to": "sip:carol@example.org"}, TransferCall, {"target": "sip:carol@example.org"}),
        ("transfer", {"other": "c-zzzzzzzz12345678"}, TransferCall, {"other_call_id": "c-zzzzzzzz12345678"}),
    ],
)
async def test_what_is_asked_of_a_call_goes_to_its_agent(
    here: Stage, rest: httpx.AsyncClient, path: str, body: Any, kind: Any, fields: dict[str, Any]
) -> None:
    await recorded(here.store, record())
    response = await rest.post(f"/api/v1/calls/{CALL}/{path}", json=body)
    assert (response.status_code, response.content) == (202, b"")
    command = await here.agent.expect(kind)
    assert (command.session_id, command.call_id, command.epoch) == (SESSION, CALL, 7)
    assert {name: getattr(command, name) for name in fields} == fields


async def test_a_sound_is_played_and_stopped(here: Stage, rest: httpx.AsyncClient) -> None:
    await recorded(here.store, record())
    assert (await rest.post(f"/api/v1/calls/{CALL}/sound", json={"name": "music", "loop": True})).status_code == 202
    sound = (await here.agent.expect(PlaySound)).sound
    assert (sound.name, sound.is_looped) == ("music", True)
    assert (await rest.delete(f"/api/v1/calls/{CALL}/sound")).status_code == 204
    await here.agent.expect(StopSound)
    here.agent.refuse[PlaySound] = RemoteError(404, "No Such Sound")
    told = check_problem(await rest.post(f"/api/v1/calls/{CALL}/sound", json={"name": "none"}), 404)
    assert (told["detail"], told["sip_status"]) == ("No Such Sound", 404)


async def test_what_the_agent_refuses_is_told_with_its_status(here: Stage, rest: httpx.AsyncClient) -> None:
    await recorded(here.store, record(state="ringing"))
    here.agent.refuse[HoldCall] = RemoteError(491, "Call Is Not Established")
    told = check_problem(await rest.post(f"/api/v1/calls/{CALL}/hold"), 409)
    assert (told["detail"], told["sip_status"]) == ("Call Is Not Established", 491)


async def test_a_call_that_is_written_as_established_is_waited_for(here: Stage, rest: httpx.AsyncClient) -> None:
    await recorded(here.store, record())
    here.agent.refuse[HoldCall] = RemoteError(491, "Call Is Not Established")
    asked = asyncio.ensure_future(rest.post(f"/api/v1/calls/{CALL}/hold"))
    first, second = [(await here.agent.expect(HoldCall)).id for _ in range(2)]
    assert first != second and not asked.done()
    del here.agent.refuse[HoldCall]
    assert (await asked).status_code == 202


async def test_a_call_whose_agent_is_gone_is_out_of_service(here: Stage, rest: httpx.AsyncClient) -> None:
    await recorded(here.store, record(owner="agent-9"))
    response = await rest.post(f"/api/v1/calls/{CALL}/hangup", json={})
    assert check_problem(response, 503)["sip_status"] == 503
    assert response.headers["retry-after"] == "1"


async def test_a_call_without_a_browser_is_started_for_an_account(here: Stage, rest: httpx.AsyncClient) -> None:
    body = {
        **NEW_CALL,
        "headers": {"X-Ticket": "4711"},
        "private": True,
        "sound": {"name": "welcome"},
        "hang_up_after_sound": True,
        "join": {"to": "sip:carol@example.org"},
    }
    response = await rest.post("/api/v1/calls", json=body)
    opened = await here.agent.expect(OpenAccount)
    assert (opened.pod, opened.account.login, opened.account.register_required) == ("", "alice", False)
    assert Seal(SECRET).open(opened.account.sealed_password, opened.session_id) == "secret"
    allocate = await here.relay.expect(AllocateMedia)
    assert allocate.is_headless and allocate.agent == "agent-1" and allocate.browser_sdp is None
    start = await here.agent.expect(StartCall)
    assert (start.callee, start.is_headless, start.is_private, start.epoch) == ("bob", True, True, 7)
    assert start.headers == {"X-Ticket": "4711"} and start.ends_with_sound
    assert start.sound is not None and start.sound.name == "welcome"
    assert start.second is not None and start.second.callee == "sip:carol@example.org"
    assert response.status_code == 201 and response.headers["location"] == f"/api/v1/calls/{start.call_id}"
    assert response.json()["id"] == start.call_id and response.json()["session"] == opened.session_id


async def test_a_call_that_cannot_be_started_leaves_nothing(here: Stage, rest: httpx.AsyncClient) -> None:
    here.agent.refuse[StartCall] = RemoteError(403, "Destination Not Allowed")
    told = check_problem(await rest.post("/api/v1/calls", json=NEW_CALL), 403)
    assert (told["detail"], told["sip_status"]) == ("Destination Not Allowed", 403)
    opened = await here.agent.expect(OpenAccount)
    await here.agent.expect(StartCall)
    assert (await here.agent.expect(CloseAccount)).session_id == opened.session_id


async def test_a_session_without_a_page_is_opened_used_and_ended(here: Stage, rest: httpx.AsyncClient) -> None:
    await here.store.accounts.create(SESSION, account())
    assert (await rest.post("/api/v1/calls", json={"session": SESSION, "to": "bob"})).status_code == 201
    start = await here.agent.expect(StartCall)
    assert (start.session_id, start.second) == (SESSION, None)
    told = (await rest.get(f"/api/v1/sessions/{SESSION}")).json()
    assert (told["aor"], told["page"], told["registration"]) == ("alice@cordboard.local", False, "none")
    assert [one["id"] for one in (await rest.get("/api/v1/sessions")).json()["items"]] == [SESSION]
    assert (await rest.delete(f"/api/v1/sessions/{SESSION}")).status_code == 204
    assert (await here.agent.expect(CloseAccount)).session_id == SESSION
    check_problem(await rest.get("/api/v1/sessions/s-zzzzzzzz12345678"), 404)


async def test_a_page_whose_session_is_ended_is_told_so(here: Stage, pod: Running, rest: httpx.AsyncClient) -> None:
    page = await here.page(pod)
    session = await page.log_in()
    await here.store.accounts.create(session, account(session, pod="signaling-1"))
    assert (await rest.delete(f"/api/v1/sessions/{session}")).status_code == 204
    assert await page.event("bye") == {"reason": "account closed"}
    assert await page.close_code() == 1000
    await here.until_sessions(0)


async def test_calls_of_a_page_are_its_own_to_make(here: Stage, rest: httpx.AsyncClient) -> None:
    await here.store.accounts.create(SESSION, account(pod="signaling-1"))
    told = check_problem(await rest.post("/api/v1/calls", json={"session": SESSION, "to": "bob"}), 409)
    assert "Page" in told["detail"]


async def test_a_page_is_asked_to_answer(here: Stage, pod: Running, rest: httpx.AsyncClient) -> None:
    page = await here.page(pod)
    session = await page.log_in()
    await here.agent.ring(session, CALL)
    await page.event("call.incoming")
    await recorded(here.store, record(session_id=session, direction="incoming", state="incoming"))
    assert (await rest.post(f"/api/v1/calls/{CALL}/answer")).status_code == 202
    assert await page.event("call.answer_requested") == {"call": CALL}
    assert (await page.ask("answer", call=CALL, sdp=BROWSER_SDP))["type"] == "ok"
    assert check_problem(await rest.post(f"/api/v1/calls/{CALL}/answer"), 400)["sip_status"] == 400


async def test_a_call_of_a_session_that_takes_calls_is_answered(here: Stage, rest: httpx.AsyncClient) -> None:
    await recorded(here.store, record(direction="incoming", state="incoming", is_headless=True))
    assert (await rest.post(f"/api/v1/calls/{CALL}/answer")).status_code == 202
    answer = await here.agent.expect(AnswerCall)
    assert (answer.call_id, answer.session_id, answer.browser_sdp) == (CALL, SESSION, "")


@pytest.mark.parametrize("takes_calls", [True, False])
async def test_whether_a_session_takes_calls_is_said_when_it_is_opened(
    here: Stage, rest: httpx.AsyncClient, takes_calls: bool
) -> None:
    opening = asyncio.ensure_future(
        rest.post("/api/v1/sessions", json={"account": ACCOUNT, "takes_calls": takes_calls})
    )
    opened = await here.agent.expect(OpenAccount)
    assert (opened.pod, opened.idle_seconds, opened.takes_calls) == ("", 600.0, takes_calls)
    await opening


async def test_nobody_answers_where_no_page_is(here: Stage, rest: httpx.AsyncClient) -> None:
    await recorded(here.store, record(direction="incoming", state="incoming"))
    assert check_problem(await rest.post(f"/api/v1/calls/{CALL}/answer"), 409)["detail"] == "The Page Is Away"


async def test_wcs_starts_finds_and_ends_a_call(here: Stage, rest: httpx.AsyncClient) -> None:
    asked = {"callId": "mine-1", "callee": "bob", "sipLogin": "alice", "sipPassword": "secret", "sipDomain": ""}
    response = await rest.post("/rest-api/call/startup", json=asked)
    assert (response.status_code, response.json()) == (200, {})
    session = (await here.agent.expect(OpenAccount)).session_id
    start = await here.agent.expect(StartCall)
    await recorded(here.store, record(start.call_id, session_id=session, is_headless=True))
    assert (await rest.post("/rest-api/call/startup", json=asked)).status_code == 409
    for path, body in (("find", {"callId": "mine-1"}), ("find", {"status": "ESTABLISHED"}), ("find_all", {})):
        (found,) = (await rest.post(f"/rest-api/call/{path}", json=body)).json()
        assert (found["callId"], found["status"], found["callee"]) == ("mine-1", "ESTABLISHED", "bob")
    assert len((await rest.get("/rest-api/call/find_all")).json()) == 1
    assert (await rest.post("/rest-api/call/find", json={"status": "RING"})).status_code == 404
    assert (
        await rest.post("/rest-api/call/send_dtmf", json={"callId": "mine-1", "dtmf": "1", "type": "INFO"})
    ).is_success
    assert (await here.agent.expect(SendDtmf)).method == "info"
    assert (await rest.post("/rest-api/call/inject_sound", json={"callId": "mine-1", "fileName": "a.wav"})).is_success
    assert (await here.agent.expect(PlaySound)).sound.name == "a.wav"
    assert (await rest.post("/rest-api/call/terminate", json={"callId": "mine-1"})).is_success
    assert (await here.agent.expect(HangupCall)).call_id == start.call_id
    await here.store.calls.of(session).delete(start.call_id)
    assert (await rest.post("/rest-api/call/startup", json=asked)).status_code == 200  # the name is free again
    error = (await rest.post("/rest-api/call/terminate", json={"callId": "nobody's"})).json()
    assert (error["status"], error["error"], error["path"]) == (404, "Not Found", "/rest-api/call/terminate")


async def test_wcs_finds_and_ends_connections(here: Stage, rest: httpx.AsyncClient) -> None:
    assert (await rest.get("/rest-api/connection/find_all")).status_code == 404
    await here.store.accounts.create(SESSION, account(registration="registered"))
    (found,) = (await rest.post("/rest-api/connection/find", json={"sipLogin": "alice"})).json()
    assert (found["sessionId"], found["status"]) == (SESSION, "REGISTERED")
    assert (await rest.post("/rest-api/connection/terminate", json={"sessionId": SESSION})).is_success
    assert (await here.agent.expect(CloseAccount)).session_id == SESSION
    assert (await rest.post("/rest-api/connection/terminate", json={})).status_code == 400
