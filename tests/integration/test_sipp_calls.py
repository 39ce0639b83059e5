"""SIPp and the agent: how calls begin and end, both ways."""

import msgspec
import pytest
from tests.support.bus_seats import RelaySeat, SessionSeat
from tests.support.sipp_stage import (
    FarSide,
    agent,
    alice,
    all_media,
    bus,
    far,
    relay,
    ringing,
    start_call,
    summary,
    taken,
    timers,
)
from tests.support.sipp_stage import settings as plain_settings

from shared.errors import RemoteError
from shared.messages import AnswerMedia, CallEstablished, CallProgress, IncomingCall
from sip_agent.settings import Settings

__all__ = ["agent", "alice", "all_media", "bus", "far", "plain_settings", "relay", "timers"]  # fixtures
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def settings(plain_settings: Settings) -> Settings:
    return msgspec.structs.replace(plain_settings, ring_seconds=3.0)


async def test_we_call_and_hang_up(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("answer"):
        call_id = await start_call(alice)
        await ringing(alice)
        await alice.expect(CallEstablished)
        await alice.hang_up(call_id)
        assert summary(await alice.ended(call_id)) == (200, "local", True)


async def test_we_call_and_the_far_side_hangs_up(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("answer_hang_up"):
        assert summary(await alice.ended(await start_call(alice))) == (200, "remote", True)


async def test_we_are_called_and_hang_up(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("call"):
        call_id = await taken(alice)
        await alice.hang_up(call_id)
        assert summary(await alice.ended(call_id)) == (200, "local", True)


async def test_we_are_called_and_the_caller_hangs_up(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("call_hang_up"):
        assert summary(await alice.ended(await taken(alice))) == (200, "remote", True)


@pytest.mark.parametrize(("status", "reason"), [(486, "Busy Here"), (603, "Decline"), (480, "Gone Fishing")])
async def test_the_far_side_refuses(alice: SessionSeat, far: FarSide, status: int, reason: str) -> None:
    async with far.is_called("reject", status=str(status), reason=reason):
        end = await alice.ended(await start_call(alice))
        assert (end.reason, *summary(end)) == (reason, status, "remote", False)


@pytest.mark.parametrize("status", [486, 603])
async def test_we_refuse(alice: SessionSeat, far: FarSide, status: int) -> None:
    async with far.calls("call_refused", status=str(status)):
        incoming = await alice.expect(IncomingCall)
        await alice.hang_up(incoming.call_id, status)
        assert summary(await alice.ended(incoming.call_id)) == (status, "local", False)


async def test_what_signaling_refuses_the_caller_hears(alice: SessionSeat, far: FarSide) -> None:
    alice.refuse = RemoteError(503, "No Relay")
    async with far.calls("call_refused", status="503"):
        await alice.expect(IncomingCall)


async def test_the_far_side_does_not_answer(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("ring_until_cancelled"):
        assert summary(await alice.ended(await start_call(alice))) == (408, "system", False)


@pytest.mark.parametrize(("expires", "status"), [("Expires: 1", 487), ("", 480)])
async def test_we_do_not_answer(alice: SessionSeat, far: FarSide, expires: str, status: int) -> None:
    async with far.calls("call_refused", status=str(status), call_fields=expires):
        incoming = await alice.expect(IncomingCall)
        assert summary(await alice.ended(incoming.call_id)) == (status, "system", False)


async def test_we_give_up_while_it_rings(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("ring_until_cancelled"):
        call_id = await start_call(alice)
        await ringing(alice)
        await alice.hang_up(call_id)
        assert summary(await alice.ended(call_id)) == (487, "local", False)


@pytest.mark.parametrize("scenario", ["trying_until_cancelled", "answer_unheard"])
async def test_we_give_up_before_anything_was_heard(alice: SessionSeat, far: FarSide, scenario: str) -> None:
    async with far.is_called(scenario):
        call_id = await start_call(alice)
        await alice.hang_up(call_id)
        assert summary(await alice.ended(call_id)) == (487, "local", False)


async def test_an_answer_that_crosses_our_cancel_is_acknowledged_and_hung_up_on(
    alice: SessionSeat, far: FarSide
) -> None:
    async with far.is_called("answer_a_cancel"):
        call_id = await start_call(alice)
        await ringing(alice)
        await alice.hang_up(call_id)
        assert summary(await alice.ended(call_id)) == (487, "local", False)


async def test_the_caller_gives_up_while_it_rings(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("call_cancel"):
        incoming = await alice.expect(IncomingCall)
        assert summary(await alice.ended(incoming.call_id)) == (487, "remote", False)


async def test_the_caller_gives_up_before_the_session_has_taken_the_call(alice: SessionSeat, far: FarSide) -> None:
    alice.may_take.clear()
    async with far.calls("call_cancel_at_once") as caller:
        incoming = await alice.expect(IncomingCall)
        await caller.seen("CSeq: 1 ACK")
        alice.may_take.set()
        assert summary(await alice.ended(incoming.call_id)) == (487, "remote", False)


async def test_a_cancel_that_crosses_our_answer_changes_nothing(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("call_cancel_too_late"):
        incoming = await alice.expect(IncomingCall)
        await alice.answer(incoming.call_id)
        assert (await alice.ended(incoming.call_id)).by == "remote"


async def test_the_answer_counts_and_not_the_early_media_before_it(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("early_media"):
        call_id = await start_call(alice)
        early = await alice.expect(CallProgress, lambda event: event.status == 183)
        assert early.browser_sdp is not None and "m=audio 30000" in early.browser_sdp
        answered = await alice.expect(CallEstablished)
        assert answered.browser_sdp is not None and "m=audio 30002" in answered.browser_sdp
        await alice.hang_up(call_id)
        await alice.ended(call_id)


async def test_a_call_may_fail_after_early_media(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("early_media_refused"):
        call_id = await start_call(alice)
        assert (await alice.expect(CallProgress, lambda event: event.status == 183)).browser_sdp
        assert summary(await alice.ended(call_id)) == (404, "remote", False)


async def test_a_caller_without_an_offer_gets_ours(alice: SessionSeat, relay: RelaySeat, far: FarSide) -> None:
    async with far.calls("call_without_offer"):
        incoming = await alice.expect(IncomingCall)
        assert incoming.sip_sdp == ""
        await alice.answer(incoming.call_id)
        await alice.expect(CallEstablished)
        asked = [command for command in relay.commands if isinstance(command, AnswerMedia)]
        assert [command.side for command in asked] == ["browser", "sip"]
        assert "m=audio 30000" in asked[1].sdp
        await alice.hang_up(incoming.call_id)
        await alice.ended(incoming.call_id)


async def test_the_second_answer_of_a_fork_is_hung_up_on(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("fork_both_answer"):
        call_id = await start_call(alice)
        answered = await alice.expect(CallEstablished)
        assert answered.browser_sdp is not None and "m=audio 30000" in answered.browser_sdp
        assert summary(await alice.ended(call_id)) == (200, "remote", True)


async def test_all_early_dialogs_of_a_fork_are_heard(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("fork_early_dialogs"):
        call_id = await start_call(alice)
        for port in ("30000", "30002"):
            early = await alice.expect(CallProgress, lambda event: event.status == 183)
            assert early.browser_sdp is not None and f"m=audio {port}" in early.browser_sdp
        answered = await alice.expect(CallEstablished)
        assert answered.browser_sdp is not None and "m=audio 30002" in answered.browser_sdp
        await alice.hang_up(call_id)
        await alice.ended(call_id)
