"""A signaling pod on a real bus with real WebSockets; agent and relay are played by the test."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from tests.support.signaling import BROWSER_SDP, SECRET, SIP_SDP, VIDEO, RelaySeat, Stage, eventually, stage

from shared.errors import NoOwner, RemoteError
from shared.messages import (
    AllocateMedia,
    AnswerCall,
    CallEnded,
    CallEstablished,
    CallProgress,
    CloseAccount,
    HangupCall,
    OpenAccount,
    RegistrationChanged,
    ReleaseMedia,
    StartCall,
)
from shared.presence import beat
from shared.sealing import Seal

CALL = "c-abcdefgh12345678"


@pytest.fixture
async def here(nats_url: str) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


async def test_a_login_opens_an_account_and_a_session(here: Stage) -> None:
    pod = await here.pod(ice_servers='[{"urls": ["stun:stun.example.org"]}]')
    page = await here.page(pod)
    reply = await page.ask("login", version=1, sip={"login": "alice", "password": "secret", "domain": ""})
    assert reply["aor"] == "alice@cordboard.local" and reply["domain"] == "cordboard.local"
    assert reply["ice_servers"] == [{"urls": ["stun:stun.example.org"]}]
    opened = await here.agent.expect(OpenAccount)
    assert opened.session_id == reply["session"] and opened.pod == "signaling-1"
    assert Seal(SECRET).open(opened.account.sealed_password, reply["session"]) == "secret"
    entry = await here.store.sessions.get(reply["session"])
    assert entry is not None and entry.record.agent == "agent-1" and entry.record.epoch == 7
    assert reply["resume_token"] not in entry.record.resume_hash
    await here.agent.tell(
        page.session or reply["session"],
        RegistrationChanged(session_id=reply["session"], state="registered", status=200, reason="OK", expires=300),
    )
    assert await page.event("registration") == {"state": "registered", "status": 200, "reason": "OK", "expires": 300}


async def test_an_outgoing_call_from_request_to_end(here: Stage) -> None:
    page = await here.page(await here.pod())
    session = await page.log_in()
    await here.agent.expect(OpenAccount)
    reply = await page.ask("call", call=CALL, to="bob", sdp=BROWSER_SDP + VIDEO, headers={"X-Ticket": "4711"})
    assert reply["type"] == "ok"
    allocate = await here.relay.expect(AllocateMedia)
    assert allocate.browser_sdp == BROWSER_SDP + VIDEO and allocate.agent == "agent-1"
    start = await here.agent.expect(StartCall)
    assert (start.call_id, start.callee, start.sip_sdp, start.epoch) == (CALL, "bob", SIP_SDP, 7)
    assert start.has_video and start.headers == {"X-Ticket": "4711"}
    assert start.media.media_id == allocate.media_id
    about = {"session_id": session, "call_id": CALL}
    await here.agent.tell(
        session,
        CallProgress(**about, state="trying", status=100, reason="Trying"),
        CallProgress(**about, state="ringing", status=180, reason="Ringing"),
        CallProgress(**about, state="early", status=183, reason="Session Progress", browser_sdp=BROWSER_SDP),
        CallEstablished(**about),
    )
    assert await page.event("call.trying") == {"call": CALL, "status": 100, "reason": "Trying"}
    assert await page.event("call.ringing") == {"call": CALL, "status": 180, "reason": "Ringing"}
    assert (await page.event("call.early"))["sdp"] == BROWSER_SDP
    assert await page.event("call.established") == {"call": CALL}
    assert (await page.ask("hangup", call=CALL))["type"] == "ok"
    assert (await here.agent.expect(HangupCall)).call_id == CALL
    await here.agent.tell(session, CallEnded(**about, status=200, reason="OK", by="local", was_established=True))
    ended = {"call": CALL, "status": 200, "reason": "OK", "by": "local", "established": True}
    assert await page.event("call.ended") == ended
    assert (await page.ask("hangup", call=CALL))["status"] == 481


async def test_an_incoming_call_from_invite_to_end(here: Stage) -> None:
    page = await here.page(await here.pod())
    session = await page.log_in()
    await here.agent.expect(OpenAccount)
    accepted = await here.agent.ring(session, CALL)
    assert accepted.browser_sdp == BROWSER_SDP and accepted.media.relay == "relay-1" and not accepted.has_video
    assert (await here.relay.expect(AllocateMedia)).sip_sdp == SIP_SDP
    shown = await page.event("call.incoming")
    assert shown == {
        "call": CALL,
        "from": "carol@example.org",
        "from_name": "Carol",
        "to": "alice@cordboard.local",
        "sdp": BROWSER_SDP,
        "video": False,
        "asserted": "",
        "headers": {},
    }
    assert (await page.ask("answer", call=CALL, sdp=BROWSER_SDP))["type"] == "ok"
    assert (await here.agent.expect(AnswerCall)).browser_sdp == BROWSER_SDP
    await here.agent.tell(session, CallEstablished(session_id=session, call_id=CALL))
    assert await page.event("call.established") == {"call": CALL}


async def test_logout_leaves_nothing(here: Stage) -> None:
    page = await here.page(await here.pod())
    session = await page.log_in()
    await here.agent.expect(OpenAccount)
    assert (await page.ask("logout"))["type"] == "ok"
    assert (await here.agent.expect(CloseAccount)).session_id == session
    assert await page.close_code() == 1000
    assert await here.store.sessions.names() == []


async def test_no_agent_no_relay_and_a_pod_that_says_so(here: Stage, nats_url: str) -> None:
    here.agent.draining = here.relay.draining = True
    pod = await here.pod()
    page = await here.page(pod)
    await eventually(lambda: all(beat.draining for beat in pod.pod.presences.agents.live(time.monotonic())))
    login = {"version": 1, "sip": {"login": "alice", "password": "", "domain": ""}}
    assert (await page.ask("login", **login))["reason"] == "No SIP Agent"
    here.agent.draining = False
    await eventually(lambda: any(not beat.draining for beat in pod.pod.presences.agents.live(time.monotonic())))
    await page.log_in()
    reply = await page.ask("call", call=CALL, to="bob", sdp=BROWSER_SDP)
    assert (reply["status"], reply["reason"]) == (503, "No Media Relay")


async def test_a_relay_that_refuses_or_is_gone_is_passed_over(here: Stage) -> None:
    full = RelaySeat(here.bus, "relay-2")
    full.refuse[AllocateMedia] = RemoteError(503, "No Ports Left")
    await here.take_seat(full)
    gone = RelaySeat(here.bus, "relay-3")
    here.tasks.spawn(beat(here.bus, gone.heartbeat), "a relay that nobody serves")
    pod = await here.pod()
    await eventually(lambda: len(pod.pod.presences.relays.live(time.monotonic())) == 3)
    page = await here.page(pod)
    await page.log_in()
    for number in range(6):
        reply = await page.ask("call", call=f"{CALL}{number}", to="bob", sdp=BROWSER_SDP)
        assert reply["type"] == "ok"
    assert len(here.relay.sessions) == 6


async def test_a_bad_offer_is_told_at_once_and_a_refused_call_frees_its_media(here: Stage) -> None:
    page = await here.page(await here.pod())
    await page.log_in()
    await here.agent.expect(OpenAccount)
    here.relay.refuse[AllocateMedia] = RemoteError(488, "Not Acceptable Here")
    assert (await page.ask("call", call=CALL, to="bob", sdp=BROWSER_SDP))["status"] == 488
    await here.relay.expect(AllocateMedia)
    here.relay.refuse.clear()
    here.agent.refuse[StartCall] = RemoteError(403, "Forbidden")
    reply = await page.ask("call", call=CALL, to="bob", sdp=BROWSER_SDP)
    assert (reply["status"], reply["reason"]) == (403, "Forbidden")
    await here.relay.expect(AllocateMedia)
    await here.relay.expect(ReleaseMedia)
    assert not here.relay.sessions


async def test_a_call_hung_up_before_its_media_is_there_never_starts(here: Stage) -> None:
    page = await here.page(await here.pod())
    await page.log_in()
    await here.agent.expect(OpenAccount)
    here.relay.hold[AllocateMedia] = asyncio.Event()
    call = await page.send("call", call=CALL, to="bob", sdp=BROWSER_SDP)
    await here.relay.expect(AllocateMedia)
    assert (await page.ask("hangup", call=CALL))["type"] == "ok"
    here.relay.hold[AllocateMedia].set()
    reply = await page.reply()
    assert (reply["re"], reply["status"]) == (call, 487)
    await here.relay.expect(ReleaseMedia)
    assert not here.relay.sessions and here.agent.got.empty()


async def test_events_that_overtake_the_reply_wait_for_it(here: Stage) -> None:
    page = await here.page(await here.pod())
    session = await page.log_in()
    await here.agent.expect(OpenAccount)
    here.agent.hold[StartCall] = asyncio.Event()
    call = await page.send("call", call=CALL, to="bob", sdp=BROWSER_SDP)
    await here.agent.expect(StartCall)
    about = {"session_id": session, "call_id": CALL}
    await here.agent.tell(
        session,
        CallProgress(**about, state="trying", status=100, reason="Trying"),
        CallEnded(**about, status=404, reason="Not Found", by="remote"),
        RegistrationChanged(session_id=session, state="registered", status=200),
    )
    await page.event("registration")
    here.agent.hold[StartCall].set()
    assert (await page.reply())["re"] == call
    await page.event("call.trying")
    assert (await page.event("call.ended"))["status"] == 404


async def test_an_agent_that_does_not_answer_costs_no_media(here: Stage) -> None:
    page = await here.page(await here.pod())
    await page.log_in()
    await here.agent.expect(OpenAccount)
    here.agent.hold[StartCall] = asyncio.Event()
    reply = await page.ask("call", call=CALL, to="bob", sdp=BROWSER_SDP)
    assert (reply["status"], reply["reason"]) == (504, "Server Time-out")
    await here.agent.expect(StartCall)
    assert (await here.agent.expect(HangupCall)).call_id == CALL
    await here.relay.expect(AllocateMedia)
    await here.relay.expect(ReleaseMedia)
    here.agent.hold[StartCall].set()
    assert not here.relay.sessions


async def test_an_incoming_call_without_media_or_page_is_refused(here: Stage) -> None:
    pod = await here.pod()
    page = await here.page(pod)
    session = await page.log_in()
    here.relay.refuse[AllocateMedia] = RemoteError(503, "No Ports Left")
    with pytest.raises(RemoteError, match="503 No Ports Left"):
        await here.agent.ring(session, CALL)
    here.relay.refuse.clear()
    here.relay.hold[AllocateMedia] = asyncio.Event()
    here.relay.got = asyncio.Queue()
    ringing = here.tasks.spawn(here.agent.ring(session, CALL), "ring")
    await here.relay.expect(AllocateMedia)
    await page.socket.close()
    await eventually(lambda: not pod.pod.sessions)
    here.relay.hold[AllocateMedia].set()
    with pytest.raises(RemoteError, match="480"):
        await ringing
    await here.relay.expect(ReleaseMedia)
    with pytest.raises(NoOwner):
        await here.agent.ring(session, "c-another")
    assert not here.relay.sessions


async def test_a_caller_who_gives_up_while_media_is_made_is_never_shown(here: Stage) -> None:
    page = await here.page(await here.pod())
    session = await page.log_in()
    here.relay.hold[AllocateMedia] = asyncio.Event()
    ringing = here.tasks.spawn(here.agent.ring(session, CALL), "ring")
    await here.relay.expect(AllocateMedia)
    ended = CallEnded(session_id=session, call_id=CALL, status=487, reason="Request Terminated", by="remote")
    await here.agent.tell(session, ended, RegistrationChanged(session_id=session, state="registered"))
    await page.event("registration")
    here.relay.hold[AllocateMedia].set()
    with pytest.raises(RemoteError, match="480"):
        await ringing
    await here.relay.expect(ReleaseMedia)
    assert (await page.ask("ping"))["type"] == "ok"
