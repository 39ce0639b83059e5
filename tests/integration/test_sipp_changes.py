"""SIPp and the agent: what may happen in an established call by re-INVITE (RFC 3261 §14, RFC 3264 §8)."""

import pytest
from tests.support.bus_seats import RelaySeat, SessionSeat
from tests.support.sipp_stage import (
    FarSide,
    agent,
    alice,
    all_media,
    bus,
    far,
    hung_up,
    relay,
    settings,
    start_call,
    taken,
    timers,
)

from shared.messages import AnswerMedia, CallActionFailed, CallEstablished, CallHold

__all__ = ["agent", "alice", "all_media", "bus", "far", "relay", "settings", "timers"]  # fixtures
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def called(alice: SessionSeat) -> str:
    """Let a session call the far side, which answers; return the call's id."""
    call_id = await start_call(alice)
    await alice.expect(CallEstablished)
    return call_id


async def hold_and_take_back(alice: SessionSeat, call_id: str) -> None:
    for is_held in (True, False):
        await alice.hold(call_id, is_held)
        change = await alice.expect(CallHold)
        assert (change.local, change.remote) == (is_held, False)
    await hung_up(alice, call_id)


async def test_we_hold_whom_we_called(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("answer_held") as callee:
        await hold_and_take_back(alice, await called(alice))
        assert (await callee.counts()).successful == 1


async def test_we_hold_who_called_us(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("call_held") as caller:
        await hold_and_take_back(alice, await taken(alice))
        assert (await caller.counts()).successful == 1


async def is_held_and_taken_back(alice: SessionSeat, relay: RelaySeat, call_id: str) -> None:
    for is_held in (True, False):
        relay.is_held = is_held  # what it finds in the description that comes next
        change = await alice.expect(CallHold)
        assert (change.local, change.remote) == (False, is_held)
    await hung_up(alice, call_id)


async def test_whom_we_called_holds(alice: SessionSeat, relay: RelaySeat, far: FarSide) -> None:
    async with far.is_called("answer_hold") as callee:
        await is_held_and_taken_back(alice, relay, await called(alice))
        assert (await callee.counts()).successful == 1


async def test_who_called_us_holds(alice: SessionSeat, relay: RelaySeat, far: FarSide) -> None:
    async with far.calls("call_hold") as caller:
        await is_held_and_taken_back(alice, relay, await taken(alice))
        assert (await caller.counts()).successful == 1


async def test_a_refused_hold_leaves_the_call(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("answer_refuse_hold"):
        call_id = await called(alice)
        await alice.hold(call_id)
        failed = await alice.expect(CallActionFailed)
        assert (failed.action, failed.status) == ("hold", 488)
        await hung_up(alice, call_id)


async def test_our_offer_is_answered_in_the_ack(alice: SessionSeat, relay: RelaySeat, far: FarSide) -> None:
    async with far.calls("call_ask_for_offer") as caller:
        call_id = await taken(alice)
        await caller.seen("CSeq: 101 ACK")
        await hung_up(alice, call_id)
    answers = [command.sdp for command in relay.commands if isinstance(command, AnswerMedia)]
    assert "m=audio 30004" in answers[-1]


async def test_a_hold_that_meets_glare_comes_through(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("call_glare"):
        call_id = await taken(alice)
        await alice.hold(call_id)
        assert (await alice.expect(CallHold)).local
        await hung_up(alice, call_id)


@pytest.mark.parametrize(
    ("scenario", "last"), [("call_overlap", "CSeq: 101 ACK"), ("call_out_of_order", "SIP/2.0 500")]
)
async def test_requests_that_come_too_early_or_too_late(
    alice: SessionSeat, far: FarSide, scenario: str, last: str
) -> None:
    async with far.calls(scenario) as caller:
        call_id = await taken(alice)
        await caller.seen(last)
        await hung_up(alice, call_id)
        assert (await caller.counts()).successful == 1


async def test_later_requests_go_where_the_far_side_has_moved(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("answer_move") as callee:
        call_id = await called(alice)
        await callee.seen("CSeq: 101 ACK")
        await hung_up(alice, call_id)
        assert (await callee.counts()).successful == 1


@pytest.mark.parametrize(
    ("lr", "target", "route"), [(";lr", "^[A-Z]* sip:far@", "sip:proxy@"), ("", "^[A-Z]* sip:proxy@", "sip:far@")]
)
async def test_requests_in_the_dialog_take_its_route(
    alice: SessionSeat, far: FarSide, lr: str, target: str, route: str
) -> None:
    async with far.is_called("answer_routed", lr=lr, target=target, route=route) as callee:
        await hung_up(alice, await called(alice))
        assert (await callee.counts()).successful == 1
