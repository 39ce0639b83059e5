"""What a relay measures of a call's media, on its way to the session."""

from tests.integration.test_sip_agent import (
    Login,
    agent,
    bus,
    login,
    registered,
    relay,
    ringing,
    settings,
    signaling_tasks,
)
from tests.support.bus_seats import RelaySeat

from shared.bus import Bus
from shared.messages import CallEstablished, CallQuality, LegQuality, MediaQuality
from shared.subjects import agent_events

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]


async def test_what_the_relay_measures_is_told_to_the_session_while_its_call_stands(
    bus: Bus, relay: RelaySeat, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    call_id = await ringing(alice, bob)
    early, measured = (
        MediaQuality(media_id="media of s-alice", call_id="c-1", legs=legs, unheard=("sip",))
        for legs in ((), (LegQuality(side="sip", kind="audio", loss=0.25),))
    )
    await bus.publish(agent_events("agent-1"), early)  # of a call that only rings nobody is told
    await bob.answer(call_id)
    await alice.expect(CallEstablished)
    await bus.publish(agent_events("agent-1"), measured)
    told = await alice.expect(CallQuality)
    assert told == CallQuality(session_id="s-alice", call_id="c-1", legs=measured.legs, unheard=("sip",))
