"""Trial S21: a pod that should not command a relay, and commands that come twice, late, or from an owner of before."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import nats
import nats.errors
import pytest
from nats.aio.client import Client
from tests.support.bus_seats import command_id
from tests.support.certificates import Authority
from tests.support.descriptions import sdp
from tests.support.nats_users import PASSWORDS
from tests.support.services import Cordboard, Pod, cordboard
from tests.support.until import until_so

from shared.bus import expiry
from shared.errors import RemoteError
from shared.messages import (
    AccountOpened,
    AdoptAccount,
    AdoptMedia,
    AllocateMedia,
    CloseAccount,
    Done,
    MediaAllocated,
    MediaRef,
    OpenAccount,
    Refused,
    ReleaseMedia,
    SipAccount,
    StartCall,
    decode,
    encode,
)
from shared.subjects import agent_commands, agent_events, relay_commands

OFFER = sdp("chromium_audio_video_offer")


@dataclass
class Target:
    """A relay on a NATS with TLS and users, and what an attacker in the cluster's network knows."""

    cluster: Cordboard
    authority: Authority

    @property
    def relay(self) -> Pod:
        """The one that is attacked."""
        return self.cluster.relays[0]

    @property
    def subject(self) -> str:
        """Where it is commanded."""
        return relay_commands(self.relay.name)

    async def sessions(self) -> int:
        """How many it has."""
        return int((await self.relay.metrics("gauge"))["cordboard_media_relay_sessions_active"])

    @contextlib.asynccontextmanager
    async def connected(self, user: str, password: str) -> AsyncIterator[tuple[Client, list[str]]]:
        """A connection of somebody who has found a way to NATS, and what NATS objects to."""
        objections: list[str] = []

        async def on_error(error: Exception) -> None:
            objections.append(str(error))

        client = await nats.connect(
            self.cluster.nats_url,
            user=user,
            password=password,
            tls=ssl.create_default_context(cafile=str(self.authority.certificate)),
            inbox_prefix=f"_INBOX_{user}",
            allow_reconnect=False,
            error_cb=on_error,
        )
        try:
            yield client, objections
        finally:
            await client.close()


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[Target]:
    authority = Authority(tmp_path)
    async with cordboard(signaling=0, agents=0, relays=1, authority=authority) as cluster:
        yield Target(cluster, authority)


def allocation(media_id: str, lifetime: float = 2.0) -> AllocateMedia:
    return AllocateMedia(
        id=command_id(),
        expires_at=expiry(lifetime),
        media_id=media_id,
        call_id="c",
        agent="agent-1",
        browser_sdp=OFFER,
    )


async def test_who_does_not_know_a_services_password_says_nothing(target: Target) -> None:
    for user, password in (("agent", "guessed"), ("relay", PASSWORDS["agent"]), ("", "")):
        with pytest.raises(nats.errors.Error, match="(?i)authorization violation"):
            async with target.connected(user, password):
                pass
    assert await target.sessions() == 0


async def test_a_relay_that_is_taken_over_commands_no_other(target: Target) -> None:
    async with target.connected("relay", PASSWORDS["relay"]) as (client, objections):
        await client.publish(target.subject, encode(allocation("m-stolen")))
        await until_so(lambda: any(f'publish to "{target.subject}"' in one.lower() for one in objections))
        await client.subscribe("agent.*.cmd")
        await until_so(lambda: any('subscription to "agent.*.cmd"' in one.lower() for one in objections))
    assert await target.sessions() == 0


async def test_a_relay_that_is_taken_over_makes_no_call(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with cordboard(signaling=0, agents=1, relays=1, authority=authority) as cluster:
        target, agent = Target(cluster, authority), cluster.agents[0].name
        account = SipAccount(login="alice", domain="example.com", register_required=False)
        envelope = {"expires_at": expiry(60.0), "session_id": "s-1"}  # what is stale would be refused for that alone
        opening = OpenAccount(id=command_id(), pod="", account=account, idle_seconds=60.0, **envelope)
        await cluster.bus.request(agent_commands(agent), opening, AccountOpened)
        ours = MediaRef(relay=target.relay.name, media_id="m-1")
        call = {"call_id": "c-1", "callee": "sip:+900@example.com", "media": ours, "sip_sdp": OFFER}
        commands = (
            StartCall(id=command_id(), is_headless=True, **call, **envelope),
            CloseAccount(id=command_id(), **envelope),
            AdoptAccount(id=command_id(), epoch=2, **envelope),
        )
        async with target.connected("relay", PASSWORDS["relay"]) as (client, objections):
            for command in commands:
                refusal = decode((await client.request(agent_events(agent), encode(command), timeout=5)).data)
                assert refusal == Refused(status=403, reason=f"{type(command).__name__} On This Subject")
            await client.publish(agent_commands(agent), encode(commands[0]))
            await until_so(lambda: any(f'publish to "{agent_commands(agent)}"' in one.lower() for one in objections))
        assert await cluster.store.calls.names() == [] and await cluster.store.accounts.names() == ["s-1"]


async def test_a_command_that_is_heard_twice_is_carried_out_once(target: Target) -> None:
    command = allocation("m-1")
    first = await target.cluster.bus.request(target.subject, command, MediaAllocated)
    ports = (await target.relay.metrics("gauge"))["cordboard_media_relay_ports_used"]
    async with target.connected("agent", PASSWORDS["agent"]) as (client, _):
        for _ in range(3):
            again = await client.request(target.subject, encode(command), timeout=5)
            assert decode(again.data) == first
        # Under another id: the session is the same.
        renamed = await client.request(target.subject, encode(allocation("m-1")), timeout=5)
        assert decode(renamed.data) == first
    assert await target.sessions() == 1
    assert (await target.relay.metrics("gauge"))["cordboard_media_relay_ports_used"] == ports


async def test_a_release_that_is_replayed_ends_nothing_else(target: Target) -> None:
    bus = target.cluster.bus
    await bus.request(target.subject, allocation("m-1"), MediaAllocated)
    release = ReleaseMedia(id=command_id(), expires_at=expiry(), media_id="m-1")
    assert await bus.request(target.subject, release, Done) == Done()
    await bus.request(target.subject, allocation("m-1"), MediaAllocated)  # somebody takes the same name again
    assert await bus.request(target.subject, release, Done) == Done()
    assert await target.sessions() == 1


async def test_a_command_that_is_kept_back_is_not_carried_out(target: Target) -> None:
    await target.cluster.bus.request(target.subject, allocation("m-1"), MediaAllocated)
    late = (allocation("m-late", -1.0), ReleaseMedia(id=command_id(), expires_at=expiry(-1.0), media_id="m-1"))
    async with target.connected("agent", PASSWORDS["agent"]) as (client, _):
        for number, command in enumerate(late, 1):
            await client.publish(target.subject, encode(command))
            await client.flush()
            await until_so(lambda number=number: target.relay.process.log.count("stale command") == number)
    assert await target.sessions() == 1


async def test_an_owner_of_before_does_not_end_what_is_anothers_now(target: Target) -> None:
    bus = target.cluster.bus
    await bus.request(target.subject, allocation("m-1"), MediaAllocated)
    adopt = AdoptMedia(id=command_id(), expires_at=expiry(), epoch=5, media_id="m-1", agent="agent-2")
    await bus.request(target.subject, adopt, Done)
    stale = ReleaseMedia(id=command_id(), expires_at=expiry(), epoch=4, media_id="m-1")
    with pytest.raises(RemoteError, match="Stale Epoch"):
        await bus.request(target.subject, stale, Done)
    assert await target.sessions() == 1
