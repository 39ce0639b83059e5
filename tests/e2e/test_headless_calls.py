"""Calls that no browser takes part in: a sound is played to a phone, and two phones are joined."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.support.baresip import Baresip, baresip
from tests.support.headless import HeadlessSession, envelope, headless, write_tone
from tests.support.page import Account, OpenPhone, call_phone
from tests.support.services import Cordboard, Pod, cordboard
from tests.support.streams import reading
from tests.support.until import until

from shared.errors import RemoteError
from shared.messages import (
    CallEnded,
    CallEstablished,
    CallQuality,
    Done,
    DtmfReceived,
    HangupCall,
    HoldCall,
    PlaySound,
    SecondParty,
    SendDtmf,
    SessionEnded,
    Sound,
    SoundEnded,
    StopSound,
    stream,
)
from shared.streams import CDR
from shared.subjects import agent_commands

BELL, LONG = Sound(name="bell.wav", is_looped=True), Sound(name="long.wav")
BELL_HZ, LONG_HZ, RINGBACK_HZ, MUSIC_HZ = 1000, 700, 425, 850


@pytest_asyncio.fixture(loop_scope="session")
async def sounding(tmp_path: Path) -> AsyncIterator[Cordboard]:
    """A cluster whose relay has sounds, and plays one of them to who is held."""
    write_tone(tmp_path / "bell.wav", BELL_HZ, 0.5)
    write_tone(tmp_path / "long.wav", LONG_HZ, 5.0)
    write_tone(tmp_path / "hold.wav", MUSIC_HZ, 2.0)
    (tmp_path / "text.wav").write_text("no sound at all")
    settings = {"RELAY_SOUNDS_DIR": str(tmp_path), "AGENT_HOLD_MUSIC": "hold.wav", "RELAY_QUALITY_SECONDS": "1"}
    async with cordboard(**settings) as running:
        yield running


def phone(cluster: Cordboard, user: str, frequency: int, codecs: str = "pcmu,pcma", agent: int = 0) -> Any:
    port = cluster.agents[agent].port
    return baresip(user, cluster.users[user], cluster.domain, port, frequency=frequency, codecs=codecs)


async def answered(session: HeadlessSession, phone: Baresip, call_id: str) -> None:
    await phone.wait_for_ring()
    await phone.accept()
    await session.expect(CallEstablished, lambda event: event.call_id == call_id)


@pytest.mark.parametrize("codec", ["pcmu", "pcma", "opus"])
async def test_a_phone_hears_the_sound_it_is_called_for(sounding: Cordboard, codec: str) -> None:
    async with (
        reading(sounding.bus, CDR) as records,
        headless(sounding, "alice") as alice,
        phone(sounding, "bob", 620, codec) as bob,
    ):
        before = await sounding.resting_state()
        await alice.call("c-1", "bob", sound=BELL)
        await answered(alice, bob, "c-1")
        await bob.wait_for_tone(BELL_HZ)
        record = await sounding.store.calls.get("c-1")
        assert record is not None and record.record.is_headless and record.record.established_at
        assert (record.record.state, record.record.status) == ("established", 200)
        await alice.do(PlaySound, "c-1", sound=LONG)
        assert (await alice.expect(SoundEnded)) == ended(alice, BELL, "replaced")
        await bob.wait_for_other_tone(LONG_HZ)
        assert (await alice.expect(SoundEnded)) == ended(alice, LONG, "finished")
        await alice.do(HangupCall, "c-1")
        await bob.wait_for_end()
        (leg,) = (await records.expect(stream.CallEnded)).quality
        # What the phone sends is measured; the way there and back is not, for nobody reports.
        assert (leg.side, leg.kind, leg.loss) == ("sip", "audio", pytest.approx(0.0, abs=0.05))
        assert leg.jitter is not None and leg.round_trip is None and leg.mos is None
        await sounding.wait_until_settled(before)


def ended(session: HeadlessSession, sound: Sound, outcome: Any) -> SoundEnded:
    return SoundEnded(session_id=session.session_id, call_id="c-1", sound=sound.name, outcome=outcome)


async def test_the_call_ends_with_its_sound_if_that_is_wanted(sounding: Cordboard) -> None:
    async with headless(sounding, "alice") as alice, phone(sounding, "bob", 620) as bob:
        await alice.call("c-1", "bob", sound=LONG, ends_with_sound=True)
        await answered(alice, bob, "c-1")
        await bob.wait_for_tone(LONG_HZ)
        end = await alice.expect(CallEnded)
        assert (end.status, end.reason, end.by) == (200, "Sound Ended", "system")
        await bob.wait_for_end()


@pytest.mark.parametrize(("name", "status"), [("no.wav", 404), ("text.wav", 415), ("../bell.wav", 404)])
async def test_a_sound_that_cannot_be_played_ends_the_call_that_was_for_it(
    sounding: Cordboard, name: str, status: int
) -> None:
    async with headless(sounding, "alice") as alice, phone(sounding, "bob", 620) as bob:
        await alice.call("c-1", "bob", sound=Sound(name=name))
        await answered(alice, bob, "c-1")
        end = await alice.expect(CallEnded)
        assert (end.status, end.by, end.was_established) == (status, "system", True)
        await bob.wait_for_end()
        with pytest.raises(RemoteError, match="481"):
            await alice.do(PlaySound, "c-1", sound=BELL)


async def test_digits_and_hold_interrupt_a_sound(sounding: Cordboard) -> None:
    async with headless(sounding, "alice") as alice, phone(sounding, "bob", 620) as bob:
        await alice.call("c-1", "bob", sound=BELL)
        await answered(alice, bob, "c-1")
        await bob.wait_for_tone(BELL_HZ)
        await alice.do(SendDtmf, "c-1", digits="17")
        await bob.wait_for_digits(2)
        assert bob.digits == "17"
        await bob.wait_for_tone(BELL_HZ)
        await bob.press("5")
        assert (await alice.expect(DtmfReceived)).digit == "5"
        await alice.do(HoldCall, "c-1", is_held=True)
        assert (await alice.expect(SoundEnded)).outcome == "replaced"
        await bob.wait_for_other_tone(MUSIC_HZ)
        await alice.do(PlaySound, "c-1", sound=BELL)
        await bob.wait_for_other_tone(BELL_HZ)
        await alice.do(StopSound, "c-1")
        assert (await alice.expect(SoundEnded)).outcome == "stopped"
        await bob.hang_up()
        assert (await alice.expect(CallEnded)).by == "remote"


def is_about(call_id: str, event: CallQuality) -> bool:
    """Whether an event with figures is of this call."""
    return event.call_id == call_id and event.legs != ()


async def test_two_phones_are_joined_and_talk(sounding: Cordboard) -> None:
    async with (
        headless(sounding, "alice") as alice,
        phone(sounding, "bob", 620) as bob,
        phone(sounding, "carol", 880) as carol,
    ):
        before = await sounding.resting_state()
        await alice.call("c-1", "bob", second=SecondParty(call_id="c-2", callee="carol"))
        await answered(alice, bob, "c-1")
        await bob.wait_for_tone(RINGBACK_HZ)
        await answered(alice, carol, "c-2")
        await asyncio.gather(bob.wait_for_other_tone(880), carol.wait_for_tone(620))
        records = [await sounding.store.calls.get(call_id) for call_id in ("c-1", "c-2")]
        assert [entry and entry.record.joined_call_id for entry in records] == ["c-2", "c-1"]
        measured = [await alice.expect(CallQuality, partial(is_about, call_id)) for call_id in ("c-1", "c-2")]
        assert [[leg.side for leg in event.legs] for event in measured] == [["sip"], ["sip"]]
        assert [event.unheard for event in measured] == [(), ()]
        await bob.press("3")
        await carol.wait_for_digit("3")
        assert (await alice.expect(DtmfReceived)).call_id == "c-1"
        await alice.do(PlaySound, "c-2", sound=BELL)
        await asyncio.gather(bob.wait_for_tone(880), carol.wait_for_other_tone(BELL_HZ))
        await alice.do(StopSound, "c-2")
        await carol.wait_for_other_tone(620)
        await carol.hang_up()
        ends = [await alice.expect(CallEnded), await alice.expect(CallEnded)]
        assert [(end.call_id, end.status, end.reason, end.by) for end in ends] == [
            ("c-2", 200, "Normal Call Clearing", "remote"),
            ("c-1", 200, "Joined Call Ended", "system"),
        ]
        await bob.wait_for_end()
        await sounding.wait_until_settled(before)


async def test_a_second_party_that_is_busy_or_has_another_codec_ends_the_first_call(sounding: Cordboard) -> None:
    async with (
        headless(sounding, "alice") as alice,
        phone(sounding, "bob", 620, "pcma") as bob,
        phone(sounding, "carol", 880, "pcmu") as carol,
        phone(sounding, "dave", 880) as dave,
    ):
        await alice.call("c-1", "bob", second=SecondParty(call_id="c-2", callee="carol"))
        await answered(alice, bob, "c-1")
        ends = [await alice.expect(CallEnded), await alice.expect(CallEnded)]
        assert [(end.call_id, end.status, end.by) for end in ends] == [("c-2", 488, "remote"), ("c-1", 488, "system")]
        await alice.call("c-3", "bob", second=SecondParty(call_id="c-4", callee="dave"))
        await answered(alice, bob, "c-3")
        await dave.wait_for_ring()
        await dave.hang_up()
        ends = [await alice.expect(CallEnded), await alice.expect(CallEnded)]
        assert [(end.call_id, end.status, end.by) for end in ends] == [("c-4", 486, "remote"), ("c-3", 486, "system")]
        assert carol.process.alive


async def test_the_first_party_hangs_up_while_the_second_rings(sounding: Cordboard) -> None:
    async with (
        headless(sounding, "alice") as alice,
        phone(sounding, "bob", 620) as bob,
        phone(sounding, "carol", 880) as carol,
    ):
        await alice.call("c-1", "bob", second=SecondParty(call_id="c-2", callee="carol"))
        await answered(alice, bob, "c-1")
        await carol.wait_for_ring()
        await bob.hang_up()
        ends = [await alice.expect(CallEnded), await alice.expect(CallEnded)]
        assert [(end.call_id, end.status, end.by) for end in ends] == [("c-1", 200, "remote"), ("c-2", 487, "system")]
        await carol.wait_for_end()


@pytest.mark.parametrize("end", [Pod.kill, Pod.stop])
async def test_two_phones_that_are_joined_stay_so_when_the_agent_dies_or_leaves(
    end: Callable[[Pod], Awaitable[None]],
) -> None:
    async with (
        cordboard(agents=2) as cluster,
        phone(cluster, "bob", 620, agent=1) as bob,
        phone(cluster, "carol", 880, agent=1) as carol,
    ):
        alice = HeadlessSession(cluster, "alice")
        await alice.open()
        await alice.call("c-1", "bob", second=SecondParty(call_id="c-2", callee="carol"))
        await answered(alice, bob, "c-1")
        await answered(alice, carol, "c-2")
        await asyncio.gather(bob.wait_for_other_tone(880), carol.wait_for_tone(620))
        dying, taker = cluster.agents
        await end(dying)

        async def are_taken() -> bool:
            return await owners(cluster) == {taker.name}

        await until(are_taken, 20)
        for each in (bob, carol):  # what it says before goes to the agent that is gone
            await each.process.wait_for_output("got re-INVITE")
        await asyncio.gather(bob.wait_for_other_tone(880), carol.wait_for_other_tone(620))
        await carol.hang_up()
        ends = [await alice.expect(CallEnded), await alice.expect(CallEnded)]
        assert [(end.call_id, end.reason, end.by) for end in ends] == [
            ("c-2", "Normal Call Clearing", "remote"),
            ("c-1", "Joined Call Ended", "system"),
        ]
        await bob.wait_for_end()


async def owners(cluster: Cordboard) -> set[str]:
    """Return the agents that have calls."""
    entries = [await cluster.store.calls.get(name) for name in await cluster.store.calls.names()]
    return {entry.record.owner for entry in entries if entry is not None}


async def test_an_account_without_a_socket_lives_as_long_as_its_calls(sounding: Cordboard) -> None:
    async with phone(sounding, "bob", 620) as bob:
        alice = HeadlessSession(sounding, "alice")
        await alice.open(idle_seconds=3.0)  # less than the sound lasts, and enough to begin the call
        await alice.call("c-1", "bob", sound=LONG, ends_with_sound=True)
        await answered(alice, bob, "c-1")
        await bob.wait_for_tone(LONG_HZ)
        await alice.expect(CallEnded)
        await alice.expect(SessionEnded)
        assert await sounding.store.accounts.get(alice.session_id) is None


async def test_a_sound_is_played_into_a_call_of_a_page(cluster: Cordboard, open_page: OpenPhone) -> None:
    async with phone(cluster, "bob", 620) as bob:
        page = await open_page(440)
        await page.connect(Account("alice", cluster.users["alice"]))
        await call_phone(page, bob, "bob")
        session_id, call_id = await only_call(cluster)
        command = {"session_id": session_id, "call_id": call_id}
        agent = agent_commands(cluster.agents[0].name)
        play = PlaySound(**envelope(), **command, sound=Sound(name="ringback", is_looped=True))
        await cluster.bus.request(agent, play, Done)
        await bob.wait_for_other_tone(RINGBACK_HZ)
        await page.hears(bob.frequency)
        await cluster.bus.request(agent, StopSound(**envelope(), **command), Done)
        await bob.wait_for_other_tone(440)
        await page.hang_up()
        await bob.wait_for_end()


async def only_call(cluster: Cordboard) -> tuple[str, str]:
    """Return the session and the id of the one call that there is."""
    (name,) = await cluster.store.calls.names()
    entry = await cluster.store.calls.get(name)
    assert entry is not None
    return entry.record.session_id, entry.record.call_id
