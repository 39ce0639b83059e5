"""Pods that an agent does not hear any more: gone, or only away for a while."""

import time
from pathlib import Path

import msgspec
import pytest
from tests.integration.test_sip_agent import Login, agent, bus, login, registered, relay, signaling_tasks, talking
from tests.integration.test_sip_agent import settings as short_settings
from tests.support.bus_seats import RELAY, RelaySeat, command_id, eventually_empty, pretend_signaling

from shared.bus import Bus, expiry
from shared.messages import CallEnded, DetachSession, Done, Heartbeat, SessionEnded
from shared.presence import beat
from shared.records import SessionRecord
from shared.tasks import Tasks
from sip_agent.app import Agent
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "login", "relay", "short_settings", "signaling_tasks"]  # fixtures


@pytest.fixture
def settings(short_settings: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(short_settings, grace_seconds=60.0)


async def detached(agent: Agent) -> list[str]:
    """Return the sessions whose grace time runs."""
    accounts = agent.services.store.accounts
    entries = [await accounts.get(name) for name in await accounts.names()]
    return [entry.record.session_id for entry in entries if entry and entry.record.detached_at is not None]


async def attached(agent: Agent) -> list[str]:
    """Return the sessions that have a socket."""
    return [name for name in await agent.services.store.accounts.names() if name not in await detached(agent)]


async def test_sessions_whose_pod_is_heard_again_go_on(
    agent: Agent, bus: Bus, relay: RelaySeat, login: Login, signaling_tasks: Tasks
) -> None:
    await registered(login, "alice", "bob")
    for name, detached_at in (("alice", None), ("bob", time.time())):
        record = SessionRecord(
            session_id=f"s-{name}",
            aor=f"{name}@cordboard.local",
            pod="signaling-1",
            agent="agent-1",
            epoch=1,
            resume_hash="",
            created_at=0,
            detached_at=detached_at,  # bob's socket was lost meanwhile
        )
        await agent.services.store.sessions.create(f"s-{name}", record)
    await signaling_tasks.aclose()
    await eventually_empty(lambda: attached(agent))
    pretend_signaling(bus, signaling_tasks)

    async def alice_waits() -> list[str]:
        return [name for name in await detached(agent) if name == "s-alice"]

    await eventually_empty(alice_waits)
    assert await detached(agent) == ["s-bob"]


async def test_a_silent_pod_that_says_that_the_socket_is_lost_is_believed(
    agent: Agent, relay: RelaySeat, login: Login, signaling_tasks: Tasks
) -> None:
    (alice,) = await registered(login, "alice")
    await signaling_tasks.aclose()
    await eventually_empty(lambda: attached(agent))
    detach = DetachSession(
        id=command_id(), expires_at=expiry(), session_id="s-alice", pod="signaling-1", grace_seconds=0.05
    )
    await alice.ask(detach, Done)
    assert (await alice.expect(SessionEnded)).reason == "account closed"
    await eventually_empty(agent.services.store.accounts.names)


async def test_the_calls_of_a_relay_that_falls_silent_end_with_that_reason(
    bus: Bus, relay: RelaySeat, login: Login
) -> None:
    relay_tasks = Tasks("relay seat")
    state = Heartbeat(kind="relay", pod=RELAY, load=0, capacity=100)
    relay_tasks.spawn(beat(bus, lambda: state), "heartbeat")
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    await relay_tasks.aclose()
    ends = [await seat.expect(CallEnded, within=10.0) for seat in (alice, bob)]
    assert {(end.status, end.reason) for end in ends} == {(503, "Media Relay Is Gone")}
