"""SIPp and the agent: transfers, with phones that have registered at the built-in domain (RFC 3515, 3891, 5589)."""

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest
import pytest_asyncio
from tests.support.bus_seats import SessionSeat
from tests.support.processes import free_ports
from tests.support.sipp import Sipp, sipp
from tests.support.sipp_stage import (
    DOMAIN,
    agent,
    all_media,
    bus,
    hung_up,
    member,
    relay,
    settings,
    start_call,
    summary,
    timers,
)

from shared.messages import CallActionFailed, CallEnded, CallEstablished, CallTransferred, TransferProgress
from sip_agent.app import Agent

__all__ = ["agent", "all_media", "bus", "member", "relay", "settings", "timers"]  # fixtures
pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_DAVE = f"sip:dave@{DOMAIN}"


class Phones:
    """Ports of sipps that have registered."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.ports: dict[str, int] = {}

    async def register(self, user: str) -> None:
        """Let a phone register."""
        self.ports[user] = free_ports()
        values = {"user": user, "password": f"{user}-password", "outcome": "200"}
        options = ("-auth_uri", DOMAIN)
        async with sipp("register", *options, to=self.agent.address, port=self.ports[user], **values):
            pass

    def plays(self, user: str, scenario: str, **values: str) -> AbstractAsyncContextManager[Sipp]:
        """Play a scenario that waits for requests."""
        return sipp(scenario, port=self.ports[user], **values)

    def calls_alice(self, user: str, scenario: str, **values: str) -> AbstractAsyncContextManager[Sipp]:
        """Play a scenario that begins with an INVITE."""
        options = ("-auth_uri", f"alice@{DOMAIN}")
        return sipp(
            scenario,
            *options,
            to=self.agent.address,
            port=self.ports[user],
            user=user,
            callee="alice",
            **values,
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phones(agent: Agent) -> AsyncIterator[Phones]:
    phones = Phones(agent)
    for user in ("carol", "dave"):
        await phones.register(user)
    yield phones


async def called(member: SessionSeat, user: str) -> str:
    """Let the session call a phone, which answers; return the call's id."""
    call_id = await start_call(member, user)
    await member.expect(CallEstablished, lambda event: event.call_id == call_id)
    return call_id


async def test_we_transfer(member: SessionSeat, phones: Phones) -> None:
    async with phones.plays("carol", "answer_referred", refer_to=AT_DAVE, outcome="200 OK"):
        call_id = await called(member, "carol")
        await member.transfer(call_id, "dave")
        told = [(await member.expect(TransferProgress)).status for _ in range(3)]
        assert told == [100, 180, 200]
        end = await member.ended(call_id)
        assert (end.reason, *summary(end)) == ("Transferred", 200, "local", True)


async def test_a_transfer_that_fails_leaves_the_call(member: SessionSeat, phones: Phones) -> None:
    async with phones.plays("carol", "answer_referred", refer_to=AT_DAVE, outcome="486 Busy Here"):
        call_id = await called(member, "carol")
        await member.transfer(call_id, "dave")
        failed = await member.expect(CallActionFailed)
        assert (failed.action, failed.status) == ("transfer", 486)
        await hung_up(member, call_id)


async def test_a_transfer_that_is_refused_leaves_the_call(member: SessionSeat, phones: Phones) -> None:
    async with phones.plays("carol", "answer_refuse_refer"):
        call_id = await called(member, "carol")
        await member.transfer(call_id, "dave")
        failed = await member.expect(CallActionFailed)
        assert (failed.action, failed.status) == ("transfer", 603)
        await hung_up(member, call_id)


async def test_an_attended_transfer_names_the_other_call(member: SessionSeat, phones: Phones) -> None:
    async with phones.plays("dave", "answer") as dave:
        other = await called(member, "dave")
        call_id, to_tag, from_tag = await dialog_of(dave)
        replaces = f"{AT_DAVE}.Replaces={call_id}%3Bto-tag%3D{to_tag}%3Bfrom-tag%3D{from_tag}"
        async with phones.plays("carol", "answer_referred", refer_to=replaces, outcome="200 OK"):
            transferred = await called(member, "carol")
            await member.transfer(transferred, other_call_id=other)
            assert (await member.ended(transferred)).reason == "Transferred"
        await hung_up(member, other)


async def test_being_transferred(member: SessionSeat, phones: Phones) -> None:
    async with phones.plays("dave", "answer") as dave:
        async with phones.plays("carol", "answer_refer", refer_to=f"<{AT_DAVE}>", outcome="200 OK"):
            call_id = await called(member, "carol")
            transferred = await member.expect(CallTransferred)
            assert (transferred.call_id, transferred.peer) == (call_id, AT_DAVE)
        assert "Referred-By: <sip:carol@" in dave.messages
        await hung_up(member, call_id)
    assert len([event for event in member.events if isinstance(event, CallEnded)]) == 1


async def test_being_transferred_into_another_call(member: SessionSeat, phones: Phones) -> None:
    refer_to = f"<{AT_DAVE}?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2>"
    async with phones.plays("dave", "answer_replaces", replaces="x@y;to-tag=1;from-tag=2"):
        async with phones.plays("carol", "answer_refer", refer_to=refer_to, outcome="200 OK"):
            call_id = await called(member, "carol")
            await member.expect(CallTransferred)
        await hung_up(member, call_id)


async def test_being_transferred_in_vain_leaves_the_call(member: SessionSeat, phones: Phones) -> None:
    values = {"refer_to": f"<{AT_DAVE}>", "outcome": "486 Busy Here"}
    async with (
        phones.plays("dave", "reject", status="486", reason="Busy Here"),
        phones.plays("carol", "answer_refer_in_vain", **values) as carol,
    ):
        call_id = await called(member, "carol")
        await carol.seen("SIP/2.0 486 Busy Here")
        await hung_up(member, call_id)


async def dialog_of(callee: Sipp) -> tuple[str, str, str]:
    """Return the Call-ID, and the tags of To and From, of the call that a sipp has answered."""
    await callee.seen("ACK sip:")  # it logs what it sends after it has sent it
    found = [
        re.search(pattern, callee.messages, re.MULTILINE)
        for pattern in (r"^Call-ID: (\S+)", r"^To: .*;tag=(\S+)", r"^From: .*;tag=(\S+)")
    ]
    call_id, to_tag, from_tag = (match[1] for match in found if match is not None)
    return call_id, to_tag, from_tag


async def test_an_invite_takes_the_place_of_a_call(member: SessionSeat, phones: Phones) -> None:
    async with phones.plays("carol", "answer") as carol:
        call_id = await called(member, "carol")
        sip_call_id, at_carol, at_alice = await dialog_of(carol)
        replaces = f"Replaces: {sip_call_id};to-tag={at_alice};from-tag={at_carol}\nRequire: replaces"
        async with phones.calls_alice("dave", "call_in_domain", call_fields=replaces):
            assert (await member.expect(CallTransferred)).call_id == call_id
            assert summary(await member.ended(call_id)) == (200, "remote", True)
