"""Where the media of a call without a browser is: the far side alone is to follow to another relay."""

import pytest

from shared.messages import MediaRef
from sip_agent.core.media.anchor import (
    GONE,
    LET_PASS,
    RETRY_EVERY,
    Anchor,
    AnchorOutput,
    Build,
    GiveUp,
    Release,
    Save,
    State,
    TellFarSide,
)

OLD, NEW, THIRD = (MediaRef(relay=f"relay-{name}", media_id=f"m-{name}") for name in "abc")
GRACE = 10.0


def anchored(owns_call_id: bool = True) -> Anchor:
    return Anchor(lambda: owns_call_id, GRACE, OLD, is_headless=True)


def expect_outputs(anchor: Anchor, *outputs: AnchorOutput) -> None:
    assert anchor.take_output() == [*outputs]


def moving(anchor: Anchor) -> None:
    """Its relay is gone, another one has the session, and the far side is told."""
    anchor.gone(OLD, "through", 100.0)
    expect_outputs(anchor, Build())
    anchor.built(NEW, "", 100.1)
    expect_outputs(anchor, Save())
    anchor.handle_timer(100.1)
    expect_outputs(anchor, TellFarSide())
    assert (anchor.state, anchor.has_far_side) == (State.MOVING, False)


def test_it_is_at_the_new_relay_once_the_far_side_is() -> None:
    anchor = anchored()
    moving(anchor)
    anchor.far_side_told(NEW, 100.2)
    expect_outputs(anchor, Save(), Release(OLD))
    assert (anchor.state, anchor.current, anchor.next_timer()) == (State.ANCHORED, NEW, None)
    assert anchor.has_far_side


def test_a_relay_that_drains_forwards_until_the_far_side_is_at_the_other_one() -> None:
    anchor = anchored()
    anchor.drains(100.0)
    expect_outputs(anchor, Build())
    assert anchor.has_far_side
    anchor.built(NEW, "", 100.1)
    expect_outputs(anchor, Save())
    anchor.handle_timer(100.1)
    expect_outputs(anchor, TellFarSide())
    assert (anchor.state, anchor.sessions) == (State.MOVING, [NEW, OLD])
    anchor.far_side_told(NEW, 100.2)
    expect_outputs(anchor, Save(), Release(OLD))


def test_it_stays_where_it_is_when_no_other_relay_takes_it() -> None:
    anchor = anchored()
    anchor.drains(100.0)
    anchor.take_output()
    anchor.not_built(100.1)
    expect_outputs(anchor)
    assert (anchor.state, anchor.current, anchor.may_leave) == (State.ANCHORED, OLD, True)


def test_who_was_called_lets_the_far_sides_reinvite_pass() -> None:
    anchor = anchored(owns_call_id=False)
    anchor.gone(OLD, "through", 100.0)
    anchor.built(NEW, "", 100.0)
    anchor.take_output()
    assert anchor.next_timer() == 100.0 + LET_PASS
    anchor.far_side_told(NEW, 100.1)
    expect_outputs(anchor, Save(), Release(OLD))
    assert anchor.next_timer() is None


def test_the_new_relay_may_go_as_well() -> None:
    anchor = anchored()
    moving(anchor)
    anchor.gone(NEW, "through", 101.0)
    expect_outputs(anchor, Build())
    anchor.built(THIRD, "", 101.1)
    expect_outputs(anchor, Release(OLD), Save())
    anchor.far_side_told(NEW, 101.2)  # an answer to the offer of the one that is gone
    assert anchor.is_moving
    anchor.far_side_told(THIRD, 101.3)
    expect_outputs(anchor, Save(), Release(NEW))


def test_relays_are_asked_until_the_time_of_grace_is_over() -> None:
    anchor = anchored()
    anchor.gone(OLD, "through", 100.0)
    anchor.take_output()
    anchor.not_built(100.1)
    anchor.handle_timer(100.1 + RETRY_EVERY)
    expect_outputs(anchor, Build())
    anchor.not_built(100.5)
    anchor.handle_timer(100.0 + GRACE)
    assert anchor.take_output()[-1] == GiveUp(GONE)


@pytest.mark.parametrize("is_late", [False, True])
def test_a_far_side_that_refuses_or_does_not_come_ends_the_call(is_late: bool) -> None:
    anchor = anchored()
    moving(anchor)
    if is_late:
        anchor.handle_timer(100.0 + GRACE)
    else:
        anchor.refused(100.2)
    expect_outputs(anchor, GiveUp(GONE))


def test_one_that_rings_there_waits_for_its_answer() -> None:
    anchor = anchored()
    anchor.gone(OLD, "calling", 100.0)
    expect_outputs(anchor)
    assert (anchor.state, anchor.has_far_side) == (State.STRANDED, False)
    anchor.answered(150.0)
    expect_outputs(anchor, Build())
    anchor.built(NEW, "", 150.1)
    expect_outputs(anchor, Save())
    assert anchor.state is State.MOVING


def test_one_that_rings_here_has_its_media_elsewhere_at_once() -> None:
    anchor = anchored(owns_call_id=False)
    anchor.gone(OLD, "called", 100.0)
    expect_outputs(anchor, Build())
    anchor.built(NEW, "", 100.1)
    expect_outputs(anchor, Save(), Release(OLD))
    assert (anchor.state, anchor.current) == (State.ANCHORED, NEW)
