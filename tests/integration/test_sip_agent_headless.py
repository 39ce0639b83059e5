"""Accounts without a socket and calls without a browser, with far sides and a relay that are played by hand."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.integration.test_sip_agent import agent, bus, relay, signaling_tasks
from tests.integration.test_sip_agent import settings as plain_settings
from tests.integration.test_sip_agent_set_up import server
from tests.support.bus_seats import RELAY, RelaySeat, SessionSeat, command_id, eventually, eventually_empty, sdp
from tests.support.pace import spend
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.bus import Bus, expiry
from shared.errors import RemoteError
from shared.messages import (
    AccountOpened,
    AllocateMedia,
    CallEnded,
    CallEstablished,
    CallHold,
    CallProgress,
    Done,
    EndSound,
    HangupCall,
    HoldCall,
    MediaFailed,
    MediaRef,
    OpenAccount,
    PlaySound,
    SecondParty,
    SendSound,
    SessionEnded,
    SipAccount,
    Sound,
    SoundEnded,
    SoundSent,
    StartCall,
    StopSound,
)
from shared.store import Store, open_store
from shared.subjects import agent_events
from sip_agent.app import Agent
from sip_agent.settings import Settings

__all__ = ["agent", "bus", "plain_settings", "relay", "server", "signaling_tasks"]  # fixtures

BELL = Sound(name="bell.wav", is_looped=True)


@pytest.fixture
def settings(plain_settings: Settings) -> Settings:
    return msgspec.structs.replace(plain_settings, hold_music="music")


class Headless(SessionSeat):
    """What a REST interface is to the agent."""

    async def open_without_a_socket(self, idle_seconds: float) -> None:
        command = OpenAccount(
            id=command_id(),
            expires_at=expiry(),
            session_id=self.session_id,
            pod="",
            account=self.account,
            idle_seconds=idle_seconds,
        )
        await self.ask(command, AccountOpened)

    async def start(self, callee: str = "bob", call_id: str = "c-1", is_headless: bool = True, **fields: Any) -> None:
        """Call somebody."""
        media = {"media": MediaRef(relay=RELAY, media_id=f"m-{call_id}"), "sip_sdp": sdp(40000)}
        await self.do(StartCall, call_id, callee=callee, is_headless=is_headless, **media, **fields)

    async def do(self, kind: Any, call_id: str = "c-1", reply: Any = Done, **fields: Any) -> Any:
        """Give a command for a call."""
        envelope = {"id": command_id(), "expires_at": expiry()}
        return await self.ask(kind(**envelope, session_id=self.session_id, call_id=call_id, **fields), reply)


@pytest.fixture
async def alice(bus: Bus, agent: Agent, relay: RelaySeat, server: SipPeer) -> AsyncIterator[Headless]:
    relay.browser_sdp = ""
    account = SipAccount(login="alice", domain="example.test", outbound_proxy=server.address, register_required=False)
    seat = Headless(bus, "agent-1", "s-alice", account)
    await seat.sit()
    await seat.open_without_a_socket(idle_seconds=60.0)
    yield seat


@pytest.fixture
async def store(bus: Bus) -> Store:
    return await open_store(bus)


async def answered(server: SipPeer, alice: Headless, call_id: str = "c-1") -> PeerDialog:
    """Let the far side answer a call that was just made."""
    invite = await server.expect("INVITE")
    server.respond(invite, 200, sdp(30000))
    await server.expect("ACK")
    await alice.expect(CallEstablished, lambda event: event.call_id == call_id)
    return PeerDialog(server, received=invite)


async def asked(relay: RelaySeat, kind: Any) -> Any:
    """Return the newest command of a kind that the relay got, waiting for one that is new."""
    seen = len([one for one in relay.commands if isinstance(one, kind)])
    found: list[Any] = []

    def is_there() -> bool:
        found[:] = [one for one in relay.commands if isinstance(one, kind)]
        return bool(found) and (len(found) > seen or seen > 0)

    await eventually(is_there)
    return found[-1]


async def over(alice: Headless, played: SendSound, outcome: Any) -> None:
    """Let the relay say that a sound is over."""
    told = SoundSent(
        media_id=played.media_id,
        call_id=played.media_id.removeprefix("m-"),
        play_id=played.play_id,
        sound=played.sound.name,
        outcome=outcome,
    )
    await alice.bus.publish(agent_events(alice.agent), told)


async def test_an_account_without_a_socket_is_no_orphan_and_ends_when_it_is_idle(
    alice: Headless, bus: Bus, store: Store, server: SipPeer
) -> None:
    idle = Headless(bus, "agent-1", "s-idle", alice.account)
    await idle.sit()
    await idle.open_without_a_socket(idle_seconds=1.0)
    entry = await store.accounts.get("s-idle")
    assert entry is not None
    assert (entry.record.pod, entry.record.idle_seconds, entry.record.detached_at) == ("", 1.0, None)
    assert entry.record.created_at > 0
    await idle.start()
    dialog = await answered(server, idle)
    await spend(1.2)  # for longer than it may be idle: there is no event of nothing
    dialog.send("BYE")
    await idle.expect(CallEnded)
    assert (await idle.expect(SessionEnded)).reason == "account closed"
    assert await store.accounts.get("s-idle") is None
    assert await store.accounts.get("s-alice") is not None


async def test_a_sound_is_played_once_the_call_is_answered(
    alice: Headless, relay: RelaySeat, server: SipPeer, store: Store
) -> None:
    await alice.start(sound=BELL)
    invite = await server.expect("INVITE")
    server.respond(invite, 183, sdp(30000))
    assert (await alice.expect(CallProgress, lambda event: event.state == "early")).browser_sdp is None
    assert not [one for one in relay.commands if isinstance(one, SendSound)]
    server.respond(invite, 200, sdp(30000))
    await server.expect("ACK")
    assert (await alice.expect(CallEstablished)).browser_sdp is None
    played = await asked(relay, SendSound)
    assert (played.media_id, played.sound) == ("m-c-1", BELL)
    entry = await store.calls.get("c-1")
    assert entry is not None
    record = entry.record
    assert (record.is_headless, record.status, record.state, record.browser_sdp) == (True, 200, "established", None)
    assert record.established_at is not None
    assert record.established_at >= record.created_at
    await over(alice, played, "failed")
    assert await alice.expect(SoundEnded) == SoundEnded(
        session_id="s-alice", call_id="c-1", sound="bell.wav", outcome="failed"
    )
    await alice.do(HangupCall)
    server.respond(await server.expect("BYE"), 200)
    assert (await alice.ended()).status == 200
    await eventually_empty(store.calls.names)


async def test_the_call_ends_with_its_sound_or_because_it_has_none(
    alice: Headless, relay: RelaySeat, server: SipPeer
) -> None:
    await alice.start(sound=BELL, ends_with_sound=True)
    await answered(server, alice)
    await over(alice, await asked(relay, SendSound), "finished")
    server.respond(await server.expect("BYE"), 200)
    end = await alice.ended()
    assert (end.status, end.reason, end.by) == (200, "Sound Ended", "system")
    await alice.start(call_id="c-2", sound=BELL)
    relay.refuse_sounds = RemoteError(404, "No Such Sound")
    await answered(server, alice, "c-2")
    bye = await server.expect("BYE")
    assert bye.headers.get("Reason") == 'SIP;cause=404;text="No Such Sound"'
    server.respond(bye, 200)
    assert (await alice.ended("c-2")).status == 404


async def test_sounds_are_played_and_stopped_in_an_established_call(
    alice: Headless, relay: RelaySeat, server: SipPeer
) -> None:
    await alice.start()
    with pytest.raises(RemoteError, match="491"):
        await alice.do(PlaySound, sound=BELL)
    dialog = await answered(server, alice)
    await alice.do(PlaySound, sound=BELL)
    assert (await asked(relay, SendSound)).sound == BELL
    await alice.do(StopSound)
    assert (await asked(relay, EndSound)).media_id == "m-c-1"
    relay.refuse_sounds = RemoteError(415, "Sound Cannot Be Read")
    with pytest.raises(RemoteError, match="415"):
        await alice.do(PlaySound, sound=BELL)
    dialog.send("BYE")
    await alice.ended()
    with pytest.raises(RemoteError, match="481"):
        await alice.do(StopSound)


async def test_who_is_held_hears_music_and_nobody_is_told(
    alice: Headless, relay: RelaySeat, server: SipPeer, store: Store
) -> None:
    await alice.start()
    dialog = await answered(server, alice)
    await alice.do(HoldCall, is_held=True)
    server.respond(await server.expect("INVITE"), 200, sdp(30000))
    await server.expect("ACK")
    assert (await alice.expect(CallHold)).local
    music = await asked(relay, SendSound)
    assert music.sound == Sound(name="music", is_looped=True)
    entry = await store.calls.get("c-1")
    assert entry is not None
    assert entry.record.local_hold
    await alice.do(HoldCall, is_held=False)
    server.respond(await server.expect("INVITE"), 200, sdp(30000))
    await server.expect("ACK")
    await asked(relay, EndSound)
    await over(alice, music, "stopped")
    dialog.send("BYE")
    await alice.ended()
    assert not [event for event in alice.events if isinstance(event, SoundEnded)]


async def test_a_far_side_that_is_not_heard_ends_the_call_for_no_browser_can_come_anew(
    alice: Headless, server: SipPeer
) -> None:
    await alice.start()
    await answered(server, alice)
    failed = MediaFailed(media_id="m-c-1", call_id="c-1", reason="unheard")
    await alice.bus.publish(agent_events(alice.agent), failed)
    server.respond(await server.expect("BYE"), 200)
    end = await alice.ended()
    assert (end.status, end.reason, end.by) == (503, "Media Failed (unheard)", "system")


SECOND = SecondParty(call_id="c-2", callee="carol", headers={"X-Ticket": "4711"})


async def ringing_second(server: SipPeer, alice: Headless) -> tuple[PeerDialog, Any]:
    """Return the first party's dialog, and the INVITE for the second."""
    await alice.start(second=SECOND)
    first = await answered(server, alice)
    return first, await server.expect("INVITE")


async def test_the_second_party_is_called_and_joined(
    alice: Headless, relay: RelaySeat, server: SipPeer, store: Store
) -> None:
    first, invite = await ringing_second(server, alice)
    assert (str(invite.to.uri), invite.headers.get("X-Ticket")) == ("sip:carol@example.test", "4711")
    assert (await asked(relay, SendSound)).sound.name == "ringback"
    allocated = await asked(relay, AllocateMedia)
    assert (allocated.is_headless, allocated.joined_to, allocated.agent) == (True, "m-c-1", "agent-1")
    server.respond(invite, 200, sdp(30002))
    await server.expect("ACK")
    await alice.expect(CallEstablished, lambda event: event.call_id == "c-2")
    await asked(relay, EndSound)
    records = [await store.calls.get(call_id) for call_id in ("c-1", "c-2")]
    assert [entry and entry.record.joined_call_id for entry in records] == ["c-2", "c-1"]
    first.send("BYE")
    server.respond(await server.expect("BYE"), 200)
    ends = [await alice.ended("c-1"), await alice.ended("c-2")]
    assert [(end.status, end.reason, end.by) for end in ends] == [
        (200, "Normal Call Clearing", "remote"),
        (200, "Joined Call Ended", "system"),
    ]
    await eventually_empty(store.calls.names)
    await eventually(lambda: sorted(relay.released) == sorted(["m-c-1", allocated.media_id]))


async def test_the_second_party_is_called_by_an_agent_that_leaves(
    alice: Headless, agent: Agent, relay: RelaySeat, server: SipPeer
) -> None:
    await alice.start(second=SECOND)
    invite = await server.expect("INVITE")
    agent.accounts.is_draining = True
    server.respond(invite, 200, sdp(30000))
    server.respond(await server.expect("INVITE"), 200, sdp(30002))
    await alice.expect(CallEstablished, lambda event: event.call_id == "c-2")


async def test_what_becomes_of_the_second_party_is_told_to_the_first(
    alice: Headless, relay: RelaySeat, server: SipPeer
) -> None:
    _, invite = await ringing_second(server, alice)
    server.respond(invite, 486)
    bye = await server.expect("BYE")
    assert bye.headers.get("Reason") == 'SIP;cause=486;text="Busy Here"'
    server.respond(bye, 200)
    ends = [await alice.ended("c-2"), await alice.ended("c-1")]
    assert [(end.status, end.by) for end in ends] == [(486, "remote"), (486, "system")]


async def test_a_first_party_that_leaves_takes_the_second_with_it(
    alice: Headless, relay: RelaySeat, server: SipPeer
) -> None:
    first, invite = await ringing_second(server, alice)
    server.respond(invite, 180)
    await alice.expect(CallProgress, lambda event: event.call_id == "c-2" and event.state == "ringing")
    first.send("BYE")
    await server.expect("CANCEL")
    server.respond(invite, 487)
    ends = [await alice.ended("c-1"), await alice.ended("c-2")]
    assert [(end.status, end.by) for end in ends] == [(200, "remote"), (487, "system")]


async def test_a_relay_without_room_ends_the_first_call(alice: Headless, relay: RelaySeat, server: SipPeer) -> None:
    relay.refuse_allocation = RemoteError(503, "Service Unavailable")
    await alice.start(second=SECOND)
    await answered(server, alice)
    server.respond(await server.expect("BYE"), 200)
    assert (await alice.ended("c-1")).status == 503


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"second": SecondParty(call_id="c-1", callee="carol")}, 409),
        ({"second": SecondParty(call_id="c-2", callee="sip:")}, 400),
        ({"second": SecondParty(call_id="c-2", callee="carol", headers={"Via": "x"})}, 400),
        ({"second": SECOND, "is_headless": False}, 400),
        ({"sound": BELL, "is_headless": False}, 400),
    ],
)
async def test_what_cannot_be_is_refused_before_anybody_is_called(
    alice: Headless, server: SipPeer, fields: dict[str, Any], status: int
) -> None:
    with pytest.raises(RemoteError) as refused:
        await alice.start(**fields)
    assert refused.value.status == status
