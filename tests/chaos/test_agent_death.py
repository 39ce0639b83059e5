"""An agent dies on the spot: what it had goes on at others."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.chaos.stage import TAKEN_OVER_WITHIN, Stage, called, moved, ringing, staged, talking
from tests.support.bus_seats import eventually, eventually_empty, sdp
from tests.support.sip_peer import PeerDialog, SipPeer

from shared.messages import AccountMoved, CallEstablished, CallHold, CallProgress, IncomingCall
from sip_agent.core.syntax.message import Request


async def test_an_established_call_goes_on_at_another_agent(stage: Stage, server: SipPeer) -> None:
    first, second = stage.agents
    alice = await stage.at_server(server, first)
    dialog = await talking(server, alice)
    await first.kill()
    event = await moved(alice)
    assert (event.agent, event.epoch, event.has_calls) == (second.name, 2, True)
    again = await server.expect("INVITE")
    assert (again.call_id, again.from_.tag, again.to.tag) == (dialog.call_id, dialog.remote_tag, dialog.local_tag)
    assert again.cseq[0] > 1 and again.contacts[0].sip_uri.port == second.port
    server.respond(again, 200, sdp(30000))
    await server.expect("ACK")
    # It is told aside, while the far side is.
    await eventually(lambda: stage.adopters("media of s-alice") == [(second.name, 2)])
    await alice.hang_up("c-1")
    server.respond(await server.expect("BYE"), 200)
    assert (await alice.ended("c-1")).was_established


async def test_an_account_of_a_version_that_writes_no_entries_is_found_among_all(stage: Stage, server: SipPeer) -> None:
    first, second = stage.agents
    alice = await stage.at_server(server, first)
    store = stage.cluster.store
    entry = await store.accounts.get("s-alice")
    assert entry is not None and await store.owned.names(entry.record.incarnation) == ["s-alice"]
    await store.lives.delete(entry.record.incarnation)
    await store.owned.remove(entry.record.incarnation, "s-alice")
    await first.kill()
    assert (await moved(alice)).agent == second.name


async def test_nothing_is_left_of_the_entries_of_a_dead_agent(three: Stage, server: SipPeer) -> None:
    first = three.agents[0]
    store = three.cluster.store
    names = [f"user-{number}" for number in range(6)]
    seats = [await three.at_server(server, first, name) for name in names]
    entry = await store.accounts.get("s-user-0")
    assert entry is not None
    dead = entry.record.incarnation
    assert sorted(await store.owned.names(dead)) == [f"s-{name}" for name in names]
    await first.kill()
    owners = {seat.session_id: (await moved(seat)).agent for seat in seats}
    await eventually_empty(lambda: store.owned.names(dead))
    for session_id, owner in owners.items():
        taken = await store.accounts.get(session_id)
        assert taken is not None and taken.record.owner == owner
        assert session_id in await store.owned.names(taken.record.incarnation)


async def test_the_far_side_hangs_up_at_the_new_agent(stage: Stage, server: SipPeer) -> None:
    first, second = stage.agents
    alice = await stage.at_server(server, first)
    dialog = await talking(server, alice)
    await first.kill()
    again = await server.expect("INVITE", TAKEN_OVER_WITHIN)
    server.respond(again, 200, sdp(30000))
    await server.expect("ACK")
    dialog.target = str(again.contacts[0].uri)
    dialog.send("BYE")
    assert (await server.response("BYE")).status == 200
    ended = await alice.ended("c-1")
    assert (ended.by, ended.was_established) == ("remote", True)


async def test_a_call_that_was_answered_just_now_goes_on_though_its_ack_went_to_the_dead(
    stage: Stage, server: SipPeer
) -> None:
    first, second = stage.agents
    alice = await stage.at_server(server, first)
    call_id, _ = await called(server, alice, first)
    await alice.answer(call_id)
    answered = await server.response("INVITE")
    dialog = PeerDialog(server, answered=answered)
    dialog.send("ACK", cseq=1)
    await alice.expect(CallEstablished)
    await first.kill()
    await moved(alice)
    again = await server.expect("INVITE")
    server.respond(again, 200, sdp(30000))
    await server.expect("ACK")
    await alice.hold(call_id)
    server.respond(await server.expect("INVITE"), 200, sdp(30000))
    assert (await alice.expect(CallHold)).local
    await alice.hang_up(call_id)
    server.respond(await server.expect("BYE"), 200)
    assert (await alice.ended(call_id)).was_established


async def test_a_call_that_rings_at_the_far_side_is_cancelled_and_dialled_anew(stage: Stage, server: SipPeer) -> None:
    first, second = stage.agents
    alice = await stage.at_server(server, first)
    invite = await ringing(server, alice)
    await first.kill()
    cancel = await server.expect("CANCEL", TAKEN_OVER_WITHIN)
    assert (cancel.top_via.branch, cancel.top_via.sent_by) == (invite.top_via.branch, invite.top_via.sent_by)
    server.respond(cancel, 200)
    again = await server.expect("INVITE")
    assert (again.call_id, again.from_, again.cseq[0], again.body) == (
        invite.call_id,
        invite.from_,
        invite.cseq[0] + 1,
        invite.body,
    )
    server.respond(again, 180)
    server.respond(again, 200, sdp(30000))
    await server.expect("ACK")
    await alice.expect(CallEstablished)
    progress = [event for event in alice.events if isinstance(event, CallProgress)]
    assert [event.status for event in progress].count(180) == 1  # its page hears nothing of all that
    await moved(alice)
    await alice.hang_up("c-1")
    server.respond(await server.expect("BYE"), 200)
    assert (await alice.ended("c-1")).was_established


async def test_a_call_that_rings_here_is_answered_by_the_new_agent(stage: Stage, server: SipPeer) -> None:
    first, second = stage.agents
    alice = await stage.at_server(server, first)
    call_id, _ = await called(server, alice, first)
    await first.kill()
    await moved(alice)
    await alice.answer(call_id)
    answered = await server.response("INVITE")
    assert (answered.status, answered.contacts[0].sip_uri.port) == (200, second.port)
    dialog = PeerDialog(server, answered=answered)
    dialog.send("ACK", cseq=1)
    await alice.expect(CallEstablished)
    dialog.send("BYE")
    assert (await server.response("BYE")).status == 200
    assert (await alice.ended(call_id)).was_established


async def test_both_sessions_of_a_call_lose_their_agent_and_find_each_other(three: Stage) -> None:
    first = three.agents[0]
    alice, bob = await three.at_home(first, "alice", "bob")
    await alice.call("bob", "c-1")
    call_id = (await bob.expect(IncomingCall)).call_id
    await bob.answer(call_id)
    await alice.expect(CallEstablished)
    await bob.expect(CallEstablished)
    await first.kill()
    await asyncio.gather(moved(alice), moved(bob))
    assert first.name not in (alice.agent, bob.agent)
    await alice.hold("c-1")
    assert (await alice.expect(CallHold, within=15.0)).local  # after the re-INVITEs, which may have crossed
    await bob.hang_up(call_id)
    for end in (await alice.ended("c-1"), await bob.ended(call_id)):
        assert (end.status, end.was_established) == (200, True)


async def test_every_account_of_the_dead_has_one_new_owner(three: Stage, server: SipPeer) -> None:
    first = three.agents[0]
    seats = [await three.at_server(server, first, f"user-{number}") for number in range(40)]
    await first.kill()
    await asyncio.gather(*(moved(seat) for seat in seats))
    assert [sum(isinstance(event, AccountMoved) for event in seat.events) for seat in seats] == [1] * len(seats)
    assert {seat.agent for seat in seats} == {pod.name for pod in three.agents[1:]}


# -- its pod starts anew, at the same address


@pytest.fixture
async def alone() -> AsyncIterator[Stage]:
    """One agent."""
    async with staged(agents=1) as running:
        yield running


async def test_a_call_that_rings_goes_on_at_the_same_address(alone: Stage, server: SipPeer) -> None:
    (pod,) = alone.agents
    alice = await alone.at_server(server, pod)
    invite = await ringing(server, alice)
    await pod.kill()
    await pod.start_anew()
    event = await moved(alice)
    assert (event.agent, event.epoch) == (pod.name, 2)
    server.respond(invite, 200, sdp(30000))
    assert (await server.expect("ACK")).cseq[0] == 1
    await alice.expect(CallEstablished)
    assert not server.unread("CANCEL") and not server.unread("INVITE")
    await alice.hang_up("c-1")
    server.respond(await server.expect("BYE"), 200)
    assert (await alice.ended("c-1")).was_established


async def test_both_sides_of_a_call_come_back_at_the_same_address(alone: Stage) -> None:
    (pod,) = alone.agents
    alice, bob = await alone.at_home(pod, "alice", "bob")
    await alice.call("bob", "c-1")
    call_id = (await bob.expect(IncomingCall)).call_id
    await bob.answer(call_id)
    await alice.expect(CallEstablished)
    await bob.expect(CallEstablished)
    await pod.kill()
    await pod.start_anew()
    await asyncio.gather(moved(alice), moved(bob))
    await alice.hold("c-1")
    assert (await alice.expect(CallHold, within=15.0)).local
    await bob.hang_up(call_id)
    for end in (await alice.ended("c-1"), await bob.ended(call_id)):
        assert (end.status, end.was_established) == (200, True)


async def test_a_pod_that_starts_anew_at_once_shares_what_it_had_with_the_others(three: Stage) -> None:
    first = three.agents[0]
    alice, bob, carol, dave = await three.at_home(first, "alice", "bob", "carol", "dave")
    calls = []
    for number, (one, other) in enumerate(((alice, bob), (carol, dave))):
        await one.call(other.account.login, f"c-{number}")
        calls.append((one, f"c-{number}", other, (await other.expect(IncomingCall)).call_id))
        await other.answer(calls[-1][3])
        await one.expect(CallEstablished)
        await other.expect(CallEstablished)
    await first.kill()
    await first.start_anew()
    await asyncio.gather(*(moved(seat) for seat in (alice, bob, carol, dave)))
    for one, call_id, other, other_id in calls:
        await one.hold(call_id)
        assert (await one.expect(CallHold, within=20.0)).local
        await other.hang_up(other_id)
        for end in (await one.ended(call_id), await other.ended(other_id)):
            assert (end.status, end.was_established) == (200, True)


async def test_a_caller_that_gives_up_is_heard_at_the_same_address(alone: Stage, server: SipPeer) -> None:
    (pod,) = alone.agents
    alice = await alone.at_server(server, pod)
    call_id, invite = await called(server, alice, pod)
    await pod.kill()
    await pod.start_anew()
    await moved(alice)
    cancel = Request("CANCEL", invite.uri, [(name, value) for name, value in invite.headers if name in _OF_CANCEL])
    cancel.headers.set("CSeq", "1 CANCEL")
    server._send(cancel, "127.0.0.1", pod.port)
    assert (await server.response("INVITE")).status == 487
    assert (await alice.ended(call_id)).by == "remote"


_OF_CANCEL = ("Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards")
