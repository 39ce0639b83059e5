"""A signaling pod on a real bus with real WebSockets; agent and relay are played by the test."""

from collections.abc import AsyncIterator

import pytest

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
    StartCall,
)
from shared.sealing import Seal
from tests.support.signaling import BROWSER_SDP, SECRET, SIP_SDP, VIDEO, Stage, stage

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
