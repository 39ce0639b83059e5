"""Sessions outlive their sockets: resumed, replaced, drained, swept; and each leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.signaling import BROWSER_SDP, AgentSeat, Stage, eventually, resumption, stage

from shared.errors import RemoteError
from shared.messages import (
    AttachSession,
    CallSnapshot,
    DetachSession,
    HangupCall,
    OpenAccount,
    RegistrationChanged,
    SessionEnded,
    SessionSnapshot,
    SipAccount,
    StartCall,
)
from shared.records import AccountRecord, SessionRecord
from signaling.sessions.directory import token_hash

CALL = "c-abcdefgh12345678"


@pytest.fixture
async def here(nats_url: str) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


async def test_a_resume_brings_registration_and_calls_to_another_pod(here: Stage) -> None:
    first, second = [await here.pod(f"signaling-{number}", resume_grace_seconds=30.0) for number in (1, 2)]
    page = await here.page(first)
    session = await page.log_in()
    await here.agent.expect(OpenAccount)
    await page.socket.close()
    detach = await here.agent.expect(DetachSession)
    assert (detach.session_id, detach.pod, detach.grace_seconds) == (session, "signaling-1", 30.0)
    call = CallSnapshot(
        call_id=CALL,
        direction="outgoing",
        state="established",
        caller="alice@cordboard.local",
        callee="bob",
        browser_sdp=BROWSER_SDP,
    )
    here.agent.snapshot = SessionSnapshot(registration="failed", status=403, reason="Forbidden", calls=(call,))
    back = await here.page(second)
    reply = await back.resume(session, page.resume_token)
    assert (await here.agent.expect(AttachSession)).pod == "signaling-2"
    assert reply["registration"] == {"state": "failed", "status": 403, "reason": "Forbidden"}
    assert [one["call"] for one in reply["calls"]] == [CALL]
    assert (await back.ask("hangup", call=CALL))["type"] == "ok"
    await here.agent.expect(HangupCall)
    entry = await here.store.sessions.get(session)
    assert entry is not None and entry.record.pod == "signaling-2" and entry.record.detached_at is None


@pytest.mark.parametrize("pods", [1, 2])
async def test_the_older_socket_is_told_that_it_was_replaced(here: Stage, pods: int) -> None:
    running = [await here.pod(f"signaling-{number}") for number in range(pods)]
    page = await here.page(running[0])
    session = await page.log_in()
    await here.agent.expect(OpenAccount)
    back = await here.page(running[-1])
    await back.resume(session, page.resume_token)
    assert await page.event("bye") == {"reason": "replaced"}
    assert await page.close_code() == 1000
    await here.agent.expect(AttachSession)
    # It has nothing to detach, and the calls come to the new one alone.
    await eventually(lambda: sum(len(one.pod.gateways) for one in running) == 1)
    assert here.agent.got.empty()
    await here.agent.ring(session, CALL)
    await back.event("call.incoming")
    assert len(here.relay.sessions) == 1


async def test_a_resume_token_is_good_once_and_for_its_session(here: Stage) -> None:
    pod = await here.pod(resume_grace_seconds=30.0)
    alice, bob = await here.page(pod), await here.page(pod)
    session, other = await alice.log_in(), await bob.log_in("bob")
    used = alice.resume_token
    await alice.socket.close()
    back = await here.page(pod)
    await back.resume(session, used)
    for _ in range(2):
        thief = await here.page(pod)
        for token in (used, bob.resume_token, "", "x" * 129):
            reply = await thief.try_to_resume(session, token)
            assert reply["status"] in (400, 403) and "session" not in reply
        assert (await thief.try_to_resume("s-unknown", used))["status"] == 404
    assert (await back.ask("ping"))["type"] == "ok" and (await bob.ask("ping"))["type"] == "ok"
    assert (await back.ask("logout"))["type"] == "ok"
    late = await here.page(pod)
    late_reply = await late.try_to_resume(session, back.resume_token)
    assert late_reply["status"] == 404
    assert await here.store.sessions.names() == [other]


async def test_a_resume_whose_reply_was_lost_loses_no_session_and_cannot_be_replayed(here: Stage) -> None:
    pods = [await here.pod("signaling-1", resume_grace_seconds=30.0), await here.pod("signaling-2")]
    page = await here.page(pods[0])
    session = await page.log_in()
    await here.agent.expect(OpenAccount)
    lost = resumption(session, page.resume_token)
    unlucky = await here.page(pods[0])
    here.agent.hold[AttachSession] = asyncio.Event()
    await unlucky.send("resume", **lost)
    await here.agent.expect(AttachSession)
    unlucky.socket.transport.pause_reading()
    here.agent.hold.pop(AttachSession).set()
    await eventually(lambda: pods[0].pod.sessions.get(session) is not None)
    unlucky.socket.transport.abort()
    back = await here.page(pods[1])
    assert (await back.ask("resume", **lost))["status"] == 403
    reply = await back.resume(session, lost["next_token"])
    assert reply["session"] == session and reply["resume_token"] not in lost.values()
    thief = await here.page(pods[0])
    for tokens in (lost, resumption(session, lost["next_token"]), resumption(session, page.resume_token)):
        assert (await thief.ask("resume", **tokens))["status"] == 403
    assert (await back.ask("ping"))["type"] == "ok"


async def test_a_next_token_must_be_new_and_hard_to_guess(here: Stage) -> None:
    pod = await here.pod(resume_grace_seconds=30.0)
    page = await here.page(pod)
    session = await page.log_in()
    back = await here.page(pod)
    for bad in (page.resume_token, "short", "x" * 31, "x" * 129, "x" * 31 + " "):
        assert (await back.try_to_resume(session, page.resume_token, bad))["status"] == 400
    assert (await back.resume(session, page.resume_token, "x" * 32))["resume_token"] == "x" * 32


async def test_one_of_two_with_the_same_token_wins(here: Stage) -> None:
    pods = [await here.pod("signaling-1"), await here.pod("signaling-2")]
    page = await here.page(pods[0])
    session = await page.log_in()
    twins = [await here.page(pod) for pod in pods]
    for twin in twins:
        await twin.send("resume", **resumption(session, page.resume_token))
    replies = [await twin.reply() for twin in twins]
    assert sorted(reply["type"] for reply in replies) == ["error", "ok"]
    assert [reply["status"] for reply in replies if reply["type"] == "error"] == [403]


async def test_a_resume_that_the_agent_does_not_answer_may_be_tried_again(here: Stage) -> None:
    pod = await here.pod(resume_grace_seconds=30.0)
    page = await here.page(pod)
    session = await page.log_in()
    await page.socket.close()
    here.agent.refuse[AttachSession] = RemoteError(503, "Service Unavailable")
    back = await here.page(pod)
    again = resumption(session, page.resume_token)
    assert (await back.ask("resume", **again))["status"] == 503
    here.agent.refuse.clear()
    assert (await back.ask("resume", **again))["type"] == "ok"


async def test_a_session_whose_account_is_gone_cannot_be_resumed_and_is_forgotten(here: Stage) -> None:
    pod = await here.pod(resume_grace_seconds=30.0)
    page = await here.page(pod)
    session = await page.log_in()
    await page.socket.close()
    here.agent.refuse[AttachSession] = RemoteError(481, "No Such Session")
    back = await here.page(pod)
    again = resumption(session, page.resume_token)
    assert (await back.ask("resume", **again))["status"] == 404
    assert await here.store.sessions.names() == []


async def test_an_account_that_moved_is_found_by_its_record(here: Stage) -> None:
    pod = await here.pod()
    page = await here.page(pod)
    session = await page.log_in()
    heir = AgentSeat(here.bus, "agent-2")
    await here.take_seat(heir)
    record = AccountRecord(
        session_id=session,
        account=SipAccount(login="alice", domain="cordboard.local"),
        owner="agent-2",
        epoch=8,
        pod="signaling-1",
    )
    await here.store.accounts.create(session, record)
    await here.leave_seat(here.agent)
    assert (await page.ask("call", call=CALL, to="bob", sdp=BROWSER_SDP))["type"] == "ok"
    assert (await heir.expect(StartCall)).epoch == 8


async def test_a_lost_socket_leaves_nothing_after_the_grace_time(here: Stage) -> None:
    pod = await here.pod()
    page = await here.page(pod)
    await page.log_in()
    before = len(asyncio.all_tasks())
    others = [await here.page(pod) for _ in range(3)]
    for other in others:
        await other.log_in("bob")
        other.socket.transport.abort()
    await eventually(lambda: len(pod.pod.gateways) == 1 and len(pod.pod.sessions) == 1)
    await here.until_sessions(1)
    await eventually(lambda: len(asyncio.all_tasks()) <= before)
    assert len(asyncio.all_tasks()) <= before


async def test_a_session_that_a_dead_pod_left_is_swept(here: Stage) -> None:
    await here.pod()
    record = SessionRecord(
        session_id="s-orphan", aor="a@b", pod="signaling-dead", agent="agent-1", epoch=1, resume_hash="", created_at=0
    )
    await here.store.sessions.create("s-orphan", record)
    page = await here.page(await here.pod("signaling-2"))
    session = await page.log_in()
    await here.until_sessions(1)
    assert await here.store.sessions.names() == [session]


async def test_a_session_whose_account_the_agent_closed_ends(here: Stage) -> None:
    pod = await here.pod()
    page = await here.page(pod)
    session = await page.log_in()
    await here.agent.tell(session, SessionEnded(session_id=session, reason="account closed"))
    assert await page.event("bye") == {"reason": "account closed"}
    assert await page.close_code() == 1000
    await here.until_sessions(0)
    assert await here.store.sessions.names() == []


async def test_draining_says_bye_and_the_page_resumes_at_another_pod(here: Stage) -> None:
    other = await here.pod("signaling-2", resume_grace_seconds=30.0)
    async with here.passing_pod("signaling-1", resume_grace_seconds=30.0) as pod:
        await eventually(lambda: pod.pod.not_ready() == "")
        page = await here.page(pod)
        session = await page.log_in()
    assert await page.event("bye") == {"reason": "draining"}
    assert await page.close_code() == 1012
    back = await here.page(other)
    assert (await back.resume(session, page.resume_token))["session"] == session


async def test_draining_does_not_wait_for_a_page_that_does_not_read(
    here: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signaling.pod._DRAIN_SECONDS", 0.2)
    async with here.passing_pod("signaling-1", backlog_bytes=2**27, resume_grace_seconds=30.0) as pod:
        await eventually(lambda: pod.pod.not_ready() == "")
        page = await here.unread_page(pod)
        session = await page.log_in()
        page.socket.transport.pause_reading()
        changed = RegistrationChanged(session_id=session, state="failed", reason="x" * 60000)
        while next(iter(pod.pod.gateways)).waiting < 10**6:
            await here.agent.tell(session, changed)
            await here.store.sessions.get(session)  # a round trip, so that the pod has its turn
    entry = await here.store.sessions.get(session)
    assert entry is not None and entry.record.detached_at is not None


async def test_a_session_of_a_pod_that_was_killed_is_resumed_at_another(here: Stage) -> None:
    pod = await here.pod("signaling-2", resume_grace_seconds=30.0)
    record = SessionRecord(
        session_id="s-kept",
        aor="alice@cordboard.local",
        pod="signaling-killed",
        agent="agent-1",
        epoch=1,
        resume_hash=token_hash("the token"),
        created_at=0,
    )
    await here.store.sessions.create("s-kept", record)
    page = await here.page(pod)
    assert (await page.resume("s-kept", "the token"))["aor"] == "alice@cordboard.local"
    assert (await here.agent.expect(AttachSession)).session_id == "s-kept"
