"""Calls without a browser whose relay dies or drains. Relays and far sides are played."""

import msgspec
import pytest
from tests.integration.test_sip_agent import agent, bus, relay, signaling_tasks
from tests.integration.test_sip_agent import settings as plain_settings
from tests.integration.test_sip_agent_headless import BELL, SECOND, Headless, alice, answered
from tests.integration.test_sip_agent_reanchor import (
    OTHER,
    Beats,
    Pulse,
    beats,
    die,
    other,
    pulse,
    wait_until_anchored_at,
)
from tests.integration.test_sip_agent_set_up import invite_fields, server
from tests.support.bus_seats import RelaySeat, command_id, eventually, sdp
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.bus import Bus, expiry
from shared.messages import (
    AccountOpened,
    AllocateMedia,
    AnswerCall,
    AnswerMedia,
    CallEnded,
    CallEstablished,
    CallHold,
    HangupCall,
    HoldCall,
    OfferMedia,
    OpenAccount,
    RebuildMedia,
    RequestOffer,
    SendSound,
)
from sip_agent.app import Agent
from sip_agent.core.syntax.message import Request
from sip_agent.settings import Settings

# fixtures
__all__ = ["agent", "alice", "beats", "bus", "other", "plain_settings", "pulse", "relay", "server", "signaling_tasks"]


@pytest.fixture
def grace(request: pytest.FixtureRequest) -> float:
    """How long a call waits for media."""
    return float(getattr(request, "param", 5.0))


@pytest.fixture
def settings(plain_settings: Settings, grace: float) -> Settings:
    return msgspec.structs.replace(plain_settings, media_grace_seconds=grace)


async def joined(server: SipPeer, alice: Headless) -> tuple[PeerDialog, PeerDialog]:
    """Have two parties that talk."""
    await alice.start(second=SECOND)
    first = await answered(server, alice)
    return first, await answered(server, alice, "c-2")


async def moved(server: SipPeer) -> Request:
    """Take a re-INVITE that says where the media is now."""
    invite = await server.expect("INVITE")
    assert sdp(20004).splitlines()[-1] in invite.body.decode()
    server.respond(invite, 200, sdp(30000))
    await server.expect("ACK")
    return invite


async def hang_up(server: SipPeer, alice: Headless, calls: int = 2) -> None:
    """End a call, and with it the one that it is joined with."""
    await alice.do(HangupCall)
    for _ in range(calls):
        server.respond(await server.expect("BYE"), 200)
    for _ in range(calls):
        assert (await alice.expect(CallEnded)).status == 200


async def test_two_joined_calls_go_to_one_relay_and_both_parties_are_told(
    agent: Agent, bus: Bus, alice: Headless, relay: RelaySeat, other: RelaySeat, pulse: Pulse, server: SipPeer
) -> None:
    await joined(server, alice)
    await die(bus, relay, pulse)
    for _ in range(2):
        await moved(server)
    await wait_until_anchored_at(agent, OTHER)
    last, first = [one for one in other.commands if isinstance(one, RebuildMedia)]
    assert [(one.call_id, one.is_headless, one.joined_to) for one in (last, first)] == [
        ("c-2", True, ""),
        ("c-1", True, last.media_id),
    ]
    assert (first.our_sdp, first.far_sdp, first.direction) == (sdp(40000), sdp(30000), "sendrecv")
    await hang_up(server, alice)


async def test_they_leave_a_relay_that_drains_together(
    agent: Agent, alice: Headless, relay: RelaySeat, other: RelaySeat, pulse: Pulse, server: SipPeer
) -> None:
    await joined(server, alice)
    await pulse.say(draining=True)
    invites = [await server.expect("INVITE"), await server.expect("INVITE")]
    assert not relay.released  # it forwards until the far side is at the other one
    for invite in invites:
        server.respond(invite, 200, sdp(30000))
        await server.expect("ACK")
    await wait_until_anchored_at(agent, OTHER)
    await eventually(lambda: len(relay.released) == 2)
    assert other.released == []
    await hang_up(server, alice)


async def test_who_is_held_stays_so(
    agent: Agent, bus: Bus, alice: Headless, relay: RelaySeat, other: RelaySeat, pulse: Pulse, server: SipPeer
) -> None:
    await alice.start()
    await answered(server, alice)
    await alice.do(HoldCall, is_held=True)
    server.respond(await server.expect("INVITE"), 200, sdp(30000))
    await server.expect("ACK")
    await alice.expect(CallHold)
    await die(bus, relay, pulse)
    assert b"a=sendonly" in (await moved(server)).body
    await wait_until_anchored_at(agent, OTHER, calls=1)
    (rebuilt,) = [one for one in other.commands if isinstance(one, RebuildMedia)]
    offers = [one.direction for one in other.commands if isinstance(one, RequestOffer)]
    assert (rebuilt.direction, set(offers)) == ("sendonly", {"sendonly"})
    await hang_up(server, alice, calls=1)


async def test_a_far_side_that_refuses_the_new_relay_ends_the_call(
    bus: Bus, alice: Headless, relay: RelaySeat, other: RelaySeat, pulse: Pulse, server: SipPeer
) -> None:
    await alice.start()
    await answered(server, alice)
    await die(bus, relay, pulse)
    server.respond(await server.expect("INVITE"), 488)
    server.respond(await server.expect("BYE"), 200)
    end = await alice.ended("c-1")
    assert (end.status, end.reason, end.by) == (503, "Media Relay Is Gone", "system")
    await eventually(lambda: len(other.released) == 1)


async def test_the_new_relay_may_die_as_well(
    agent: Agent, bus: Bus, alice: Headless, relay: RelaySeat, beats: Beats, pulse: Pulse, server: SipPeer
) -> None:
    second, third = RelaySeat("relay-2"), RelaySeat("relay-3")
    await second.sit(bus)
    heart = await beats("relay-2")
    await joined(server, alice)
    await die(bus, relay, pulse)
    unanswered = [await server.expect("INVITE"), await server.expect("INVITE")]
    await die(bus, second, heart)
    await third.sit(bus)
    await beats("relay-3")
    await eventually(lambda: len([one for one in third.commands if isinstance(one, RebuildMedia)]) == 2)
    for invite in unanswered:  # the answer to an offer of the one that is gone is followed by another offer
        server.respond(invite, 200, sdp(30000))
        await server.expect("ACK")
    for _ in range(2):
        await moved(server)
    await wait_until_anchored_at(agent, "relay-3")
    await hang_up(server, alice)


@pytest.mark.parametrize("grace", [1.0], indirect=True)
async def test_without_another_relay_both_calls_end(
    bus: Bus, alice: Headless, relay: RelaySeat, pulse: Pulse, server: SipPeer
) -> None:
    await joined(server, alice)
    await die(bus, relay, pulse)
    for _ in range(2):
        server.respond(await server.expect("BYE"), 200)
    ends = {end.call_id: end for end in [await alice.expect(CallEnded, within=10.0), await alice.expect(CallEnded)]}
    assert {end.by for end in ends.values()} == {"system"}
    assert (503, "Media Relay Is Gone") in {(end.status, end.reason) for end in ends.values()}


async def test_a_first_party_that_answers_when_its_relay_is_dead_is_joined_with_the_second_at_another(
    agent: Agent, bus: Bus, alice: Headless, relay: RelaySeat, other: RelaySeat, pulse: Pulse, server: SipPeer
) -> None:
    await alice.start(second=SECOND)
    ringing = await server.expect("INVITE")
    server.respond(ringing, 180)
    await die(bus, relay, pulse)
    await eventually(lambda: not any(call.media_side.anchor.has_far_side for call in agent.accounts.calls))
    server.respond(ringing, 200, sdp(30000))
    await server.expect("ACK")
    await alice.expect(CallEstablished)
    await moved(server)
    await answered(server, alice, "c-2")
    await wait_until_anchored_at(agent, OTHER)
    (rebuilt,) = [one for one in other.commands if isinstance(one, RebuildMedia)]
    (allocated,) = [one for one in other.commands if isinstance(one, AllocateMedia)]
    assert (rebuilt.call_id, allocated.call_id, allocated.joined_to) == ("c-1", "c-2", rebuilt.media_id)
    await hang_up(server, alice)


async def test_a_second_party_that_answers_when_its_relay_is_dead_is_joined_with_the_first_at_another(
    agent: Agent, bus: Bus, alice: Headless, relay: RelaySeat, other: RelaySeat, pulse: Pulse, server: SipPeer
) -> None:
    await alice.start(second=SECOND)
    await answered(server, alice)
    ringing = await server.expect("INVITE")
    server.respond(ringing, 180)
    await die(bus, relay, pulse)
    await moved(server)
    played = await sound_at(other)
    assert (played.sound.name, played.sound.is_looped) == ("ringback", True)
    server.respond(ringing, 200, sdp(30002))
    await server.expect("ACK")
    await alice.expect(CallEstablished, lambda event: event.call_id == "c-2")
    await moved(server)
    await wait_until_anchored_at(agent, OTHER)
    first, second = [one for one in other.commands if isinstance(one, RebuildMedia)]
    assert (first.call_id, first.joined_to, second.call_id, second.joined_to) == ("c-1", "", "c-2", first.media_id)
    await hang_up(server, alice)


async def sound_at(relay: RelaySeat) -> SendSound:
    """Return the sound that a relay is asked to play, waiting for it."""
    await eventually(lambda: any(isinstance(one, SendSound) for one in relay.commands))
    return next(one for one in relay.commands if isinstance(one, SendSound))


async def test_a_sound_begins_anew_once_the_far_side_is_there(
    bus: Bus, alice: Headless, relay: RelaySeat, other: RelaySeat, pulse: Pulse, server: SipPeer
) -> None:
    await alice.start(sound=BELL)
    await answered(server, alice)
    before = await sound_at(relay)
    await die(bus, relay, pulse)
    await moved(server)
    anew = await sound_at(other)
    assert (anew.play_id, anew.sound) == (before.play_id, BELL)
    asked = [type(one) for one in other.commands if isinstance(one, AnswerMedia | SendSound)]
    assert asked == [AnswerMedia, SendSound]
    await hang_up(server, alice, calls=1)


async def test_a_call_that_rings_here_is_answered_by_another_relay(
    agent: Agent, bus: Bus, alice: Headless, relay: RelaySeat, beats: Beats, pulse: Pulse, server: SipPeer
) -> None:
    taker = Headless(bus, "agent-1", "s-taker", alice.account)
    await taker.sit()
    opened = OpenAccount(
        id=command_id(), expires_at=expiry(), session_id="s-taker", pod="", account=alice.account, takes_calls=True
    )
    await taker.ask(opened, AccountOpened)
    fields = invite_fields(server, ("Content-Type", "application/sdp"))
    server.request("INVITE", f"sip:s-taker@{agent.address}", fields, sdp(30000).encode())
    await server.response("INVITE", 180)
    (call,) = agent.accounts.calls
    second = RelaySeat(OTHER)
    await second.sit(bus)
    await beats(OTHER)
    await die(bus, relay, pulse)
    await eventually(lambda: call.media is not None and call.media.relay == OTHER)
    await taker.do(AnswerCall, call.call_id, browser_sdp="")
    PeerDialog(server, answered=await server.response("INVITE")).send("ACK", cseq=1)
    await taker.expect(CallEstablished)
    asked = [one for one in second.commands if isinstance(one, AllocateMedia | OfferMedia)]
    assert isinstance(asked[0], AllocateMedia) and asked[0].is_headless and asked[0].sip_sdp is None
    assert isinstance(asked[1], OfferMedia) and asked[1].sdp == sdp(30000)
    await taker.do(HangupCall, call.call_id)
    server.respond(await server.expect("BYE"), 200)
