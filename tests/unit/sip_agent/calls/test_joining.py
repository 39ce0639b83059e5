"""What the end of one of two joined calls is to the other, and who is tied again after a take-over."""

from typing import cast

import pytest

from shared.bus import Bus
from shared.messages import MediaRef
from shared.messages.account import CallState
from shared.tasks import Tasks
from sip_agent.calls.joining import JoinedMedia, Joining, Partner, rejoin
from sip_agent.calls.sounds import CallSounds
from sip_agent.core.call.facts import CallFacts
from sip_agent.core.call.outputs import Ended
from sip_agent.mailbox import Mailbox

BUS = cast(Bus, None)  # nothing is asked of a relay here
BUSY = Ended(486, "Busy Here", "remote", was_established=False)
GONE = Ended(200, "Normal Call Clearing", "remote", was_established=True)
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
