"""Requests to the REST API that come twice, are wrong, or are not for it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.integration.test_rest import CALL, NEW_CALL, check_problem, client, here, pod, record, rest
from tests.support.rest import KEY, key_file, recorded
from tests.support.signaling import Stage

from shared.errors import RemoteError
from shared.messages import (
    HoldCall,
    OpenAccount,
    SendDtmf,
    StartCall,
)
from signaling.app import Running

__all__ = ["here", "pod", "rest"]  # fixtures


async def test_a_request_under_a_key_is_carried_out_once_whichever_pod_gets_it(
    here: Stage, rest: httpx.AsyncClient, tmp_path: Path
) -> None:
    headers = {"Idempotency-Key": "order-4711"}
    first = await rest.post("/api/v1/calls", json=NEW_CALL, headers=headers)
    await here.agent.expect(OpenAccount)
    start = await here.agent.expect(StartCall)
    async with client(await here.pod("signaling-2", rest_keys=key_file(tmp_path))) as other:
        second = await other.post("/api/v1/calls", json=NEW_CALL, headers=headers)
    assert (second.status_code, second.json(), second.headers["location"]) == (
        201,
        first.json(),
        first.headers["location"],
    )
    assert second.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    assert start.call_id == first.json()["id"] and here.agent.got.empty()
    told = check_problem(await rest.post("/api/v1/calls", json={**NEW_CALL, "to": "carol"}, headers=headers), 409)
    assert "another request" in told["detail"]


async def test_a_call_that_a_dead_pod_has_started_is_found_by_its_key(here: Stage, rest: httpx.AsyncClient) -> None:
    call_id = f"c-{hashlib.sha256(b'tests' + bytes([10]) + b'order-4712').hexdigest()[:32]}"
    await recorded(here.store, record(call_id, is_headless=True))
    response = await rest.post("/api/v1/calls", json=NEW_CALL, headers={"Idempotency-Key": "order-4712"})
    assert (response.status_code, response.json()["id"]) == (201, call_id)
    assert here.agent.got.empty()


async def test_the_same_request_at_the_same_time_is_told_to_wait(here: Stage, rest: httpx.AsyncClient) -> None:
    await recorded(here.store, record())
    here.agent.hold[HoldCall] = asyncio.Event()
    headers = {"Idempotency-Key": "hold-1"}
    first = asyncio.ensure_future(rest.post(f"/api/v1/calls/{CALL}/hold", headers=headers))
    await here.agent.expect(HoldCall)
    second = await rest.post(f"/api/v1/calls/{CALL}/hold", headers=headers)
    assert "being carried out" in check_problem(second, 409)["detail"] and second.headers["retry-after"] == "1"
    here.agent.hold[HoldCall].set()
    assert (await first).status_code == 202


async def test_what_failed_under_a_key_may_be_tried_again(here: Stage, rest: httpx.AsyncClient) -> None:
    await recorded(here.store, record(state="ringing"))
    headers = {"Idempotency-Key": "digits-1"}
    here.agent.refuse[SendDtmf] = RemoteError(491, "Call Is Not Established")
    check_problem(await rest.post(f"/api/v1/calls/{CALL}/dtmf", json={"digits": "1"}, headers=headers), 409)
    here.agent.refuse.clear()
    for _ in range(2):
        response = await rest.post(f"/api/v1/calls/{CALL}/dtmf", json={"digits": "1"}, headers=headers)
        assert response.status_code == 202
    await here.agent.expect(SendDtmf)
    await here.agent.expect(SendDtmf)
    assert here.agent.got.empty()


async def test_keys_of_several_callers_do_not_meet(here: Stage, tmp_path: Path) -> None:
    other_key = "o" * 40
    pod = await here.pod(rest_keys=key_file(tmp_path, others={"other": other_key}))
    await recorded(here.store, record())
    for key in (KEY, other_key):
        async with client(pod, key) as rest:
            response = await rest.post(f"/api/v1/calls/{CALL}/hold", headers={"Idempotency-Key": "1"})
            assert response.status_code == 202 and "idempotency-replayed" not in response.headers


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b'"', 400),
        (b"\xff\xfe", 400),
        (b"[" * 60_000, 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"account": {"login": "alice"}, "to": "bob", "from": "x"}', 422),
        (b'{"account": {"login": "alice"}, "to": "bob\\r\\nVia: x"}', 422),
        (b'{"account": {"login": "alice"}, "to": "bob%0d%0aVia:x"}', 422),
        (b'{"account": {"login": "alice"}, "to": "bob", "headers": {"Via": "x"}}', 422),
        (b'{"account": {"login": "alice"}, "to": "bob", "headers": {"X-A": "x\\r\\nVia: y"}}', 422),
        (b'{"account": {"login": "alice", "display_name": "\\ud800"}, "to": "bob"}', 422),
        (b'{"account": {"login": "alice", "password": "' + b"x" * 65_536 + b'"}, "to": "bob"}', 413),
    ],
)
async def test_a_body_that_is_wrong_is_said_so_and_goes_nowhere(
    here: Stage, rest: httpx.AsyncClient, content: bytes, status: int
) -> None:
    response = await rest.post("/api/v1/calls", content=content, headers={"Content-Type": "application/json"})
    check_problem(response, status)
    assert here.agent.got.empty()


async def test_a_body_without_a_length_is_bounded_too(here: Stage, rest: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 8192

    check_problem(await rest.post("/api/v1/calls", content=chunks()), 413)


async def test_requests_are_counted_by_their_routes(pod: Running, rest: httpx.AsyncClient) -> None:
    await rest.get("/api/v1/calls/c-zzzzzzzz12345678")
    await rest.get("/api/v1/nothing")
    await rest.get("/rest-api/call/find_all")
    async with httpx.AsyncClient() as operator:
        told = (await operator.get(f"http://{pod.ops_address}/metrics")).text
    for route in ("/api/v1/calls/{call}", "/api/v1/…", "/rest-api/call/find_all"):
        labels = f'method="GET",route="{route}",status="404"'
        assert f"cordboard_signaling_rest_requests_total{{{labels}}}" in told


async def test_a_password_is_not_told_back(rest: httpx.AsyncClient) -> None:
    body = {"account": {"login": "a b", "password": "very-secret"}, "to": "bob"}
    assert "very-secret" not in (await rest.post("/api/v1/calls", json=body)).text


async def test_other_methods_and_paths_are_problems_and_no_origin_is_let_in(rest: httpx.AsyncClient) -> None:
    response = await rest.put("/api/v1/calls")
    check_problem(response, 405)
    assert "GET" in response.headers["allow"]
    check_problem(await rest.get("/api/v1/nothing"), 404)
    response = await rest.get("/api/v1/calls", headers={"Origin": "https://example.org"})
    assert not [name for name in response.headers if name.startswith("access-control-")]
