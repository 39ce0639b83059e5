"""Every state of a call against every input."""

import itertools

import pytest

from signaling.core.call import TABLE, Action, Call, CallState, Input


@pytest.mark.parametrize(("state", "what"), list(itertools.product(CallState, Input)))
def test_a_call_moves_by_the_table_and_by_nothing_else(state: CallState, what: Input) -> None:
    call = Call("c", state, 0.0)
    action = call.handle(what)
    if (state, what) in TABLE:
        assert (action, call.state) == TABLE[state, what]
    else:
        assert action is None and call.state is state


def test_nothing_happens_to_a_call_that_is_over() -> None:
    assert not [pair for pair in TABLE if pair[0] is CallState.OVER]


def test_every_other_state_has_a_way_out() -> None:
    after: dict[CallState, set[CallState]] = {state: set() for state in CallState}
    for (state, _), (_, then) in TABLE.items():
        after[state].add(then)
    for state in CallState:
        reached = {state}
        while (more := set().union(*(after[one] for one in reached)) | reached) != reached:
            reached = more
        assert CallState.OVER in reached


def test_events_are_held_back_only_while_the_request_is_unanswered() -> None:
    holding = {state for (state, _), (action, _) in TABLE.items() if action is Action.HOLD_BACK}
    assert holding == {CallState.STARTING, CallState.ABANDONED}
