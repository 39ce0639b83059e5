"""Hooks: a signaling pod and the operator's web server, which is a real one over HTTP; agent and relay are played."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.support.signaling import BROWSER_SDP, SECRET, Page, Stage, eventually, stage
from tests.support.web_backend import WebBackend, web_backend

from shared.errors import RemoteError
from shared.messages import (
    AllocateMedia,
    CallEnded,
    CallEstablished,
    CallProgress,
    HangupCall,
    HoldCall,
    OpenAccount,
    RegistrationChanged,
    SendDtmf,
    StartCall,
)
from shared.sealing import Seal, account_password
from signaling.app import Running

CALL = "c-abcdefgh12345678"
OTHER = "c-otherotherother1"
KEY = "a secret for the hooks"


@pytest.fixture
async def backend() -> AsyncIterator[WebBackend]:
    async with web_backend() as backend:
        yield backend


@pytest.fixture
async def here(nats_url: str, backend: WebBackend) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


async def pod_with(here: Stage, backend: WebBackend, **settings: Any) -> Running:
    return await here.pod(**{"hooks_url": backend.url, "hooks_secret": KEY, **settings})


async def place(page: Page, call: str = CALL, to: str = "bob") -> dict[str, Any]:
    return await page.ask("call", call=call, to=to, sdp=BROWSER_SDP)


async def log_in(here: Stage, pod: Running, login: str = "alice") -> Page:
    page = await here.page(pod)
    await page.log_in(login)
    await here.agent.expect(OpenAccount)
    return page


def outcomes(method: str, outcome: str) -> float:
    name = "cordboard_signaling_hook_seconds_count"
    return REGISTRY.get_sample_value(name, {"method": method, "outcome": outcome}) or 0.0


def told(result: str) -> float:
    return REGISTRY.get_sample_value("cordboard_signaling_hook_events_total", {"result": result}) or 0.0


# -- a web server that allows


async def test_a_call_is_asked_for_and_told_to_its_end(here: Stage, backend: WebBackend) -> None:
    page = await log_in(here, await pod_with(here, backend))
    session = page.session
    assert (await backend.expect("connect")).body["sipLogin"] == "alice"
    opened = (await backend.expect("ConnectionStatusEvent")).body
    assert (opened["status"], opened["sessionId"], opened["nodeId"]) == ("ESTABLISHED", session, "signaling-1")
    await here.agent.tell(session, RegistrationChanged(session_id=session, state="registered", status=200, reason="OK"))
    assert (await backend.expect("RegistrationStatusEvent")).body["status"] == "REGISTERED"
    assert (await place(page))["type"] == "ok"
    asked = (await backend.expect("call")).body
    assert (asked["callId"], asked["caller"], asked["callee"]) == (CALL, "alice", "bob")
    about = {"session_id": session, "call_id": CALL}
    await here.agent.tell(
        session,
        CallProgress(**about, state="ringing", status=180, reason="Ringing"),
        CallEstablished(**about),
        CallEnded(**about, status=200, reason="Normal Call Clearing", by="remote", was_established=True),
    )
    statuses = [(await backend.expect("CallStatusEvent")).body["status"] for _ in range(3)]
    assert statuses == ["RING", "ESTABLISHED", "FINISH"]
    assert (await page.ask("logout"))["type"] == "ok"
    assert (await backend.expect("ConnectionStatusEvent")).body["status"] == "DISCONNECTED"


async def test_every_post_is_signed_in_both_forms(here: Stage, backend: WebBackend) -> None:
    await log_in(here, await pod_with(here, backend, hooks_md5_secret="another one for MD5"))
    posted = await backend.expect("connect")
    at, _, mac = posted.headers["cordboard-signature"].partition(",v1=")
    seconds = at.removeprefix("t=")
    assert abs(time.time() - int(seconds)) < 60
    assert mac == hmac.new(KEY.encode(), seconds.encode() + b"." + posted.raw, hashlib.sha256).hexdigest()
    md5 = hmac.new(b"another one for MD5", posted.raw, hashlib.md5).hexdigest()
    assert posted.headers["authorization"] == f"WCS {md5}"
    assert posted.headers["content-type"] == "application/json"
    assert "sipPassword" not in posted.body and "secret" not in posted.raw.decode()


async def test_connect_overwrites_the_account(here: Stage, backend: WebBackend) -> None:
    backend.replies["connect"] = {"sipLogin": "bob", "sipPassword": "of bob", "sipDomain": "pbx.example.org"}
    page = await here.page(await pod_with(here, backend))
    await page.log_in("alice")
    opened = await here.agent.expect(OpenAccount)
    assert (opened.account.login, opened.account.domain) == ("bob", "pbx.example.org")
    assert Seal(SECRET).open(opened.account.sealed_password, page.session) == "of bob"


async def test_a_page_without_an_account_gets_the_one_that_connect_names(here: Stage, backend: WebBackend) -> None:
    backend.replies["connect"] = {"sipLogin": "click"}
    page = await here.page(await pod_with(here, backend))
    reply = await page.ask("login", version=1)
    assert reply["aor"] == "click@cordboard.local"
    opened = await here.agent.expect(OpenAccount)
    expected = account_password(SECRET, "click@cordboard.local")
    assert Seal(SECRET).open(opened.account.sealed_password, reply["session"]) == expected


async def test_an_echo_gives_nobody_an_account_that_is_not_his(here: Stage, backend: WebBackend) -> None:
    backend.replies["connect"] = {"sipLogin": "alice", "sipDomain": "", "sipPort": 0}
    page = await here.page(await pod_with(here, backend))
    await page.ask("login", version=1, sip={"login": "alice", "password": "", "domain": ""})
    assert (await here.agent.expect(OpenAccount)).account.sealed_password == ""


async def test_what_a_page_asks_for_in_a_call_is_done_in_its_order(here: Stage, backend: WebBackend) -> None:
    page = await log_in(here, await pod_with(here, backend))
    await place(page)
    await here.agent.expect(StartCall)
    await here.agent.tell(page.session, CallEstablished(session_id=page.session, call_id=CALL))
    await page.event("call.established")
    backend.held["sendDtmf"] = asyncio.Event()
    for digit in "123":
        await page.send("dtmf", call=CALL, digits=digit)
    await page.send("hold", call=CALL, on=True)
    await backend.expect("sendDtmf")
    backend.held["sendDtmf"].set()
    assert [(await here.agent.expect(SendDtmf)).digits for _ in range(3)] == ["1", "2", "3"]
    await here.agent.expect(HoldCall)


async def test_data_of_a_page_reaches_the_web_server(here: Stage, backend: WebBackend) -> None:
    page = await log_in(here, await pod_with(here, backend))
    assert (await page.ask("data", payload={"ticket": 4711}))["type"] == "ok"
    posted = (await backend.expect("OnDataEvent")).body
    assert posted["payload"] == {"ticket": 4711} and posted["sessionId"] == page.session
    backend.statuses["OnDataEvent"] = 403
    assert (await page.ask("data", payload="again"))["status"] == 403
    alone = await log_in(here, await here.pod("signaling-2"), "carol")
    assert (await alone.ask("data", payload=1))["status"] == 501


# -- one that refuses


async def test_a_refused_log_in_opens_nothing(here: Stage, backend: WebBackend) -> None:
    backend.statuses["connect"] = 403
    page = await here.page(await pod_with(here, backend))
    reply = await page.ask("login", version=1, sip={"login": "alice", "password": "secret", "domain": ""})
    assert (reply["type"], reply["status"], reply["reason"]) == ("error", 403, "Refused By The Backend")
    assert here.agent.got.empty()
    assert await here.store.sessions.names() == []
    backend.statuses.clear()
    await page.log_in()  # the same socket may try again


async def test_a_refused_call_reaches_nobody_and_another_goes_on(here: Stage, backend: WebBackend) -> None:
    page = await log_in(here, await pod_with(here, backend))
    await place(page, OTHER)
    await here.agent.expect(StartCall)
    await here.relay.expect(AllocateMedia)
    backend.statuses["call"] = 403
    reply = await place(page)
    assert (reply["status"], reply["reason"]) == (403, "Refused By The Backend")
    failed = await backend.expect("CallStatusEvent", lambda body: body["callId"] == CALL)
    assert (failed.body["status"], failed.body["sipStatus"]) == ("FAILED", 403)
    assert here.agent.got.empty() and here.relay.got.empty()
    await here.agent.tell(page.session, CallEstablished(session_id=page.session, call_id=OTHER))
    assert (await page.event("call.established"))["call"] == OTHER


async def test_a_refused_use_leaves_the_call_as_it_is_and_a_hang_up_cannot_be_refused(
    here: Stage, backend: WebBackend
) -> None:
    page = await log_in(here, await pod_with(here, backend))
    await place(page)
    await here.agent.expect(StartCall)
    await here.agent.tell(page.session, CallEstablished(session_id=page.session, call_id=CALL))
    await page.event("call.established")
    backend.statuses |= {"hold": 403, "hangup": 403}
    assert (await page.ask("hold", call=CALL, on=True))["status"] == 403
    assert here.agent.got.empty()
    assert (await page.ask("hangup", call=CALL))["type"] == "ok"
    await here.agent.expect(HangupCall)
    await backend.expect("hangup")


async def test_a_call_that_comes_in_is_refused_to_its_caller(here: Stage, backend: WebBackend) -> None:
    page = await log_in(here, await pod_with(here, backend))
    backend.statuses["OnCallEvent"] = 403
    with pytest.raises(RemoteError) as refused:
        await here.agent.ring(page.session, CALL)
    assert refused.value.status == 403
    assert here.relay.got.empty()
    assert (await backend.expect("CallStatusEvent")).body["status"] == "FAILED"
    backend.statuses.clear()
    await here.agent.ring(page.session, OTHER)
    assert (await page.event("call.incoming"))["call"] == OTHER


# -- one that is slow


@pytest.mark.parametrize(("policy", "status"), [("refuse", 503), ("allow", 200)])
async def test_a_slow_web_server_holds_up_its_own_call_alone(
    here: Stage, backend: WebBackend, policy: str, status: int
) -> None:
    pod = await pod_with(here, backend, hooks_timeout_seconds=1.5, hooks_on_failure=policy)
    page, other = await log_in(here, pod), await log_in(here, pod, "carol")
    await place(other, OTHER)
    await here.agent.expect(StartCall)
    failed = outcomes("call", "failed")
    backend.held["call"] = asyncio.Event()
    waiting = asyncio.ensure_future(place(page))
    await backend.expect("call", lambda body: body["callId"] == CALL)
    # The other call does all that calls do meanwhile.
    await here.agent.tell(other.session, CallEstablished(session_id=other.session, call_id=OTHER))
    assert (await other.event("call.established"))["call"] == OTHER
    assert (await other.ask("hold", call=OTHER, on=True))["type"] == "ok"
    await here.agent.expect(HoldCall)
    assert not waiting.done()
    reply = await waiting
    assert (reply["type"], reply.get("status", 200)) == ("error" if status == 503 else "ok", status)
    assert outcomes("call", "failed") == failed + 1


async def test_a_call_that_comes_in_waits_no_longer_than_its_agent(here: Stage, backend: WebBackend) -> None:
    pod = await pod_with(here, backend, hooks_timeout_seconds=30.0, hooks_on_failure="allow")
    page = await log_in(here, pod)
    backend.held["OnCallEvent"] = asyncio.Event()
    await here.agent.ring(page.session, CALL)
    assert (await page.event("call.incoming"))["call"] == CALL


async def test_events_that_are_slow_to_be_taken_hold_nobody_up(here: Stage, backend: WebBackend) -> None:
    backend.held["ConnectionStatusEvent"] = asyncio.Event()
    page = await log_in(here, await pod_with(here, backend))
    await backend.expect("ConnectionStatusEvent")
    assert (await place(page))["type"] == "ok"
    await here.agent.tell(
        page.session, CallProgress(session_id=page.session, call_id=CALL, state="ringing", status=180, reason="Ringing")
    )
    assert (await page.event("call.ringing"))["call"] == CALL
    assert "CallStatusEvent" not in backend.methods()  # in its order, after the one that is not taken yet
    backend.held.pop("ConnectionStatusEvent").set()
    assert (await backend.expect("CallStatusEvent")).body["status"] == "RING"


# -- one that is dead


async def test_a_dead_web_server_lets_nobody_in_unless_the_operator_says_so(here: Stage, backend: WebBackend) -> None:
    strict = await pod_with(here, backend)
    lenient = await pod_with(here, backend, name="signaling-2", hooks_on_failure="allow")
    await backend.stop()
    page = await here.page(strict)
    reply = await page.ask("login", version=1, sip={"login": "alice", "password": "secret", "domain": ""})
    assert (reply["status"], reply["reason"]) == (503, "No Word From The Backend")
    other = await log_in(here, lenient, "carol")
    assert (await place(other))["type"] == "ok"


async def test_a_web_server_that_dies_is_left_alone_and_calls_go_on(here: Stage, backend: WebBackend) -> None:
    pod = await pod_with(here, backend)
    page = await log_in(here, pod)
    await place(page, OTHER)
    await here.agent.expect(StartCall)
    await backend.stop()
    skipped = outcomes("call", "skipped")
    for number in range(8):
        reply = await place(page, f"c-abcdefgh1234567{number}")
        assert reply["status"] == 503
    assert outcomes("call", "skipped") > skipped
    assert REGISTRY.get_sample_value("cordboard_signaling_hook_circuit_open") == 1
    await here.agent.tell(page.session, CallEstablished(session_id=page.session, call_id=OTHER))
    assert (await page.event("call.established"))["call"] == OTHER
    assert (await page.ask("hangup", call=OTHER))["type"] == "ok"
    await here.agent.expect(HangupCall)


async def test_events_wait_for_a_web_server_that_comes_back(here: Stage, backend: WebBackend) -> None:
    pod = await pod_with(here, backend, hooks_on_failure="allow")
    await backend.stop()
    retried = told("retried")
    page = await log_in(here, pod)
    await eventually(lambda: told("retried") > retried)
    await backend.start()
    came = await backend.expect("ConnectionStatusEvent")
    assert (came.body["status"], came.body["sessionId"]) == ("ESTABLISHED", page.session)


async def test_a_reply_that_says_nothing_counts_as_none(here: Stage, backend: WebBackend) -> None:
    backend.statuses["connect"] = 500
    page = await here.page(await pod_with(here, backend))
    reply = await page.ask("login", version=1, sip={"login": "alice", "password": "secret", "domain": ""})
    assert reply["status"] == 503
    backend.statuses.clear()
    backend.replies["connect"] = {"sipLogin": "x" * 70_000}
    reply = await page.ask("login", version=1, sip={"login": "alice", "password": "secret", "domain": ""})
    assert reply["status"] == 503


async def test_methods_that_the_operator_skips_are_not_posted(here: Stage, backend: WebBackend) -> None:
    backend.statuses["call"] = 403
    page = await log_in(here, await pod_with(here, backend, hooks_skip=("call", "CallStatusEvent")))
    assert (await place(page))["type"] == "ok"
    await page.ask("logout")
    await backend.expect("ConnectionStatusEvent", lambda body: body["status"] == "DISCONNECTED")
    assert backend.methods() == ["connect", "ConnectionStatusEvent", "ConnectionStatusEvent"]
