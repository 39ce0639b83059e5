"""Where the media of a call is, by the table: relays that go, browsers and far sides that follow or do not."""

import pytest

from shared.messages import MediaRef
from sip_agent.core.media.anchor import (
    GONE,
    LET_PASS,
    PREPARED_FOR,
    RETRY_EVERY,
    TELL_EVERY,
    Anchor,
    AnchorOutput,
    Build,
    GiveUp,
    Phase,
    Release,
    Save,
    State,
    TellBrowser,
    TellFarSide,
)

OLD, NEW, THIRD = (MediaRef(relay=f"relay-{name}", media_id=f"m-{name}") for name in "abc")
GRACE = 10.0


def anchored(owns_call_id: bool = True, grace: float = GRACE) -> Anchor:
    return Anchor(lambda: owns_call_id, grace, OLD)


def expect_outputs(anchor: Anchor, *outputs: AnchorOutput) -> None:
    assert anchor.take_output() == [*outputs]


def building(anchor: Anchor, phase: Phase = "through") -> None:
    anchor.gone(OLD, phase, 100.0)
    expect_outputs(anchor, Build())


def moving(anchor: Anchor) -> None:
    """Its relay is gone, and another one has the session."""
    building(anchor)
    anchor.built(NEW, "offer", 100.1)
    expect_outputs(anchor, Save(), TellBrowser("offer"))
    anchor.handle_timer(100.1 + LET_PASS)
    expect_outputs(anchor, TellFarSide())


def prepared(anchor: Anchor) -> None:
    """Its relay drains, and another one expects the browser."""
    anchor.drains(100.0)
    expect_outputs(anchor, Build())
    anchor.built(NEW, "offer", 100.1)
    expect_outputs(anchor, TellBrowser("offer"))


@pytest.mark.parametrize("browser_first", [True, False])
def test_a_session_whose_relay_is_gone_is_at_the_new_one_when_both_ends_are(browser_first: bool) -> None:
    anchor = anchored()
    moving(anchor)
    assert (anchor.state, anchor.current, anchor.is_moving) == (State.MOVING, NEW, True)
    steps = [lambda: anchor.connected(NEW.media_id, 100.3), lambda: anchor.far_side_told(NEW, 100.3)]
    for step in steps if browser_first else reversed(steps):
        assert anchor.is_moving
        expect_outputs(anchor)
        step()
    expect_outputs(anchor, Save(), Release(OLD))
    assert (anchor.state, anchor.current, anchor.is_moving, anchor.offer) == (State.ANCHORED, NEW, False, "")
    assert anchor.sessions == [NEW]
    assert anchor.next_timer() is None


def test_what_concerns_another_session_counts_for_nothing() -> None:
    anchor = anchored()
    moving(anchor)
    anchor.connected(OLD.media_id, 100.3)
    anchor.far_side_told(OLD, 100.3)
    anchor.gone(OLD, "through", 100.3)
    expect_outputs(anchor)
    assert anchor.state is State.MOVING


@pytest.mark.parametrize(("owns_call_id", "wait"), [(True, 0.0), (False, LET_PASS)])
def test_who_did_not_call_lets_the_far_sides_reinvite_pass(owns_call_id: bool, wait: float) -> None:
    anchor = anchored(owns_call_id)
    building(anchor)
    anchor.built(NEW, "offer", 100.0)
    anchor.take_output()
    assert anchor.next_timer() == 100.0 + wait
    anchor.far_side_told(NEW, 100.0)  # its re-INVITE came, and was answered
    anchor.handle_timer(101.0)
    expect_outputs(anchor)


def test_it_tells_the_far_side_all_the_same_where_none_comes() -> None:
    anchor = anchored(owns_call_id=False)
    building(anchor)
    anchor.built(NEW, "offer", 100.0)
    anchor.take_output()
    anchor.connected(NEW.media_id, 100.1)
    anchor.handle_timer(100.0 + LET_PASS)
    expect_outputs(anchor, TellFarSide())


def test_relays_are_asked_until_one_takes_the_session() -> None:
    anchor = anchored()
    building(anchor)
    anchor.not_built(100.2)
    expect_outputs(anchor)
    anchor.handle_timer(100.2 + RETRY_EVERY)
    expect_outputs(anchor, Build())
    anchor.built(NEW, "offer", 101.0)
    assert anchor.current == NEW


def test_the_call_ends_when_none_does() -> None:
    anchor = anchored()
    building(anchor)
    anchor.not_built(100.2)
    anchor.handle_timer(100.0 + GRACE)
    assert anchor.take_output()[-1] == GiveUp(GONE)
    assert anchor.next_timer() is None


def test_without_a_time_of_grace_it_ends_at_once() -> None:
    anchor = anchored(grace=0.0)
    anchor.gone(OLD, "through", 100.0)
    expect_outputs(anchor, GiveUp(GONE))


@pytest.mark.parametrize("missing", ["browser", "far side"])
def test_the_call_ends_when_an_end_does_not_come(missing: str) -> None:
    anchor = anchored()
    moving(anchor)
    if missing == "browser":
        anchor.far_side_told(NEW, 100.5)
    else:
        anchor.connected(NEW.media_id, 100.5)
    anchor.handle_timer(100.0 + GRACE)
    expect_outputs(anchor, GiveUp(GONE))


def test_the_call_ends_when_the_page_or_the_far_side_cannot_follow() -> None:
    for step in (Anchor.unable, Anchor.refused):
        anchor = anchored()
        moving(anchor)
        step(anchor, 100.2)
        expect_outputs(anchor, GiveUp(GONE))


def test_the_page_is_told_until_its_pod_has_it_or_it_is_there() -> None:
    anchor = anchored()
    moving(anchor)
    for now in (101.0, 102.0):
        anchor.not_told(now)
        anchor.handle_timer(now + TELL_EVERY)
        expect_outputs(anchor, TellBrowser("offer"))
    anchor.not_told(103.0)
    anchor.connected(NEW.media_id, 103.1)
    anchor.handle_timer(104.0)
    expect_outputs(anchor)


def test_the_new_relay_may_go_as_well() -> None:
    anchor = anchored()
    moving(anchor)
    anchor.gone(NEW, "through", 101.0)
    expect_outputs(anchor, Build())
    anchor.built(THIRD, "another offer", 101.1)
    expect_outputs(anchor, Release(OLD), Save(), TellBrowser("another offer"))
    anchor.connected(THIRD.media_id, 101.3)
    anchor.far_side_told(THIRD, 101.4)
    expect_outputs(anchor, Save(), Release(NEW))


def test_an_outgoing_call_rings_on_without_media_and_gets_some_when_it_is_answered() -> None:
    anchor = anchored()
    anchor.gone(OLD, "calling", 100.0)
    expect_outputs(anchor)
    assert (anchor.state, anchor.is_lost, anchor.next_timer()) == (State.STRANDED, True, None)
    anchor.answered(150.0)
    expect_outputs(anchor, Build())
    anchor.built(NEW, "offer", 150.1)
    expect_outputs(anchor, Save(), TellBrowser("offer"))
    assert anchor.state is State.MOVING


def test_an_incoming_call_that_rings_gets_another_offer_and_nobody_is_waited_for() -> None:
    anchor = anchored(owns_call_id=False)
    building(anchor, "called")
    anchor.built(NEW, "offer", 100.1)
    expect_outputs(anchor, Save(), TellBrowser("offer"), Release(OLD))
    assert (anchor.state, anchor.current, anchor.next_timer()) == (State.ANCHORED, NEW, None)
    anchor.told(100.2)
    assert anchor.offer == ""


def test_one_whose_page_cannot_take_it_ends() -> None:
    anchor = anchored(owns_call_id=False)
    building(anchor, "called")
    anchor.built(NEW, "offer", 100.1)
    anchor.take_output()
    anchor.unable(100.2)
    expect_outputs(anchor, GiveUp(GONE))


def test_a_relay_that_drains_is_left_when_the_browser_is_at_the_other_one() -> None:
    anchor = anchored()
    prepared(anchor)
    assert (anchor.state, anchor.current, anchor.for_browser) == (State.PREPARED, OLD, NEW)
    anchor.connected(NEW.media_id, 100.3)
    expect_outputs(anchor, Save())
    assert (anchor.state, anchor.current, anchor.offer) == (State.MOVING, NEW, "")
    anchor.handle_timer(100.3)
    expect_outputs(anchor, TellFarSide())
    anchor.far_side_told(NEW, 100.4)
    expect_outputs(anchor, Save(), Release(OLD))


def test_it_goes_on_where_it_is_when_no_other_takes_it_or_the_browser_stays() -> None:
    anchor = anchored()
    anchor.drains(100.0)
    anchor.take_output()
    anchor.not_built(100.1)
    assert anchor.may_leave
    prepared(anchor)
    anchor.handle_timer(100.1 + PREPARED_FOR)
    expect_outputs(anchor, Release(NEW))
    assert anchor.may_leave
    prepared(anchor)
    anchor.unable(100.2)
    expect_outputs(anchor, Release(NEW))
    assert (anchor.current, anchor.may_leave) == (OLD, False)


def test_the_next_relay_may_go_before_anybody_is_there() -> None:
    anchor = anchored()
    prepared(anchor)
    anchor.gone(NEW, "through", 100.2)
    expect_outputs(anchor, Release(NEW))
    assert (anchor.state, anchor.current) == (State.ANCHORED, OLD)


@pytest.mark.parametrize("is_built", [False, True])
def test_a_relay_that_goes_while_it_drains_is_left_at_once(is_built: bool) -> None:
    anchor = anchored()
    anchor.drains(100.0)
    if is_built:
        anchor.built(NEW, "offer", 100.1)
    anchor.gone(OLD, "through", 100.2)
    if not is_built:
        anchor.built(NEW, "offer", 100.3)
    assert (anchor.state, anchor.current) == (State.MOVING, NEW)
    assert Save() in anchor.take_output()


def test_a_session_that_comes_too_late_is_given_back() -> None:
    anchor = anchored()
    anchor.built(NEW, "offer", 100.0)
    expect_outputs(anchor, Release(NEW))
