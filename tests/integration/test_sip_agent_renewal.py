"""A browser whose connection is lost in a call: the call waits for it, and lets it come anew."""

import pytest
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
    talking,
)
from tests.support.bus_seats import RelaySeat, command_id, sdp

from shared.bus import Bus, expiry
from shared.errors import RemoteError
from shared.messages import (
    AnswerMedia,
    AnswerRenewal,
    Done,
    MediaFailed,
    RenewalOffered,
    RenewMedia,
    RequestOffer,
)
from shared.subjects import agent_events

__all__ = ["agent", "bus", "login", "relay", "settings", "signaling_tasks"]


async def test_a_browser_that_does_not_come_back_ends_the_call_with_that_reason(
    bus: Bus, relay: RelaySeat, login: Login
) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    await bus.publish(agent_events("agent-1"), MediaFailed(media_id="media of s-alice", call_id="c-1", reason="dtls"))
    assert [(end.status, end.reason, end.by) for end in (await alice.ended(), await bob.ended())] == [
        (503, "Media Failed (dtls)", "system"),
        (503, "Media Failed (dtls)", "remote"),
    ]


@pytest.mark.usefixtures("relay")
async def test_somebody_else_in_place_of_the_browser_ends_the_call_at_once(bus: Bus, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    failed = MediaFailed(media_id="media of s-alice", call_id="c-1", reason="fingerprint")
    await bus.publish(agent_events("agent-1"), failed)
    assert (await alice.ended()).reason == "Media Failed (fingerprint)"


async def test_a_browser_comes_anew_by_an_offer_of_the_relay(relay: RelaySeat, login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await talking(alice, bob)
    renew = RenewMedia(id=command_id(), expires_at=expiry(), session_id="s-alice", call_id="c-1")
    offered = await alice.ask(renew, RenewalOffered)
    assert offered.browser_sdp.startswith(sdp(20004))
    answer = AnswerRenewal(
        id=command_id(), expires_at=expiry(), session_id="s-alice", call_id="c-1", browser_sdp="anew"
    )
    await alice.ask(answer, Done)
    asked, told = relay.commands[-2:]
    assert isinstance(asked, RequestOffer) and isinstance(told, AnswerMedia)
    assert (asked.side, told.side, told.sdp) == ("browser", "browser", "anew")


async def test_a_browser_cannot_come_anew_to_a_call_that_is_not_established(login: Login) -> None:
    alice, bob = await registered(login, "alice", "bob")
    await ringing(alice, bob)
    for call_id, status in (("c-1", 491), ("c-2", 481)):
        renew = RenewMedia(id=command_id(), expires_at=expiry(), session_id="s-alice", call_id=call_id)
        with pytest.raises(RemoteError) as refused:
            await alice.ask(renew, RenewalOffered)
        assert refused.value.status == status
