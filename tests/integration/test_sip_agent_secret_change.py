"""The cluster's secret is changed while accounts and calls live: agents of the old and of the new one hand them on."""

import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.integration.test_sip_agent import (
    DOMAIN,
    SECRET,
    Login,
    agent,
    bus,
    login,
    registered,
    relay,
    settings,
    signaling_tasks,
)
from tests.integration.test_sip_agent_hand_over import leave, second
from tests.support.bus_seats import RELAY, RelaySeat, command_id, sdp

from shared.bus import expiry
from shared.errors import LocalError
from shared.messages import CallEstablished, CallHold, Done, IncomingCall, MediaRef, StartCall
from shared.records import AccountRecord
from shared.sealing import Seal, account_password
from sip_agent.app import Agent
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]  # fixtures

NEW_SECRET = "what the secret is from now on"
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"  # of RFC 4568 §6.1


@contextlib.asynccontextmanager
async def of_new_secret(
    agent: Agent, settings: Settings, patch: pytest.MonkeyPatch, second_secret: str
) -> AsyncIterator[Agent]:
    theirs = msgspec.structs.replace(settings, secret=NEW_SECRET, second_secret=second_secret)
    async with second(agent, theirs, patch) as other:
        yield other


async def record_of(agent: Agent, session_id: str) -> AccountRecord:
    entry = await agent.services.store.accounts.get(session_id)
    assert entry is not None
    return entry.record


async def test_accounts_move_to_the_new_secret(
    agent: Agent, settings: Settings, relay: RelaySeat, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = {"alice": "alice-password", "dave": account_password(SECRET, f"dave@{DOMAIN}")}  # his is a token's
    for name, password in passwords.items():
        seat = await login(name, password=password)
        await seat.registration("registered")
    async with of_new_secret(agent, settings, monkeypatch, SECRET):
        await leave(agent)
        for name, password in passwords.items():
            record = await record_of(agent, f"s-{name}")
            assert (record.owner, record.epoch, record.registration) == ("agent-2", 2, "registered")
            assert Seal(NEW_SECRET).open(record.account.sealed_password, f"s-{name}") == password


async def test_an_agent_that_has_the_new_secret_alone_gets_no_account(
    agent: Agent, settings: Settings, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registered(login, "alice")
    async with of_new_secret(agent, settings, monkeypatch, "") as other:
        account = agent.accounts.find("s-alice")
        assert account is not None
        await agent.departure._move(account)
        record = await record_of(agent, "s-alice")
        assert (record.owner, record.epoch, len(other.accounts)) == ("agent-1", 1, 0)
        with pytest.raises(LocalError):
            Seal(NEW_SECRET).open(record.account.sealed_password, "s-alice")


async def test_a_call_with_keys_moves_to_the_new_secret_and_shows_none_of_them(
    agent: Agent, settings: Settings, relay: RelaySeat, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    command = StartCall(
        id=command_id(),
        expires_at=expiry(),
        session_id=alice.session_id,
        call_id="c-1",
        callee="bob",
        media=MediaRef(relay=RELAY, media_id="m-1"),
        sip_sdp=f"{sdp(10000)}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n",
    )
    await alice.ask(command, Done)
    incoming = await bob.expect(IncomingCall)
    assert KEY in incoming.sip_sdp
    await bob.answer(incoming.call_id)
    await alice.expect(CallEstablished)
    await bob.expect(CallEstablished)
    legs = await written_legs(agent)
    assert len(legs) == 2 and all(leg.startswith(b'"') and KEY.encode() not in leg for leg in legs)
    async with of_new_secret(agent, settings, monkeypatch, SECRET) as other:
        await leave(agent)
        assert set(await written_legs(other)).isdisjoint(legs)
        alice.agent = bob.agent = "agent-2"
        await alice.hold("c-1")
        assert (await alice.expect(CallHold)).local
        await alice.hang_up("c-1")
        assert (await bob.ended(incoming.call_id)).was_established


async def written_legs(agent: Agent) -> list[bytes]:
    """The SIP sides of all calls as their records have them."""
    calls = agent.services.store.calls
    entries = [await calls.get(name) for name in await calls.names()]
    return [bytes(entry.record.leg) for entry in entries if entry is not None]
