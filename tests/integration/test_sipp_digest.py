"""SIPp and the agent: digest (RFC 7616, RFC 3261 §22), with the far side as the one that asks, and as the one asked."""

import hashlib
import re

import pytest
from tests.support.bus_seats import SessionSeat
from tests.support.processes import free_ports
from tests.support.sipp import sipp
from tests.support.sipp_stage import (
    DOMAIN,
    FarSide,
    agent,
    alice,
    all_media,
    bus,
    far,
    hung_up,
    member,
    relay,
    settings,
    start_call,
    summary,
    taken,
    timers,
)

from shared.messages import CallEstablished, CallHold
from sip_agent.app import Agent

__all__ = ["agent", "alice", "all_media", "bus", "far", "member", "relay", "settings", "timers"]  # fixtures
pytestmark = pytest.mark.asyncio(loop_scope="module")

OF_DOMAIN = ("-auth_uri", DOMAIN)  # else sipp writes the address in place of the Request-URI
HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


def digest(algorithm: str, *parts: str) -> str:
    return hashlib.new(HASHES[algorithm], ":".join(parts).encode()).hexdigest()


def is_right(method: str, credentials: str, algorithm: str, realm: str) -> bool:
    """Compute the response anew (RFC 7616 §3.4.1)."""
    given = {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|[^\s,]+)', credentials)}
    assert (given["username"], given["realm"], given["algorithm"]) == ("alice", realm, algorithm)
    secret = digest(algorithm, "alice", realm, "secret")
    session = (given["nonce"], given["nc"], given["cnonce"], given["qop"])
    return given["response"] == digest(algorithm, secret, *session, digest(algorithm, method, given["uri"]))


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("algorithm", HASHES)
async def test_credentials_are_shown_at_invite_hold_and_bye(
    alice: SessionSeat, far: FarSide, status: int, algorithm: str
) -> None:
    challenge, credentials = {
        401: ("WWW-Authenticate", "Authorization"),
        407: ("Proxy-Authenticate", "Proxy-Authorization"),
    }[status]
    realm = "far.example"
    values = {"status": str(status), "challenge": challenge, "credentials": credentials}
    async with far.is_called("challenge", algorithm=algorithm, realm=realm, **values) as asker:
        call_id = await start_call(alice)
        await alice.expect(CallEstablished)
        await alice.hold(call_id)
        await alice.expect(CallHold)
        await hung_up(alice, call_id)
        await asker.counts()
        shown = [line.partition(" ") for line in asker.log]
        assert [method for method, _, _ in shown] == ["INVITE", "INVITE", "BYE"]
        assert all(is_right(method, credentials, algorithm, realm) for method, _, credentials in shown)


async def test_credentials_that_are_not_taken_end_the_call(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("challenge_for_ever"):
        assert summary(await alice.ended(await start_call(alice))) == (401, "remote", False)


async def test_no_password_for_a_realm_that_first_comes_up_in_a_call(alice: SessionSeat, far: FarSide) -> None:
    async with far.is_called("challenge_bye_of_another_realm") as asker:
        call_id = await start_call(alice)
        await alice.expect(CallEstablished)
        await hung_up(alice, call_id)
        await asker.counts()
        assert asker.messages.count("uthorization:") == 0


async def test_a_phone_of_the_domain_shows_its_password_and_calls(agent: Agent, member: SessionSeat) -> None:
    port = free_ports()
    carol = {"user": "carol", "password": "carol-password"}
    async with sipp("register", *OF_DOMAIN, to=agent.address, port=port, outcome="200", **carol):
        pass
    async with sipp(
        "call_in_domain", "-auth_uri", f"alice@{DOMAIN}", to=agent.address, port=port, user="carol", callee="alice"
    ):
        assert (await member.ended(await taken(member))).by == "remote"


async def test_a_phone_of_the_domain_is_called_where_it_has_registered(agent: Agent, member: SessionSeat) -> None:
    port = free_ports()
    dave = {"user": "dave", "password": "dave-password"}
    async with sipp("register", *OF_DOMAIN, to=agent.address, port=port, outcome="200", **dave):
        pass
    async with sipp("answer", port=port):
        call_id = await start_call(member, "dave")
        await member.expect(CallEstablished)
        await hung_up(member, call_id)


async def test_a_wrong_password_registers_nothing(agent: Agent, member: SessionSeat) -> None:
    async with sipp("register", *OF_DOMAIN, to=agent.address, outcome="401", user="carol", password="guess") as phone:
        assert (await phone.counts()).successful == 1
