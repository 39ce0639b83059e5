"""What the end of one of two joined calls is to the other, and who is tied again after a take-over."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.bus import Bus
from shared.messages import AllocateMedia, MediaAllocated, MediaRef, Message, Sound
from shared.messages.account import CallState
from shared.tasks import Tasks
from sip_agent.calls.joining import RINGBACK, JoinedMedia, Joining, Partner, SecondPartyCall, rejoin
from sip_agent.calls.sounds import CallSounds
from sip_agent.core.call.facts import CallFacts
from sip_agent.core.call.outputs import Ended
from sip_agent.core.media.anchor import Anchor
from sip_agent.mailbox import Mailbox

BUS = cast(Bus, None)  # nothing is asked of a relay here
BUSY = Ended(486, "Busy Here", "remote", was_established=False)
GONE = Ended(200, "Normal Call Clearing", "remote", was_established=True)
OLD, NEW = (MediaRef(relay=f"relay-{number}", media_id=f"m-{number}") for number in (1, 2))
JOINED = (200, "Joined Call Ended")


class Call:
    """A call that takes note of how it is ended."""

    epoch = 1

    def __init__(self, call_id: str, created_at: float = 0.0, joined_to: str = "") -> None:
        self.facts = CallFacts(call_id, "s-1", "outgoing", "sip:a@b", "sip:c@d", created_at)
        self.call_id = call_id
        self.media: MediaRef | None = None
        self.asides = Mailbox(Tasks("test"), call_id)
        self.sounds = cast(CallSounds, None)
        self.media_side = cast(JoinedMedia, None)
        self.told_state: CallState = "established"
        self.joined_call_id = joined_to
        self.partner: Partner | None = None
        self.failed: list[tuple[int, str]] = []

    def fail(self, status: int, reason: str) -> None:
        self.failed.append((status, reason))

    def end(self, end: Ended) -> None:
        assert self.partner is not None
        self.partner.ended(self, end)


def two() -> tuple[Call, Call]:
    first, second = Call("c-1"), Call("c-2")
    Joining(BUS, first, "c-2").add(second)
    return first, second


def test_each_knows_the_other_and_both_are_settled_once_they_are_answered() -> None:
    first, second = Call("c-1"), Call("c-2")
    joining = Joining(BUS, first, "c-2")
    assert not joining.is_settled
    joining.add(second)
    assert (first.joined_call_id, second.joined_call_id) == ("c-2", "c-1")
    assert joining.is_settled
    second.told_state = "ringing"
    assert not joining.is_settled


@pytest.mark.parametrize(
    ("state", "said"),
    [("established", JOINED), ("ringing", (487, "Request Terminated")), ("trying", (487, "Request Terminated"))],
)
def test_the_end_of_the_first_ends_the_second(state: CallState, said: tuple[int, str]) -> None:
    first, second = two()
    second.told_state = state
    first.end(GONE)
    assert (first.failed, second.failed) == ([], [said])
    assert first.partner is None


@pytest.mark.parametrize(("end", "said"), [(GONE, JOINED), (BUSY, (486, "Busy Here"))])
def test_the_end_of_the_second_ends_the_first_with_what_became_of_it(end: Ended, said: tuple[int, str]) -> None:
    first, second = two()
    second.end(end)
    assert (first.failed, second.failed) == ([said], [])


def test_a_first_party_that_leaves_before_the_second_is_called_leaves_nothing() -> None:
    first = Call("c-1")
    Joining(BUS, first, "c-2")
    first.end(GONE)
    assert first.failed == []


def test_after_a_take_over_calls_are_tied_again_the_older_one_first() -> None:
    second, first = Call("c-2", 2.0, joined_to="c-1"), Call("c-1", 1.0, joined_to="c-2")
    alone = Call("c-3")
    rejoin(BUS, [second, first, alone])
    assert alone.partner is None
    second.told_state = "ringing"
    second.end(BUSY)
    assert (first.failed, alone.failed) == ([(486, "Busy Here")], [])


def test_after_a_take_over_a_call_whose_other_is_gone_ends() -> None:
    first = Call("c-1", joined_to="c-2")
    rejoin(BUS, [first])
    assert first.failed == [(503, "Joined Call Is Gone")]
    tied, other = two()
    rejoin(BUS, [tied, other])
    assert (tied.failed, other.failed) == ([], [])


def test_the_other_one_counts_once_it_is_answered() -> None:
    first, second = Call("c-1"), Call("c-2")
    joining = Joining(BUS, first, "c-2")
    assert joining.other("c-1") is None
    joining.add(second)
    second.told_state = "ringing"
    assert (joining.other("c-1"), joining.other("c-2")) == (None, first)
    second.told_state = "established"
    assert joining.other("c-1") is second


class Relay:
    """A bus with one relay."""

    def __init__(self) -> None:
        self.media_ids: list[str] = []

    async def request(self, subject: str, command: Message, reply: Any) -> MediaAllocated:
        assert isinstance(command, AllocateMedia)
        self.media_ids.append(command.joined_to)
        return MediaAllocated(media=MediaRef(relay="relay-2", media_id=command.media_id), sip_sdp="offer")


class Silence:
    """Sounds that nobody hears."""

    async def play_aside(self, sound: Sound) -> None: ...


async def test_a_second_party_is_called_once_the_first_has_a_relay_again() -> None:
    relay, first, invited = Relay(), Call("c-1"), asyncio.Event()
    anchor = Anchor(lambda: True, 10.0, OLD, is_headless=True)
    first.media, first.sounds = OLD, cast(CallSounds, Silence())
    first.media_side = cast(JoinedMedia, SimpleNamespace(anchor=anchor))
    anchor.gone(OLD, "through", 1.0)

    async def invite(allocated: MediaAllocated) -> None:
        invited.set()

    joining = SecondPartyCall(cast(Bus, relay), "agent-1", first, "c-2", RINGBACK, invite)
    joining.established(first)
    await first.asides.ask(nothing)
    assert not invited.is_set() and first.failed == []
    joining.moved("c-2")  # that is not what it waits for
    first.media = NEW
    anchor.built(NEW, "", 1.1)
    anchor.far_side_told(NEW, 1.2)
    joining.moved("c-1")
    await first.asides.ask(nothing)
    assert invited.is_set() and relay.media_ids == ["m-2"]
    joining.moved("c-1")  # another time
    await first.asides.ask(nothing)
    assert relay.media_ids == ["m-2"]


async def nothing() -> None: ...
