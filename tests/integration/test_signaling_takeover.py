"""An agent dies, or gives its accounts away with their calls: what a page hears of that is nothing."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.integration.test_signaling_call_use import CALL, talking
from tests.support.pace import spend
from tests.support.signaling import BROWSER_SDP, AgentSeat, Stage, stage

from shared.errors import RemoteError
from shared.messages import (
    AccountMoved,
    AdoptMedia,
    AllocateMedia,
    AttachSession,
    CallSnapshot,
    HangupCall,
    HoldCall,
    OpenAccount,
    StartCall,
)
from shared.messages.account import SipAccount
from shared.records import AccountRecord


@pytest.fixture
async def here(nats_url: str) -> AsyncIterator[Stage]:
    async with stage(nats_url) as here:
        yield here


async def adopter(here: Stage, *calls: str) -> AgentSeat:
    """Another agent, which has these calls of the session."""
    other = AgentSeat(here.bus, "agent-2")
    live = tuple(
        CallSnapshot(call_id=call, direction="outgoing", state="established", caller="alice", callee="bob")
        for call in calls
    )
    other.snapshot = msgspec.structs.replace(other.snapshot, calls=live)
    await here.take_seat(other)
    return other


def moved(session: str) -> AccountMoved:
    return AccountMoved(session_id=session, agent="agent-2", epoch=8, has_calls=True)


async def own(here: Stage, session: str, agent: str, epoch: int, revision: int = 0) -> int:
    """Write whose the account is."""
    account = SipAccount(login="alice", domain="cordboard.local")
    record = AccountRecord(session_id=session, account=account, owner=agent, epoch=epoch, pod="signaling-1")
    return await here.store.accounts.update(session, record, revision)


async def test_calls_that_go_with_their_account_are_commanded_there(here: Stage) -> None:
    page, session = await talking(here)
    other = await adopter(here, CALL)
    await here.agent.tell(session, moved(session))
    assert (await other.expect(AttachSession)).epoch == 8
    assert (await page.ask("hold", call=CALL, on=True))["type"] == "ok"
    assert (await other.expect(HoldCall)).epoch == 8


async def test_a_call_that_was_lost_on_the_way_ends_for_the_page(here: Stage) -> None:
    page, session = await talking(here)
    await adopter(here)
    await here.agent.tell(session, moved(session))
    await page.event("registration")
    ended = await page.event("call.ended")
    assert (ended["call"], ended["status"]) == (CALL, 481)


async def test_a_command_waits_for_the_agent_that_takes_over(here: Stage) -> None:
    page, session = await talking(here)
    revision = await own(here, session, "agent-1", 7)
    other = await adopter(here, CALL)
    await here.leave_seat(here.agent)
    asked = asyncio.ensure_future(page.ask("hold", call=CALL, on=True))
    await spend(0.5)
    assert not asked.done()
    await own(here, session, "agent-2", 8, revision)
    assert (await asked)["type"] == "ok"
    assert (await other.expect(HoldCall)).epoch == 8


async def test_a_call_that_makes_its_account_move_starts_at_the_next_agent(here: Stage) -> None:
    page = await here.page(await here.pod())
    session = await page.log_in()
    await here.agent.expect(OpenAccount)
    other = await adopter(here)
    await own(here, session, "agent-2", 8)
    here.agent.refuse[StartCall] = RemoteError(481, "Account Has Moved")
    assert (await page.ask("call", call=CALL, to="bob", sdp=BROWSER_SDP))["type"] == "ok"
    start = await other.expect(StartCall)
    assert start.epoch == 8
    assert (await here.relay.expect(AllocateMedia)).agent == "agent-1"
    adopted = await here.relay.expect(AdoptMedia)  # events of the media go where the call is
    assert (adopted.media_id, adopted.agent, adopted.epoch) == (start.media.media_id, "agent-2", 8)


async def test_a_command_that_was_on_its_way_while_the_account_moved_is_carried_out(here: Stage) -> None:
    page, session = await talking(here)
    revision = await own(here, session, "agent-1", 7)
    other = await adopter(here, CALL)
    here.agent.hold[HangupCall] = answers = asyncio.Event()
    here.agent.refuse[HangupCall] = RemoteError(481, "Account Has Moved")
    asked = asyncio.ensure_future(page.ask("hangup", call=CALL))
    await here.agent.expect(HangupCall)
    await own(here, session, "agent-2", 8, revision)
    await here.agent.tell(session, moved(session))
    await other.expect(AttachSession)  # the pod knows of the move before its command is refused
    answers.set()
    assert (await asked)["type"] == "ok"
    assert (await other.expect(HangupCall)).epoch == 8
