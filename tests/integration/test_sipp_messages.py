"""SIPp and the agent: INFO (RFC 2976's digits), MESSAGE (RFC 3428) and OPTIONS, both ways."""

import pytest
from tests.support.bus_seats import SessionSeat
from tests.support.sipp import sipp
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

from shared.errors import RemoteError
from shared.messages import CallActionFailed, CallEstablished, DtmfReceived, IncomingMessage

__all__ = ["agent", "alice", "all_media", "bus", "far", "relay", "settings", "timers"]  # fixtures
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_digits_go_out_one_after_the_other(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("answer_digits"):
        call_id = await start_call(alice)
        await alice.expect(CallEstablished)
        await alice.send_dtmf(call_id, "1#2", 150)
        failed = await alice.expect(CallActionFailed)
        assert (failed.action, failed.status) == ("dtmf", 415)
        await hung_up(alice, call_id)


async def test_digits_come_in(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("call_digits") as caller:
        call_id = await taken(alice)
        digits = [await alice.expect(DtmfReceived) for _ in range(2)]
        assert [(digit.digit, digit.duration_ms) for digit in digits] == [("5", 160), ("#", 0)]
        await caller.seen("SIP/2.0 415")
        await hung_up(alice, call_id)


@pytest.mark.parametrize("status", [200, 404])
async def test_a_message_of_ours(alice: SessionSeat, far: FarSide, status: int) -> None:
    async with far.is_called("take_message", status=str(status)):
        await alice.send_message("bob", f"m-{status}", "good morning")
        assert await alice.sent(f"m-{status}") == status


async def test_a_message_of_theirs(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("send_message", status="200"):
        message = await alice.expect(IncomingMessage)
        assert (message.body.strip(), message.call_id) == ("good evening", "")
        assert message.sender == f"sip:far@127.0.0.1:{far.port}"


async def test_a_message_that_the_session_refuses(alice: SessionSeat, far: FarSide) -> None:
    alice.refuse = RemoteError(486, "Busy Here")
    async with far.calls("send_message", status="486"):
        await alice.expect(IncomingMessage)


async def test_messages_in_a_call(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("call_messages") as caller:
        call_id = await taken(alice)
        message = await alice.expect(IncomingMessage)
        assert (message.body.strip(), message.call_id) == ("good evening", call_id)
        await caller.seen("CSeq: 101 MESSAGE", 2)
        await alice.send_message("", "m-1", "good morning", call_id)
        assert await alice.sent("m-1") == 200
        await hung_up(alice, call_id)


async def test_a_session_says_what_it_understands(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("options") as asker:
        assert (await asker.counts()).successful == 1


async def test_a_stranger_learns_nothing_and_says_nothing(alice: SessionSeat, far: FarSide) -> None:
    async with sipp("options_of_a_stranger", "-s", far.user, to=far.agent.address):
        pass
    async with sipp("send_message", "-s", far.user, to=far.agent.address, status="403"):
        pass
    assert not any(isinstance(event, IncomingMessage) for event in alice.events)
