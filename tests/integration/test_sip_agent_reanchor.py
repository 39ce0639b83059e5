"""Relays that die, start anew or drain: the agent takes its calls to another one. Relays and sessions are played."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.test_sip_agent import (
    Login,
    agent,
    bus,
    login,
    registered,
    relay,
    ringing,
    signaling_tasks,
    talking,
)
from tests.integration.test_sip_agent import settings as short_settings
from tests.integration.test_sip_agent_hand_over import leave, second
from tests.support.bus_seats import RELAY, RelaySeat, SessionSeat, command_id, eventually
from tests.support.pace import spend
from tests.support.until import until

from shared.bus import Bus, expiry
from shared.errors import RemoteError
from shared.messages import (
    AccountMoved,
    AllocateMedia,
    AnswerMedia,
    AnswerRenewal,
    AttachSession,
    CallEnded,
    CallEstablished,
    CallHold,
    Done,
    Heartbeat,
    MediaConnected,
    MediaQuality,
    Message,
    OfferMedia,
    ReanchorMedia,
    RebuildMedia,
    ReleaseMedia,
    RequestOffer,
    SendSound,
    SessionSnapshot,
)
from shared.presence import beat
from shared.records import CallRecord
from shared.subjects import agent_events, heartbeat, relay_commands
from shared.tasks import Tasks
from sip_agent.app import Agent
from sip_agent.ownership.departure import LOOK_EVERY
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "login", "relay", "short_settings", "signaling_tasks"]  # fixtures

OTHER = "relay-2"
# A call of these sessions has two ends at this agent: two sessions, and one re-INVITE for both.
BOTH = ("s-alice", "s-bob")


@pytest.fixture
def settings(short_settings: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(short_settings, media_grace_seconds=5.0, hold_music="music")


class Pulse:
    """A relay that is heard until `stop`."""

    def __init__(self, bus: Bus, pod: str) -> None:
        self.state = Heartbeat(kind="relay", pod=pod, load=0, capacity=100, incarnation="i-1")
        self._bus = bus
        self._tasks = Tasks(f"heart of {pod}")
        self._tasks.spawn(beat(bus, lambda: self.state), "heartbeat")

    async def say(self, **changes: object) -> None:
        """Say something else from now on, and at once."""
        self.state = msgspec.structs.replace(self.state, **changes)
        await self._bus.publish(heartbeat("relay", self.state.pod), self.state)

    async def stop(self) -> None:
        await self._tasks.aclose()


Beats = Callable[[str], Awaitable[Pulse]]


@pytest.fixture
async def beats(bus: Bus) -> AsyncIterator[Beats]:
    pulses: list[Pulse] = []

    async def start(pod: str) -> Pulse:
        pulses.append(Pulse(bus, pod))
        return pulses[-1]

    yield start
    for pulse in pulses:
        await pulse.stop()


@pytest.fixture
async def other(bus: Bus, beats: Beats) -> RelaySeat:
    seat = RelaySeat(OTHER)
    await seat.sit(bus)
    await beats(OTHER)
    return seat


@pytest.fixture
async def pulse(beats: Beats, agent: Agent) -> Pulse:
    pulse = await beats(RELAY)
    await eventually(lambda: agent.services.relays.last(RELAY) is not None)
    return pulse


async def die(bus: Bus, relay: RelaySeat, pulse: Pulse) -> None:
    """As by kill -9: no heartbeat, and nobody at the subject."""
    await pulse.stop()
    await relay.leave(bus)


async def vanish(bus: Bus, relay: RelaySeat, pulse: Pulse) -> None:
    """As its host does: no heartbeat, and whoever is at the subject says nothing."""
    await die(bus, relay, pulse)
    await bus.serve(relay_commands(RELAY), _say_nothing)


async def _say_nothing(_: Message) -> None:
    await asyncio.Event().wait()


async def come(bus: Bus, seat: SessionSeat, relay: RelaySeat, *, is_heard_of: bool = True) -> ReanchorMedia:
    """Be a page that answers the offer of the new relay, and connects there; the word of that may get lost."""
    offered = await seat.expect(ReanchorMedia, within=15.0)
    answer = AnswerRenewal(
        id=command_id(),
        expires_at=expiry(),
        session_id=seat.session_id,
        call_id=offered.call_id,
        browser_sdp=f"anew by {seat.session_id}",
    )
    await seat.ask(answer, Done)
    about = {"media_id": media_of(relay, offered.call_id), "call_id": offered.call_id}
    event = MediaConnected(**about) if is_heard_of else MediaQuality(**about, legs=())
    await bus.publish(agent_events(seat.agent), event)
    return offered


def media_of(relay: RelaySeat, call_id: str) -> str:
    """Return the session that a relay has made for a call."""
    made = [one for one in relay.commands if isinstance(one, RebuildMedia | AllocateMedia) and one.call_id == call_id]
    return made[-1].media_id


async def records(agent: Agent) -> list[CallRecord]:
    calls = agent.services.store.calls
    entries = [await calls.get(name) for name in await calls.names()]
    return [entry.record for entry in entries if entry]


async def wait_until_anchored_at(agent: Agent, relay: str, calls: int = 2) -> None:
    """Wait until the records say that the calls are at a relay, and no more on their way."""

    def there() -> bool:
        sides = [call.media_side.anchor for call in agent.accounts.calls]
        at = [side for side in sides if side.current and side.current.relay == relay and not side.is_moving]
        return len(at) == calls

    async def recorded() -> bool:  # which is after it is so
        found = await records(agent)
        return {(record.media and record.media.relay, record.is_moving) for record in found} == {(relay, False)}

    await eventually(there)
    await until(recorded)


async def test_a_call_goes_on_at_another_relay_when_its_own_is_gone(
    agent: Agent, bus: Bus, relay: RelaySeat, other: RelaySeat, pulse: Pulse, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    asked = len(relay.commands)
    await die(bus, relay, pulse)
    offers = [await come(bus, seat, other) for seat in (alice, bob)]
    assert {offer.browser_sdp for offer in offers} == {f"offer of {OTHER}"}
    await wait_until_anchored_at(agent, OTHER)
    assert not [one for one in relay.commands[asked:] if not isinstance(one, ReleaseMedia)]
    answered = [one.sdp for one in other.commands if isinstance(one, AnswerMedia) and one.side == "browser"]
    assert sorted(answered) == [f"anew by {session}" for session in BOTH]
    # The caller's re-INVITE tells the callee's agent, whose answer tells the caller: it needs none of its own.
    assert [type(one) for one in other.commands if isinstance(one, RequestOffer | OfferMedia)] == [
        RequestOffer,
        OfferMedia,
    ]
    await alice.hang_up("c-1")
    await bob.ended()
    await eventually(lambda: len(other.released) == 2)


async def test_a_call_leaves_a_relay_that_was_gone_before_its_agent_could_hear_it(
    agent: Agent, bus: Bus, relay: RelaySeat, other: RelaySeat, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    await relay.leave(bus)  # of which there was no heartbeat
    for seat in (alice, bob):
        await come(bus, seat, other)
    await wait_until_anchored_at(agent, OTHER)


async def test_a_browser_whose_media_is_measured_is_there(
    agent: Agent, bus: Bus, relay: RelaySeat, other: RelaySeat, pulse: Pulse, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    await die(bus, relay, pulse)
    await come(bus, alice, other)
    await come(bus, bob, other, is_heard_of=False)
    await wait_until_anchored_at(agent, OTHER)


async def test_a_relay_that_knows_nothing_of_the_session_is_left_at_once_and_the_question_is_asked_anew(
    agent: Agent, bus: Bus, relay: RelaySeat, other: RelaySeat, pulse: Pulse, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    await pulse.say(load=100)  # so that the other one is chosen
    relay.refuse = RemoteError(481, "Call/Transaction Does Not Exist")
    await alice.hold("c-1")
    for seat in (alice, bob):
        await come(bus, seat, other)
    assert (await alice.expect(CallHold, within=15.0)).local
    await wait_until_anchored_at(agent, OTHER)


async def test_a_held_call_stays_held_and_has_its_music_again(
    agent: Agent, bus: Bus, relay: RelaySeat, other: RelaySeat, pulse: Pulse, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    await alice.hold("c-1")
    await alice.expect(CallHold)
    await die(bus, relay, pulse)
    for seat in (alice, bob):
        await come(bus, seat, other)
    await wait_until_anchored_at(agent, OTHER)
    rebuilt = next(one for one in other.commands if isinstance(one, RebuildMedia) and one.call_id == "c-1")
    offered = next(one for one in other.commands if isinstance(one, RequestOffer))
    assert (rebuilt.direction, offered.direction) == ("sendonly", "sendonly")
    await eventually(lambda: any(isinstance(one, SendSound) for one in other.commands))


async def test_a_relay_that_has_started_anew_gets_its_calls_back(
    agent: Agent, bus: Bus, relay: RelaySeat, pulse: Pulse, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    await pulse.say(incarnation="i-2")
    for seat in (alice, bob):
        await come(bus, seat, relay)
    await wait_until_anchored_at(agent, RELAY)
    rebuilt = [one for one in relay.commands if isinstance(one, RebuildMedia)]
    assert {one.media_id for one in rebuilt} == {
        record.media.media_id for record in await records(agent) if record.media
    }


async def test_a_relay_that_is_silent_but_answers_is_not_gone(
    bus: Bus, relay: RelaySeat, other: RelaySeat, pulse: Pulse, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    await pulse.stop()
    with pytest.raises(AssertionError, match="no ReanchorMedia"):
        await alice.expect(ReanchorMedia, within=2.0)
    await alice.hang_up("c-1")
    await bob.ended()


async def test_a_call_without_another_relay_ends_with_that_reason(
    bus: Bus, relay: RelaySeat, pulse: Pulse, agent: Agent, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    await die(bus, relay, pulse)
    ends = [await seat.expect(CallEnded, within=20.0) for seat in (alice, bob)]
    assert {(end.status, end.reason) for end in ends} == {(503, "Media Relay Is Gone")}


async def test_a_page_with_one_connection_is_told_the_truth(
    bus: Bus, relay: RelaySeat, other: RelaySeat, pulse: Pulse, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    alice.reanchor_status = 501
    await talking(alice, bob)
    await die(bus, relay, pulse)
    end = await alice.expect(CallEnded, within=15.0)
    assert (end.status, end.reason, end.by, end.was_established) == (503, "Media Relay Is Gone", "system", True)
    await bob.ended()
    await eventually(lambda: len(other.released) == 2)


async def test_a_page_that_comes_back_later_finds_the_offer(
    agent: Agent, bus: Bus, relay: RelaySeat, other: RelaySeat, pulse: Pulse, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    await alice.leave()
    await die(bus, relay, pulse)
    await come(bus, bob, other)
    moving = agent.accounts.calls.find("c-1")
    assert moving is not None
    await eventually(lambda: bool(moving.media_side.anchor.offer))  # of which bob hears nothing
    await alice.sit()
    attach = AttachSession(id=command_id(), expires_at=expiry(), session_id="s-alice", pod="signaling-1")
    (call,) = (await alice.ask(attach, SessionSnapshot)).calls
    assert (call.offer, call.media and call.media.relay) == (f"offer of {OTHER}", OTHER)
    await come(bus, alice, other)  # it is told again as well, for nobody took it the first time
    await wait_until_anchored_at(agent, OTHER)


async def test_calls_leave_a_relay_that_drains_when_their_browsers_are_at_the_other_one(
    agent: Agent, bus: Bus, relay: RelaySeat, other: RelaySeat, pulse: Pulse, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    await pulse.say(draining=True)
    await eventually(lambda: len([one for one in other.commands if isinstance(one, RebuildMedia)]) == 2)
    assert {record.media.relay for record in await records(agent) if record.media} == {RELAY}
    assert not relay.released
    for seat in (alice, bob):
        await come(bus, seat, other)
    await wait_until_anchored_at(agent, OTHER)
    await eventually(lambda: sorted(relay.released) == ["media of s-alice", "media of s-bob"])


async def test_an_account_whose_media_is_on_its_way_moves_after_that(
    agent: Agent,
    bus: Bus,
    relay: RelaySeat,
    other: RelaySeat,
    pulse: Pulse,
    login: Login,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    call_id = await talking(alice, bob)
    await pulse.say(draining=True)
    await eventually(lambda: len([one for one in other.commands if isinstance(one, RebuildMedia)]) == 2)
    async with second(agent, settings, monkeypatch):
        leaving = asyncio.ensure_future(leave(agent))
        await spend(2 * LOOK_EVERY)
        for seat in (alice, bob):
            await come(bus, seat, other)
        await leaving
        for seat in (alice, bob):
            seat.agent = (await seat.expect(AccountMoved)).agent
        await eventually(lambda: sorted(relay.released) == ["media of s-alice", "media of s-bob"])
        assert len([one for one in other.commands if isinstance(one, RebuildMedia)]) == 2
        await alice.hang_up("c-1")
        assert (await alice.ended("c-1")).was_established and (await bob.ended(call_id)).was_established


@pytest.mark.parametrize("end", [die, vanish])
async def test_a_call_that_rings_goes_on_ringing_and_has_media_once_it_is_answered(
    agent: Agent, bus: Bus, relay: RelaySeat, other: RelaySeat, pulse: Pulse, login: Login, end: Any
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    call_id = await ringing(alice, bob)
    await end(bus, relay, pulse)
    offered = await bob.expect(ReanchorMedia, within=15.0)
    assert (offered.call_id, offered.browser_sdp) == (call_id, f"offer of {OTHER}")
    assert isinstance(other.commands[0], AllocateMedia)
    await bob.answer(call_id)
    assert (await alice.expect(CallEstablished)).browser_sdp is None
    await bob.expect(CallEstablished)
    await come(bus, alice, other)
    await wait_until_anchored_at(agent, OTHER)
