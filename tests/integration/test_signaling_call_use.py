"""Hold, digits, transfer, messages, delayed offers and accounts that move, between a page and its agents."""

from collections.abc import AsyncIterator

import pytest
from tests.support.signaling import BROWSER_SDP, AgentSeat, Page, Stage, eventually, stage

from shared.bus import expiry
from shared.errors import NoOwner, RemoteError
from shared.messages import (
    AccountMoved,
    AllocateMedia,
    CallEstablished,
    CallHold,
    Done,
    HangupCall,
    HoldCall,
    IncomingMessage,
    MessageSent,
    OpenAccount,
    SendDtmf,
    SendMessage,
    SipAccount,
    StartCall,
    TransferCall,
)
from shared.records import AccountRecord
from shared.subjects import session_events

CALL = "c-abcdefgh12345678"
MESSAGE = "t-abcdefgh12345678"
NO_CALL = RemoteError(481, "Call/Transaction Does Not Exist")


@pytest.fixture
async def here(nats_url: str) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


async def talking(here: Stage) -> tuple[Page, str]:
    """A page with an established call."""
    page = await here.page(await here.pod())
    session = await page.log_in()
    await here.agent.expect(OpenAccount)
    assert (await page.ask("call", call=CALL, to="bob", sdp=BROWSER_SDP, private=True))["type"] == "ok"
    start = await here.agent.expect(StartCall)
    assert start.is_private
    await here.agent.tell(session, CallEstablished(session_id=session, call_id=CALL, browser_sdp=BROWSER_SDP))
    assert await page.event("call.established") == {"call": CALL, "sdp": BROWSER_SDP}
    return page, session


def incoming(session: str, number: int = 1) -> IncomingMessage:
    return IncomingMessage(
        id=f"q-{number}",
        expires_at=expiry(),
        session_id=session,
        message_id=f"m-{number}",
        sender="sip:carol@example.org",
        sender_name="Carol",
        body="hello",
    )


async def test_what_a_page_does_with_its_call_reaches_the_agent_under_its_epoch(here: Stage) -> None:
    page, session = await talking(here)
    assert (await page.ask("hold", call=CALL, on=True))["type"] == "ok"
    hold = await here.agent.expect(HoldCall)
    assert (hold.session_id, hold.call_id, hold.is_held, hold.epoch) == (session, CALL, True, 7)
    await here.agent.tell(session, CallHold(session_id=session, call_id=CALL, local=True, remote=False))
    assert await page.event("call.hold") == {"call": CALL, "local": True, "remote": False}
    assert (await page.ask("dtmf", call=CALL, digits="12#", duration=200))["type"] == "ok"
    dtmf = await here.agent.expect(SendDtmf)
    assert (dtmf.digits, dtmf.duration_ms) == ("12#", 200)
    here.agent.refuse[TransferCall] = RemoteError(405, "Method Not Allowed")
    reply = await page.ask("transfer", call=CALL, to="carol")
    assert (reply["status"], reply["reason"]) == (405, "Method Not Allowed")
    transfer = await here.agent.expect(TransferCall)
    assert (transfer.target, transfer.other_call_id) == ("carol", "")


async def test_a_message_is_sent_and_its_end_is_told(here: Stage) -> None:
    page, session = await talking(here)
    assert (await page.ask("message", message=MESSAGE, to="bob", body="Grüße"))["type"] == "ok"
    sent = await here.agent.expect(SendMessage)
    assert (sent.message_id, sent.to, sent.body, sent.call_id) == (MESSAGE, "bob", "Grüße", "")
    assert sent.content_type == "text/plain;charset=UTF-8"
    await here.agent.tell(session, MessageSent(session_id=session, message_id=MESSAGE, status=202, reason="Accepted"))
    assert await page.event("message.sent") == {"message": MESSAGE, "status": 202, "reason": "Accepted"}
    assert (await page.ask("message", message=MESSAGE, call=CALL, body="inside"))["type"] == "ok"
    sent = await here.agent.expect(SendMessage)
    assert (sent.to, sent.call_id) == ("", CALL)


async def test_a_message_is_done_once_a_socket_has_it_and_nobody_answers_without_one(here: Stage) -> None:
    pod = await here.pod()
    page = await here.page(pod)
    session = await page.log_in()
    assert await here.bus.request(session_events(session), incoming(session), Done) == Done()
    assert await page.event("message") == {
        "message": "m-1",
        "from": "carol@example.org",
        "from_name": "Carol",
        "body": "hello",
        "content_type": "text/plain;charset=UTF-8",
    }
    await page.socket.close()
    await eventually(lambda: not pod.pod.sessions)
    with pytest.raises(NoOwner):
        await here.bus.request(session_events(session), incoming(session, 2), Done)


async def test_a_caller_without_an_offer_rings_with_one_of_the_relay(here: Stage) -> None:
    page = await here.page(await here.pod())
    session = await page.log_in()
    accepted = await here.agent.ring(session, CALL, sip_sdp="")
    assert accepted.browser_sdp == BROWSER_SDP
    allocate = await here.relay.expect(AllocateMedia)
    assert (allocate.browser_sdp, allocate.sip_sdp) == (None, None)
    assert (await page.event("call.incoming"))["sdp"] == BROWSER_SDP


async def moved(here: Stage, session: str) -> AgentSeat:
    """Another agent takes the account over, and its calls."""
    other = AgentSeat(here.bus, "agent-2")
    await here.take_seat(other)
    await here.agent.tell(session, AccountMoved(session_id=session, agent="agent-2", epoch=8))
    assert (await here.until_agent_is(session, "agent-2")).epoch == 8
    return other


async def test_after_a_move_all_work_goes_to_the_new_agent(here: Stage) -> None:
    page, session = await talking(here)
    other = await moved(here, session)
    assert (await page.ask("message", message=MESSAGE, to="bob", body="hello"))["type"] == "ok"
    assert (await other.expect(SendMessage)).epoch == 8
    assert (await page.ask("hold", call=CALL, on=True))["type"] == "ok"
    assert (await other.expect(HoldCall)).epoch == 8


async def test_a_command_that_the_old_agent_knows_nothing_of_is_tried_once_where_the_record_says(here: Stage) -> None:
    page, session = await talking(here)
    other = AgentSeat(here.bus, "agent-2")
    await here.take_seat(other)
    here.agent.refuse[HoldCall] = NO_CALL
    account = SipAccount(login="alice", domain="cordboard.local")
    record = AccountRecord(session_id=session, account=account, owner="agent-2", epoch=9, pod="signaling-1")
    await here.store.accounts.create(session, record)
    assert (await page.ask("hold", call=CALL, on=True))["type"] == "ok"
    await here.agent.expect(HoldCall)
    assert (await other.expect(HoldCall)).epoch == 9
    assert (await page.ask("hangup", call=CALL))["type"] == "ok"
    assert (await other.expect(HangupCall)).epoch == 9
    other.refuse[SendDtmf] = NO_CALL
    assert (await page.ask("dtmf", call=CALL, digits="1"))["status"] == 481
    await other.expect(SendDtmf)
    assert here.agent.got.empty()


async def test_an_older_word_of_a_move_changes_nothing(here: Stage) -> None:
    page, session = await talking(here)
    await here.agent.tell(session, AccountMoved(session_id=session, agent="agent-2", epoch=7))
    assert (await page.ask("message", message=MESSAGE, to="bob", body="hello"))["type"] == "ok"
    await here.agent.expect(SendMessage)
