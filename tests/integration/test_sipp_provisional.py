"""SIPp and the agent: reliable provisional responses (RFC 3262) and UPDATE (RFC 3311), both ways."""

import msgspec
import pytest
from tests.support.bus_seats import SessionSeat
from tests.support.sipp_stage import (
    FarSide,
    agent,
    alice,
    all_media,
    bus,
    far,
    hung_up,
    relay,
    ringing,
    start_call,
    summary,
)
from tests.support.sipp_stage import settings as plain_settings

from shared.messages import CallEstablished, CallProgress, IncomingCall
from sip_agent.core.transaction.timers import Timers
from sip_agent.settings import Settings

__all__ = ["agent", "alice", "all_media", "bus", "far", "plain_settings", "relay"]  # fixtures
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def timers() -> Timers:
    return Timers(t1=0.05, t2=0.4, t4=0.5)  # a caller that acknowledges nothing is refused after 64*T1


@pytest.fixture(scope="module")
def settings(plain_settings: Settings) -> Settings:
    return msgspec.structs.replace(plain_settings, reliable_provisional="supported")


async def test_ringing_of_the_far_side_is_acknowledged(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("ring_reliably"):
        call_id = await start_call(alice)
        await alice.expect(CallProgress, lambda event: event.status == 183)
        await ringing(alice)
        await alice.expect(CallEstablished)
        await hung_up(alice, call_id)


@pytest.mark.parametrize("field", ["Require: 100rel", "Supported: 100rel"])
async def test_our_ringing_is_repeated_until_its_prack(alice: SessionSeat, far: FarSide, field: str) -> None:
    async with far.calls("call_reliable", call_fields=field) as caller:
        incoming = await alice.expect(IncomingCall)
        await caller.seen("CSeq: 2 PRACK", 2)
        await alice.answer(incoming.call_id)
        await alice.expect(CallEstablished)
        await hung_up(alice, incoming.call_id)
        assert caller.messages.count("180 Ringing") == 3


async def test_a_caller_that_acknowledges_no_ringing_is_refused(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("call_without_prack", call_fields="Require: 100rel"):
        incoming = await alice.expect(IncomingCall)
        assert summary(await alice.ended(incoming.call_id)) == (504, "system", False)


async def test_a_prack_of_something_else_is_not_taken(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("call_with_wrong_prack", call_fields="Require: 100rel") as caller:
        incoming = await alice.expect(IncomingCall)
        await caller.seen("CSeq: 3 PRACK", 2)
        await alice.answer(incoming.call_id)
        await alice.expect(CallEstablished)
        await hung_up(alice, incoming.call_id)


async def test_updates_of_a_caller(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("call_updates", call_fields="Require: 100rel") as caller:
        incoming = await alice.expect(IncomingCall)
        await caller.seen("CSeq: 4 UPDATE", 2)
        await alice.answer(incoming.call_id)
        await alice.expect(CallEstablished)
        await caller.seen("CSeq: 100 UPDATE", 2)
        await hung_up(alice, incoming.call_id)


async def test_updates_of_a_callee(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("answer_updates") as callee:
        call_id = await start_call(alice)
        await alice.expect(CallEstablished)
        await callee.seen("CSeq: 100 UPDATE", 2)
        await hung_up(alice, call_id)
