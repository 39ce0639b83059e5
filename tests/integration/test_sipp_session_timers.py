"""SIPp and the agent: session timers (RFC 4028), each side in both roles."""

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
    relay,
    start_call,
    summary,
    taken,
    timers,
)
from tests.support.sipp_stage import settings as plain_settings

from shared.messages import CallEstablished
from sip_agent.settings import Settings

__all__ = ["agent", "alice", "all_media", "bus", "far", "plain_settings", "relay", "timers"]  # fixtures
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def settings(plain_settings: Settings) -> Settings:
    return msgspec.structs.replace(plain_settings, session_expires=3, min_session_expires=2)


@pytest.mark.parametrize(
    ("scenario", "fields"),
    [
        ("answer_refuse_interval", "Session-Expires: 4;refresher=uac\nAllow: INVITE, ACK, BYE, UPDATE"),
        ("answer_refreshed_by_invite", "Session-Expires: 3;refresher=uac\nAllow: INVITE, ACK, BYE"),
    ],
)
async def test_we_refresh_a_call_of_ours(alice: SessionSeat, far: FarSide, scenario: str, fields: str) -> None:
    async with far.is_called(scenario, answer_fields=fields):
        call_id = await start_call(alice)
        await alice.expect(CallEstablished)
        assert summary(await alice.ended(call_id)) == (200, "remote", True)


async def test_we_refresh_a_call_of_theirs(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("call_refreshed"):
        assert summary(await alice.ended(await taken(alice))) == (200, "remote", True)


@pytest.mark.parametrize(
    ("scenario", "fields"),
    [
        ("answer_no_refresh", "Session-Expires: 3;refresher=uac\nAllow: INVITE, ACK, BYE, UPDATE"),
        ("answer_refresh", "Session-Expires: 3;refresher=uas"),
    ],
)
async def test_who_is_silent_is_hung_up_on(alice: SessionSeat, far: FarSide, scenario: str, fields: str) -> None:
    async with far.is_called(scenario, answer_fields=fields):
        call_id = await start_call(alice)
        await alice.expect(CallEstablished)
        end = await alice.ended(call_id)
        assert (end.reason, *summary(end)) == ("Session Expired", 408, "system", True)


async def test_a_caller_agrees_on_an_interval_and_is_hung_up_on_when_silent(alice: SessionSeat, far: FarSide) -> None:
    async with far.calls("call_refresh", call_fields="Supported: timer\nSession-Expires: 1"):
        end = await alice.ended(await taken(alice))
        assert (end.reason, *summary(end)) == ("Session Expired", 408, "system", True)
