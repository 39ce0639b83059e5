"""What is played to a far side whose relay dies: it begins anew at the next one, or ends."""

from typing import Any, cast

import pytest

from shared.bus import Bus
from shared.errors import NoOwner, RemoteError
from shared.messages import Done, EndSound, Event, MediaRef, Message, SendSound, Sound, SoundEnded, SoundSent
from shared.tasks import Tasks
from sip_agent.calls.sounds import CallSounds
from sip_agent.core.media.anchor import Anchor
from sip_agent.mailbox import Mailbox

OLD, NEW = (MediaRef(relay=f"relay-{name}", media_id=f"m-{name}") for name in "ab")
BELL, GONG = Sound(name="bell", is_looped=True), Sound(name="gong")


class Relays:
    """Takes note of what relays are asked, and refuses if it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.refusal: RemoteError | None = None

    async def request(self, subject: str, command: Message, reply: Any) -> Done:
        assert isinstance(command, SendSound | EndSound)
        self.asked.append((command.media_id, command.sound.name if isinstance(command, SendSound) else "end"))
        if isinstance(command, SendSound):
            self.ids.append(command.play_id)
        if self.refusal is not None:
            raise self.refusal
        return Done()


class Call:
    """A call whose media can be sent on its way."""

    call_id, epoch = "c-1", 1

    def __init__(self, tasks: Tasks) -> None:
        self.anchor = Anchor(lambda: True, 10.0, OLD, is_headless=True)
        self.asides = Mailbox(tasks, "asides")
        self.is_alone = False  # its relay is the only one
        self.failed: list[tuple[int, str]] = []
        self.told: list[Event] = []
        self.relays = Relays()
        self.sounds = CallSounds(cast(Bus, self.relays), self, "music", "s-1", self.told.append)

    @property
    def media_side(self) -> "Call":
        return self

    @property
    def media(self) -> MediaRef | None:
        return self.anchor.current

    def fail(self, status: int, reason: str) -> None:
        self.failed.append((status, reason))

    async def elsewhere(self, media: MediaRef) -> bool:
        if self.is_alone:
            return False
        self.lose()
        return True

    def lose(self) -> None:
        """Its relay is gone, and another one has the session."""
        self.anchor.gone(OLD, "through", 1.0)
        self.anchor.built(NEW, "", 1.1)

    async def arrive(self) -> None:
        """The far side has followed."""
        self.anchor.far_side_told(NEW, 1.2)
        self.sounds.moved()
        await self.settle()

    async def settle(self) -> None:
        """Wait for what is asked aside."""

        async def nothing() -> None: ...

        await self.asides.ask(nothing)

    def outcomes(self) -> list[tuple[str, str]]:
        """What was told of sounds."""
        return [(event.sound, event.outcome) for event in self.told if isinstance(event, SoundEnded)]


@pytest.fixture
async def call() -> Any:
    tasks = Tasks("test")
    yield Call(tasks)
    await tasks.aclose()


async def test_what_plays_begins_anew_at_the_next_relay_and_ends_there(call: Call) -> None:
    await call.sounds.play(BELL)
    call.lose()
    await call.arrive()
    assert call.relays.asked == [("m-a", "bell"), ("m-b", "bell")]
    assert call.relays.ids[0] == call.relays.ids[1]
    sent = SoundSent(media_id="m-b", call_id="c-1", play_id=call.relays.ids[1], sound="bell", outcome="stopped")
    call.sounds.over(sent)
    assert call.outcomes() == [("bell", "stopped")]


async def test_what_was_over_or_replaced_does_not(call: Call) -> None:
    await call.sounds.play(BELL)
    await call.sounds.play(GONG)
    call.lose()
    await call.arrive()
    assert call.relays.asked[-1] == ("m-b", "gong") and len(call.relays.asked) == 3
    assert call.outcomes() == [("bell", "replaced")]  # the relay had no time to say so
    done = SoundSent(media_id="m-b", call_id="c-1", play_id=call.relays.ids[-1], sound="gong", outcome="finished")
    call.sounds.over(done)
    call.sounds.moved()
    await call.settle()
    assert len(call.relays.asked) == 3


async def test_a_sound_that_is_wanted_on_the_way_begins_there(call: Call) -> None:
    call.lose()
    await call.sounds.play(BELL)
    call.sounds.held(True)
    await call.settle()
    assert call.relays.asked == []
    await call.arrive()
    assert call.relays.asked == [("m-b", "music")]
    assert call.outcomes() == [("bell", "replaced")]


async def test_one_that_is_stopped_on_the_way_does_not(call: Call) -> None:
    await call.sounds.play(BELL)
    call.lose()
    await call.sounds.stop()
    assert call.outcomes() == [("bell", "stopped")]
    await call.arrive()
    assert call.relays.asked == [("m-a", "bell")]


async def test_nor_one_that_was_stopped_when_nobody_knew_yet_that_the_relay_was_dead(call: Call) -> None:
    await call.sounds.play(BELL)
    call.relays.refusal = NoOwner("relay.a.cmd")
    await call.sounds.stop()
    assert call.outcomes() == [("bell", "stopped")]


async def test_one_that_a_dead_relay_was_asked_for_waits_for_the_next(call: Call) -> None:
    call.sounds.begin_with(BELL, ends_call=True)
    call.relays.refusal = NoOwner("relay.a.cmd")
    call.sounds.established()
    await call.settle()
    assert call.failed == []
    call.relays.refusal = None
    await call.arrive()
    assert call.relays.asked == [("m-a", "bell"), ("m-b", "bell")]


async def test_without_a_next_one_whoever_wants_something_is_told(call: Call) -> None:
    call.is_alone, call.relays.refusal = True, NoOwner("relay.a.cmd")
    for verb in (lambda: call.sounds.play(BELL), call.sounds.stop):
        with pytest.raises(RemoteError, match="503"):
            await verb()
    call.sounds.begin_with(BELL, ends_call=True)
    call.sounds.established()
    await call.settle()
    assert call.failed == [(503, "Service Unavailable")]


@pytest.mark.parametrize("ends_call", [False, True])
async def test_a_relay_that_has_no_such_sound_ends_it_and_a_call_that_was_for_it(call: Call, ends_call: bool) -> None:
    call.sounds.begin_with(BELL, ends_call)
    call.sounds.established()
    await call.settle()
    call.lose()
    call.relays.refusal = RemoteError(404, "No Such Sound")
    await call.arrive()
    assert call.outcomes() == [("bell", "failed")]
    assert call.failed == ([(404, "No Such Sound")] if ends_call else [])
